package qemu

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/fakeqmp"
	rom "github.com/guestrc/guestrc/tests/romguest"
)

// inspectEventually asks until the state is there; the guest is on its way to it.
func (r *romMachine) inspectEventually(state string) guest.Condition {
	var c guest.Condition
	for ctx := within(r.t, patience); ctx.Err() == nil && c.State != state; time.Sleep(5 * time.Millisecond) {
		c = r.m.Inspect(ctx, r.p)
	}
	return c
}

func TestInspectStates(t *testing.T) {
	t.Parallel()
	for state, c := range map[string]struct {
		code rom.Code
		args []string
	}{
		"running":        {rom.Idle(), nil},
		"prelaunch":      {rom.Idle(), []string{"-S"}},
		"halted":         {rom.Halt(), []string{"-smp", "2"}},
		"suspended":      {rom.Do(rom.ListenToButton(), rom.SuspendOnce()), nil},
		"shutdown":       {rom.Do(rom.ListenToButton(), rom.PowerOff()), []string{"-no-shutdown"}},
		"guest-panicked": {rom.Panic(), []string{"-device", "pvpanic", "-action", "panic=pause"}},
		"inmigrate":      {rom.Idle(), []string{"-incoming", "defer"}},
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			r := startROM(t, c.code, c.args...)
			if got := r.inspectEventually(state); got.State != state || got.Why != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Where QEMU cannot be asked, the answer comes all the same, and says why.
func TestInspectUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(r *romMachine)
		why    string
	}{
		"stopped": {func(r *romMachine) { r.Freeze(r.t) }, "stopped by a signal"},
		"busy":    {func(r *romMachine) { r.hold(r.QMP) }, "another client has the monitor"},
		"hung": {func(r *romMachine) {
			target := r.m.Target(r.p).(*target)
			r.hang(target)
			target.Close()
		}, "QEMU hangs"},
		"gone":      {func(r *romMachine) { r.Kill() }, "nobody listens on"},
		"no socket": {func(r *romMachine) { unix.Unlink(r.QMP) }, "nobody listens on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := upROM(t, rom.Do(rom.Up(), rom.Idle()))
			c.before(r)
			began := time.Now()
			got := r.m.Inspect(t.Context(), r.p)
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

func TestInspectOddMonitors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers map[string]fakeqmp.Answer
		want    string
	}{
		"refuses": {map[string]fakeqmp.Answer{"query-status": fakeqmp.Refuse("not today")}, "not today"},
		"silent":  {map[string]fakeqmp.Answer{"query-status": nil}, "QEMU hangs"},
		"ends":    {map[string]fakeqmp.Answer{"query-status": fakeqmp.HangUp}, "the connection is closed"},
		"other": {map[string]fakeqmp.Answer{"greeting": func(m *fakeqmp.FakeMonitor, _ string, _ json.RawMessage) {
			m.Say("SSH-2.0-OpenSSH_9.2\r\n")
		}}, "does not speak QMP"},
	} {
		path := filepath.Join(t.TempDir(), "qmp")
		fakeqmp.StartMonitor(t, path, c.answers)
		target := fakeTarget(t, path)
		if got := target.m.Inspect(t.Context(), target.p); got.State != guest.Unknown || !strings.Contains(got.Why, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
