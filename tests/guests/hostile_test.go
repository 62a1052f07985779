package guests

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// asGuestsUser does what an escaped QEMU could: it is nobody, in a directory of
// nobody's.
func (w *world) asGuestsUser(script string) {
	w.t.Helper()
	cmd := command(w.t, "sh", "-ec", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v: %s", script, err, out)
	}
}

func (w *world) sock(name string) string { return filepath.Join(w.root, "run/guestrc", name, "sock") }

// One guest's user must not make us stop another guest.
func TestSocketOfAnotherGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.machine("qemu.a", `extra_args=""`, `stop_schedule="acpi/1/quit/5/KILL/5"`), w.machine("qemu.b", `extra_args=""`)
	w.must("start", a, b)
	victim := w.running(b)
	w.asGuestsUser("ln -sf " + w.sock(b) + "/qmp " + w.sock(a) + "/qmp")
	w.run("status", a)
	w.run("reset", a)
	if r := w.run("stop", a); r.code != 0 {
		t.Errorf("stop: %s", r)
	}
	if victim.Ended() {
		t.Error("the other guest was stopped")
	}
	w.must("kill", b)
}

// Whatever lies in the socket directory, a guest starts again.
func TestLeftInTheSocketDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.machine("qemu.l")
	outside := filepath.Join(w.root, "outside")
	if err := os.WriteFile(outside, []byte("precious"), 0o666); err != nil {
		t.Fatal(err)
	}
	for what, script := range map[string]string{
		"a FIFO":      "rm qmp; mkfifo qmp",
		"a directory": "rm qmp; mkdir -p qmp/deep/deeper; touch qmp/deep/file",
		"a link":      "rm qmp; ln -s " + outside + " qmp",
		"more":        "touch a b c; ln -s " + w.root + " d",
	} {
		w.must("start", name)
		w.asGuestsUser("cd " + w.sock(name) + "; " + script)
		w.must("kill", name)
		w.clean(name)
		w.must("start", name)
		w.must("kill", name)
		if text, err := os.ReadFile(outside); err != nil || string(text) != "precious" {
			t.Fatalf("%s: what lies outside was touched: %q, %v", what, text, err)
		}
	}
}

// A QEMU that dies while its guest is asked to go is not a graceful stop.
func TestDiesDuringAStop(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	for _, sig := range []syscall.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGSEGV} {
		w := newWorld(t)
		name := w.guest("qemu.d", img, "gr.acpi=ignore", `stop_schedule="acpi/60/KILL/5"`)
		w.must("start", name)
		p := w.running(name)
		time.AfterFunc(2*time.Second, func() { p.Signal(sig) })
		r := w.run("stop", name)
		if r.code != 0 || !strings.Contains(r.last(), "died after") || !strings.Contains(r.last(), "during acpi") {
			t.Errorf("%v: %s", sig, r)
		}
		if st := w.status(name); st.LastStop == nil || !st.LastStop.Stop.Died || !st.LastStop.Stop.Forced {
			t.Errorf("%v: record %+v", sig, st.LastStop)
		}
	}
}

// A monitor that somebody has for a while costs time, not the guest.
func TestBusyMonitor(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	name := w.guest("qemu.m", img, "", `stop_schedule="acpi/60/KILL/5"`)
	w.must("start", name)
	c := w.hold(filepath.Join(w.sock(name), "qmp"))
	time.AfterFunc(8*time.Second, func() { c.Close() })
	if r := w.run("stop", name); r.code != 0 || !strings.Contains(r.last(), "by acpi") {
		t.Errorf("stop: %s", r)
	}
	w.ended(name, "acpi")
}

// A run directory that others may write is not taken for "never ran".
func TestLooseRunDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.machine("qemu.w")
	w.must("start", name)
	dir := filepath.Join(w.root, "run/guestrc", name)
	if err := os.Chmod(dir, 0o775); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"stop", "kill", "status", "start", "restart"} {
		if r := w.run(verb, name); r.code != guest.StatusRefused {
			t.Errorf("%s: %s", verb, r)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.must("kill", name)
}

// Two guests with one MAC address, started at the same moment: one runs.
func TestSameAddressAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 5 {
		names := []string{w.machine("qemu.x", "net0=user", "net0_mac=52:54:00:00:00:77"), w.machine("qemu.y", "net0=user", "net0_mac=52:54:00:00:00:77")}
		done := make(chan result)
		for _, name := range names {
			go func() { done <- w.run("start", name) }()
		}
		first, second := <-done, <-done
		if (first.code == 0) == (second.code == 0) || first.code+second.code != guest.StatusNotConfigured {
			t.Errorf("one was to start: %s%s", first, second)
		}
		w.must(append([]string{"kill"}, names...)...)
	}
}

// Callers' own files stay out of guests, and a reader that goes away does not
// end a stop.
func TestCallersFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.machine("qemu.f")
	lock := filepath.Join(w.root, "lock")
	out, err := command(t, "sh", "-c", "exec 9>"+lock+"; flock 9; "+program+" --root "+w.root+" start "+name).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := command(t, "flock", "-n", lock, "true").CombinedOutput(); err != nil {
		t.Errorf("the guest holds its starter's lock: %v %s", err, out)
	}
	var exit interface{ ExitCode() int }
	if err := command(t, "sh", "-c", program+" --root "+w.root+" stop "+name+" | true").Run(); errors.As(err, &exit) {
		t.Errorf("stop into a closed pipe: %v", err)
	}
	for range 100 {
		if w.process(name) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the stop ended with its reader")
}

// A QEMU that dies while its start waits for the guest: the start fails, says
// so, and leaves nothing.
func TestDiesDuringAStart(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	name := w.guest("qemu.d", img, "gr.late=20000")
	done := make(chan result)
	go func() { done <- w.run("start", name) }()
	var killed bool
	for range 200 {
		if p := w.process(name); p != nil {
			killed = p.Signal(unix.SIGKILL) == nil
			p.Close()
			break
		}
		time.Sleep(20 * time.Millisecond) // until the start has a process on record
	}
	r := <-done
	if !killed || r.code != guest.StatusFailed || !strings.Contains(r.err, "ended before it was ready") {
		t.Errorf("start: %s", r)
	}
	w.clean(name)
	if st := w.status(name); st.State != guest.Stopped {
		t.Errorf("status: %+v", st)
	}
}
