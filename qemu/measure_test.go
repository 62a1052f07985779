package qemu

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/fakeqmp"
	"github.com/guestrc/guestrc/tests/lab"
	rom "github.com/guestrc/guestrc/tests/romguest"
)

// A glance tells what an inspection does, but for a guest that has halted:
// whether it has cannot be seen without stopping its CPUs for a moment.
func TestGlanceAsksForTheStateAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "qmp")
	m := fakeqmp.StartMonitor(t, path, nil)
	target := fakeTarget(t, path)
	if got := target.m.Glance(t.Context(), target.p); got.State != "running" || got.Why != "" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{"qmp_capabilities", "query-status"}, m.Calls()); diff != "" {
		t.Error(diff)
	}
}

func TestGlanceStates(t *testing.T) {
	t.Parallel()
	for state, c := range map[string]struct {
		code rom.Code
		args []string
	}{
		"running":        {rom.Idle(), nil},
		"prelaunch":      {rom.Idle(), []string{"-S"}},
		"guest-panicked": {rom.Panic(), []string{"-device", "pvpanic", "-action", "panic=pause"}},
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			r := startROM(t, c.code, c.args...)
			var got guest.Condition
			for ctx := within(t, patience); ctx.Err() == nil && got.State != state; time.Sleep(5 * time.Millisecond) {
				got = r.m.Glance(ctx, r.p)
			}
			if got.State != state || got.Why != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Where QEMU cannot be asked, a glance says why in good time.
func TestGlanceUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(r *romMachine)
		why    string
	}{
		"stopped":   {func(r *romMachine) { r.Freeze(r.t) }, "stopped by a signal"},
		"busy":      {func(r *romMachine) { r.hold(r.QMP) }, "another client has the monitor"},
		"gone":      {func(r *romMachine) { r.Kill() }, "nobody listens on"},
		"no socket": {func(r *romMachine) { unix.Unlink(r.QMP) }, "nobody listens on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := upROM(t, rom.Do(rom.Up(), rom.Idle()))
			c.before(r)
			began := time.Now()
			got := r.m.Glance(t.Context(), r.p)
			took := time.Since(began)
			if got.State != guest.Unknown || !strings.Contains(got.Why, c.why) {
				t.Errorf("%+v, want %q", got, c.why)
			}
			if took > inspectTime+time.Second { // the machine is shared; the limit itself is a deadline
				t.Errorf("it took %v", took)
			}
		})
	}
}

// What a monitor says in place of a state does not reach anybody.
func TestGlanceAtAHostileMonitor(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"\x1b[2J", strings.Repeat("x", 1000), "a b", "ü"} {
		path := filepath.Join(t.TempDir(), "qmp")
		answer, err := json.Marshal(map[string]string{"status": state})
		if err != nil {
			t.Fatal(err)
		}
		fakeqmp.StartMonitor(t, path, map[string]fakeqmp.Answer{"query-status": fakeqmp.Return(string(answer))})
		target := fakeTarget(t, path)
		if got := target.m.Glance(t.Context(), target.p); got.State != guest.Unknown {
			t.Errorf("%q: %+v", state, got)
		}
	}
}

// What links count is turned round: what the host receives, the guest has sent.
// Those of others, and those without a name on record, are not the guest's.
func TestMeasureABusyMachine(t *testing.T) {
	t.Parallel()
	// Else a thread of another test, if it was the first one, is taken for us.
	if !lab.NetNS(t) {
		return
	}
	spinning := upROM(t, rom.Do(rom.Up(), rom.Idle()))
	spinning.m.recalled = []hostEnd{{"qdb-0", "br0"}, {"", "br1"}, {"gone", "br0"}}
	links := func() map[string]guest.LinkCount {
		return map[string]guest.LinkCount{"qdb-0": {Index: 3, Received: 10, Sent: 20}, "": {Received: 100}, "other": {Received: 1000}}
	}
	u, err := spinning.m.Measure(t.Context(), spinning.p, links)
	if err != nil {
		t.Fatal(err)
	}
	if u.Memory < 1<<20 || u.CPU <= 0 || u.Received != 20 || u.Sent != 10 || u.Limit != 0 || u.Procs != 0 {
		t.Errorf("%+v", u)
	}
	spinning.Kill()
	if u, err := spinning.m.Measure(t.Context(), spinning.p, links); err == nil {
		t.Errorf("of one that is gone: %+v", u)
	}
}

// Nobody's links are listed for a machine that has none.
func TestMeasureWithoutLinks(t *testing.T) {
	t.Parallel()
	r := upROM(t, rom.Do(rom.Up(), rom.Idle()))
	if _, err := r.m.Measure(t.Context(), r.p, func() map[string]guest.LinkCount { t.Error("they were listed"); return nil }); err != nil {
		t.Error(err)
	}
}

func TestRungsThatDoNotExist(t *testing.T) {
	bare, able := &Machine{}, &Machine{Sockets: Sockets{Agent: "/a"}, Stop: StopPolicy{SSHTarget: "root@a"}}
	for rung, want := range map[string]bool{"agent": true, "ssh": true, "acpi": false, "quit": false, "KILL": false, "forever": false} {
		if bare.Lacks(rung) != want || able.Lacks(rung) {
			t.Errorf("%s: %v, %v", rung, bare.Lacks(rung), able.Lacks(rung))
		}
	}
}
