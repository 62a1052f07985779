package containers

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// history is what became of a container: event and cause of each entry.
func (w *world) history(name string, want ...string) []history.Entry {
	w.t.Helper()
	r := w.must("history", "--json", name)
	var report struct {
		Guests []struct{ Entries []history.Entry }
	}
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || len(report.Guests) != 1 {
		w.t.Fatalf("history --json: %v: %s", err, r)
	}
	var got []string
	for _, e := range report.Guests[0].Entries {
		got = append(got, strings.TrimSpace(e.Event+" "+e.Cause))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		w.t.Errorf("history: %q, want %q\n%s", got, want, r)
	}
	return report.Guests[0].Entries
}

// monitorGone waits until the container's monitor has ended.
func monitorGone(t *testing.T, m *pidfile.Process) time.Time {
	t.Helper()
	if err := m.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	return time.Now()
}

// monitor is that of a container that runs.
func monitor(t *testing.T, c *rootfs.Container) *pidfile.Process {
	t.Helper()
	m, err := c.Monitor()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestHistoryOfAContainersOwnPoweroff(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	name := w.guest(c)
	w.must("start", name)
	m := monitor(t, c)
	time.Sleep(100 * time.Millisecond) // later than its record by more than the grain of files' times
	if err := c.PowerOff(); err != nil {
		t.Fatal(err)
	}
	end := monitorGone(t, m)
	time.Sleep(1500 * time.Millisecond) // the time told is that of the end, not of the look
	for range 2 {
		if r := w.run("status", name); r.code != guest.StateStopped || !strings.Contains(r.out, ": stopped (by the guest, 2") {
			t.Errorf("status: %s", r)
		}
	}
	kept := w.history(name, "start", "end guest")
	if e := kept[1]; e.About || e.At.After(end) || end.Sub(e.At) > time.Second || e.Crashed {
		t.Errorf("it was gone at %v: %+v", end, e)
	}
	nothingLeft(t, c)
	w.must("start", name)
	w.must("stop", name)
	w.history(name, "start", "end guest", "start", "stop poweroff")
}

// A container that others have started leaves no trace that would date its end.
func TestHistoryOfAStray(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	name := w.guest(c)
	c.Start(t)
	w.must("start", name)
	m := monitor(t, c)
	time.Sleep(100 * time.Millisecond)
	if err := c.PowerOff(); err != nil {
		t.Fatal(err)
	}
	monitorGone(t, m)
	w.wants(name, guest.Stopped)
	kept := w.history(name, "start", "end guest")
	if kept[0].Fresh || !kept[1].About {
		t.Errorf("history: %+v", kept)
	}
}

func TestHistoryOfAKilledMonitor(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	name := w.guest(c)
	w.must("start", name)
	m := monitor(t, c)
	if err := m.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	monitorGone(t, m)
	for range 2 {
		w.wants(name, guest.Crashed)
	}
	w.must("stop", name)
	nothingLeft(t, c)
	kept := w.history(name, "start", "end crash")
	if e := kept[1]; !e.Crashed || !e.About {
		t.Errorf("end: %+v", e)
	}
	if left, err := os.ReadDir(w.root + "/run/guestrc/" + name); err != nil || len(left) > 2 {
		t.Errorf("left in the run directory: %v, %v", left, err)
	}
}

// Whoever asks for it, a reboot is no end; neither is an init that reboots
// instead of powering off more than one stop.
func TestHistoryOfReboots(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	name := w.guest(c)
	w.must("start", name)
	m := monitor(t, c)
	init, err := c.Process()
	if err != nil {
		t.Fatal(err)
	}
	defer init.Close()
	if err := init.Signal(rootfs.Busybox.RebootSignal()); err != nil { // its own
		t.Fatal(err)
	}
	monitorGone(t, init)
	if st := w.wants(name, guest.Running); st.PID != m.Pid() {
		t.Errorf("status: %+v", st)
	}
	w.must("start", name) // waits until it is up again
	w.must("reboot", name)
	w.must("stop", name)
	w.history(name, "start", "reboot", "stop poweroff")
	nothingLeft(t, c)
}

func TestHistoryOfAForcedStop(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Stubborn)
	name := w.guest(c, `stop_schedule="halt/1/KILL/5"`)
	w.must("start", name)
	w.must("stop", name)
	kept := w.history(name, "start", "stop killed by SIGKILL")
	if e := kept[1]; e.Stop == nil || len(e.Stop.Rungs) != 2 || !e.Stop.Forced {
		t.Errorf("stop: %+v", e)
	}
}
