package guests

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// history is what became of a guest.
func (w *world) history(name string) []history.Entry {
	w.t.Helper()
	r := w.must("history", "--json", name)
	var report struct {
		Guests []struct{ Entries []history.Entry }
	}
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || len(report.Guests) != 1 {
		w.t.Fatalf("history --json: %v: %s", err, r)
	}
	return report.Guests[0].Entries
}

// tells wants the history in words: a pattern for each line, behind its time.
func (w *world) tells(name string, want ...string) {
	w.t.Helper()
	r := w.must("history", name)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if len(lines) != len(want) {
		w.t.Errorf("history has %d lines, want %d:\n%s", len(lines), len(want), r)
		return
	}
	for i, pattern := range want {
		if !regexp.MustCompile("^" + pattern + "$").MatchString(lines[i]) {
			w.t.Errorf("line %d of the history is not %s:\n%s", i+1, pattern, r)
		}
		if len(lines[i]) > 150 {
			w.t.Errorf("line %d is too long: %s", i+1, lines[i])
		}
	}
}

const (
	stamp   = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  `
	started = stamp + `started, ready after [0-9.]+ m?s \(pid \d+\)`
)

// waits waits until the guest's process has gone, without guestrc's help.
func (w *world) waits(name string) time.Time {
	w.t.Helper()
	if p := w.process(name); p != nil {
		if err := p.Wait(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		p.Close()
	}
	return time.Now()
}

func TestHistoryOfOwnPoweroff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.guest("qemu.o", image(t, tinyguest.Options{}), "gr.boot=poweroff gr.after=200")
	w.must("start", name)
	gone := w.waits(name)
	time.Sleep(1500 * time.Millisecond) // the time told is that of the end, not of the look
	for range 2 {
		if r := w.run("status", name); r.code != guest.StateStopped || !strings.HasPrefix(r.last(), "qemu.o: stopped (by the guest, 2") {
			t.Errorf("status: %s", r)
		}
	}
	w.tells(name, started, stamp+`it ended by itself \[guest\]`)
	e := w.history(name)[1]
	if e.About || e.At.After(gone) || gone.Sub(e.At) > time.Second || e.Crashed || e.PID == 0 {
		t.Errorf("it was gone at %v: %+v", gone, e)
	}
	w.clean(name)
	if r := w.must("stop", name); !strings.Contains(r.last(), "was not running") {
		t.Errorf("stop: %s", r)
	}
	if n := len(w.history(name)); n != 2 {
		t.Errorf("%d entries after a stop of nothing", n)
	}
}

func TestHistoryOfACrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.guest("qemu.c", image(t, tinyguest.Options{}), "", `ready="monitor"`)
	kill := func() {
		t.Helper()
		w.must("start", name)
		if err := w.running(name).Signal(unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		w.waits(name)
	}
	kill()
	if r := w.run("status", name); r.code != guest.StateCrashed || !strings.Contains(r.last(), "crashed (before 2") || !strings.Contains(r.last(), "/sock/") {
		t.Errorf("status: %s", r)
	}
	kill()
	cmd := exec.CommandContext(t.Context(), program, "--root", w.root, "__ended", name) // as systemd calls it
	cmd.Env = append(os.Environ(), "SERVICE_RESULT=signal", "EXIT_CODE=killed", "EXIT_STATUS=KILL")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	if r := w.run("status", name); r.code != guest.StateCrashed || !strings.Contains(r.last(), "its process died: killed by SIGKILL; it left ") {
		t.Errorf("status: %s", r)
	}
	w.must("stop", name)
	w.clean(name)
	w.tells(name, started, stamp+`noticed: its process died \[crash\]`, started, stamp+`its process died: killed by SIGKILL \[crash\]`)
}

func TestHistoryOfAHostsSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.guest("qemu.t", image(t, tinyguest.Options{}), "", `ready="monitor"`)
	w.must("start", name)
	if err := w.running(name).Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.waits(name)
	if r := w.run("status", name); r.code != guest.StateStopped || !strings.Contains(r.last(), "it was ended by signal 15 from pid ") {
		t.Errorf("status: %s", r)
	}
	w.tells(name, started, stamp+`it was ended by signal 15 from pid \d+ \(.*\) \[host-signal\]`)
}

// A reset and a guest's own reboot are no ends.
func TestHistoryOfResetAndReboot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.guest("qemu.r", image(t, tinyguest.Options{}), "gr.boot=reboot gr.after=200")
	w.must("start", name)
	p := w.running(name)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // it boots again and again
	defer cancel()
	if err := p.Wait(ctx); err == nil {
		t.Error("the guest's reboot has ended QEMU")
	}
	w.must("reset", name)
	if st := w.status(name); st.State != guest.Running || st.PID != p.Pid() {
		t.Errorf("status: %+v", st)
	}
	w.must("kill", name)
	w.tells(name, started, stamp+"its reset button was pressed", stamp+`killed after [0-9.]+ m?s`)
}

func TestHistoryOfAPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	img := image(t, tinyguest.Options{})
	name := w.guest("qemu.p", img, "gr.acpi=panic", `stop_schedule="acpi/60/KILL/5"`, `extra_args="-device pvpanic"`)
	w.must("start", name)
	w.must("stop", name)
	if e := w.history(name)[1]; e.Cause != "guest-panic" || e.Stop == nil || e.Stop.By != "acpi" {
		t.Errorf("stop: %+v", e)
	}
}

func TestHistoryOfAForcedStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.guest("qemu.f", image(t, tinyguest.Options{}), "gr.acpi=ignore", `stop_schedule="agent/1/acpi/2/KILL/5"`)
	w.must("start", name)
	w.must("stop", name)
	w.tells(name, started, stamp+`killed after 2\.\d s: agent absent, acpi ignored`,
		`    agent +absent +\d+ ms  .*`, `    acpi +ignored +2\.\d s.*`, `    KILL +down +[0-9.]+ m?s`)
	e := w.history(name)[1]
	if e.Exit == nil || e.Exit.Signal != unix.SIGKILL || e.Schedule != "agent/1/acpi/2/KILL/5" || e.At.Sub(e.Began) < 2*time.Second {
		t.Errorf("stop: %+v", e)
	}
}

func TestHistoryOfAnInterruptedStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.guest("qemu.i", image(t, tinyguest.Options{}), "gr.acpi=ignore", `ready="monitor"`, `stop_schedule="CONT/60/KILL/5"`)
	w.must("start", name)
	stop := exec.CommandContext(t.Context(), program, "--root", w.root, "stop", name)
	if err := stop.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Second, func() { stop.Process.Signal(unix.SIGINT) })
	stop.Wait()
	w.must("kill", name)
	w.tells(name, started, stamp+`still running after [0-9.]+ m?s: CONT interrupted`, `    CONT +interrupted +[0-9.]+ m?s`, stamp+`killed after [0-9.]+ m?s`)
	if e := w.history(name)[1]; !strings.Contains(e.Error, "context canceled") {
		t.Errorf("stop: %+v", e)
	}
}

func TestHistoryOfAFailedStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	img := image(t, tinyguest.Options{})
	img.Kernel = "/nonexistent"
	name := w.guest("qemu.n", img, "")
	if r := w.run("start", name); r.code == 0 {
		t.Fatalf("it starts: %s", r)
	}
	w.tells(name, stamp+`start failed: .*/nonexistent.*`)
}
