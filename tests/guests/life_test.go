package guests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// The main job: start waits until the guest is up, status tells, stop means
// that the guest shut itself down.
func TestLife(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	name := w.guest("qemu.a", img, "")

	if r := w.run("status", name); r.code != guest.StateStopped {
		t.Errorf("status before the first start: %s", r)
	}
	r := w.must("start", name)
	if !strings.Contains(r.last(), "qemu.a is up after") {
		t.Errorf("start ends with %q", r.last())
	}
	st := w.status(name)
	if st.State != guest.Running || st.Condition == nil || st.Condition.State != "running" || st.ReadyAt.IsZero() {
		t.Errorf("status: %+v", st)
	}
	pid := st.PID
	if r := w.must("start", name); !strings.Contains(r.last(), "already running") {
		t.Errorf("second start: %s", r)
	}
	status, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Uid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "Seccomp:\t2"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("QEMU is not confined: /proc/%d/status lacks %q", pid, want)
		}
	}
	if r := w.must("list"); !strings.Contains(r.out, "qemu.a  running") {
		t.Errorf("list: %s", r)
	}
	p := w.running(name)
	r = w.must("stop", name)
	if !p.Ended() {
		t.Error("stop returned before the process was gone")
	}
	if !strings.Contains(r.last(), "qemu.a: down in") || !strings.Contains(r.last(), "by acpi") {
		t.Errorf("stop ends with %q", r.last())
	}
	if last := w.ended(name, "acpi"); last.Cause != "guest-shutdown" || last.Stop.Forced {
		t.Errorf("record: %+v", last)
	}
	if r := w.must("stop", name); !strings.Contains(r.last(), "was not running") {
		t.Errorf("second stop: %s", r)
	}
}

func TestRestartResetKill(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	name := w.guest("qemu.r", img, "")
	w.must("start", name)
	first := w.status(name).PID
	r := w.must("restart", name)
	if !strings.Contains(r.out, "down in") || w.status(name).PID == first {
		t.Errorf("restart: %s", r)
	}
	second := w.status(name).PID
	w.must("reset", name)
	if w.status(name).PID != second {
		t.Error("a reset made another process")
	}
	p := w.running(name)
	if r := w.must("kill", name); !strings.Contains(r.last(), "killed after") || !p.Ended() {
		t.Errorf("kill: %s", r)
	}
	w.ended(name, "KILL")
	if r := w.run("reset", name); r.code != guest.StatusNotRunning {
		t.Errorf("reset of a stopped guest: %s", r)
	}
}

// A restart whose configuration is broken must not stop the guest first.
func TestRestartKeepsAGuestThatCouldNotStart(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	name := w.guest("qemu.k", img, "", `ready="monitor"`)
	w.must("start", name)
	w.guest("qemu.k", img, "", `memory="lots"`)
	if r := w.run("restart", name); r.code != guest.StatusNotConfigured || !strings.Contains(r.err, "qemu.k:12:") {
		t.Errorf("restart: %s", r)
	}
	if w.process(name) == nil {
		t.Error("the guest was stopped")
	}
	w.must("kill", name)
}

func TestLSBScript(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	name := w.guest("qemu.lsb", img, "", `ready="monitor"`)
	link := filepath.Join(w.root, "qemu.lsb")
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	script := func(action string) result { return w.script(link, action) }
	if r := script("status"); r.code != 3 {
		t.Errorf("status: %s", r)
	}
	if r := script("start"); r.code != 0 {
		t.Errorf("start: %s", r)
	}
	if r := script("status"); r.code != 0 {
		t.Errorf("status: %s", r)
	}
	if r := script("reload"); r.code != 3 {
		t.Errorf("reload: %s", r)
	}
	if r := script("kill"); r.code != 0 {
		t.Errorf("kill: %s", r)
	}
	if r := script("try-restart"); r.code != 0 || w.process(name) != nil {
		t.Errorf("try-restart of a stopped guest: %s", r)
	}
	if r := script("nonsense"); r.code != 2 {
		t.Errorf("nonsense: %s", r)
	}
}

func TestCrashIsTold(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	name := w.guest("qemu.c", img, "", `ready="monitor"`)
	w.must("start", name)
	p := w.running(name)
	if err := p.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := w.status(name); st.State != guest.Crashed || st.Code != guest.StateCrashed {
		t.Errorf("status: %+v", st)
	}
	w.must("start", name)
	if st := w.status(name); st.State != guest.Running {
		t.Errorf("after another start: %+v", st)
	}
	w.must("kill", name)
	w.ended(name, "KILL")
}

// A guest that powers itself off is stopped, not crashed.
func TestGuestEndsByItself(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	name := w.guest("qemu.o", img, "gr.boot=poweroff gr.after=200")
	w.must("start", name)
	if p := w.process(name); p != nil {
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
	if st := w.status(name); st.State != guest.Stopped || st.Message != "it ended by itself" {
		left, _ := os.ReadDir(filepath.Join(w.root, "run/guestrc", name, "sock"))
		t.Errorf("status: %+v; sockets %v", st, left)
	}
	w.must("stop", name)
	w.clean(name)
}
