package qemu

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/shutdown"
	"github.com/guestrc/guestrc/tests/fakeqmp"
	rom "github.com/guestrc/guestrc/tests/romguest"
)

// Guests that cannot react when the stop begins.
func TestWake(t *testing.T) {
	t.Parallel()
	asleep := rom.Do(rom.ListenToButton(), rom.Up(), rom.SuspendOnce(), rom.ListenToButton(), rom.AwaitPress(), rom.PowerOff())
	panicking := rom.Do(rom.Up(), rom.Panic())
	pause := []string{"-device", "pvpanic", "-action", "panic=pause"}
	again := StopPolicy{Resend: Resend{Every: 300 * time.Millisecond}} // a guest that wakes loses a press
	cases := []struct {
		name   string
		code   rom.Code
		args   []string
		before func(r *romMachine)
		policy StopPolicy
		by     string
		cause  string
		woke   []string
	}{
		{name: "paused", code: pressable(1, rom.PowerOff()), before: func(r *romMachine) { r.tell("stop", nil) },
			by: "acpi", cause: "guest-shutdown", woke: []string{"the guest was paused (paused); resumed it"}},
		{name: "asleep", code: asleep, before: func(r *romMachine) { r.until("suspended") }, policy: again,
			by: "acpi", cause: "guest-shutdown", woke: []string{"the guest was asleep; woke it"}},
		{name: "stopped by a signal", code: pressable(1, rom.PowerOff()), before: func(r *romMachine) { r.Freeze(r.t) },
			by: "acpi", cause: "guest-shutdown", woke: []string{"QEMU was stopped by a signal; continued it"}},
		{name: "stopped by a signal and paused", code: pressable(1, rom.PowerOff()),
			before: func(r *romMachine) { r.tell("stop", nil); r.Freeze(r.t) },
			by:     "acpi", cause: "guest-shutdown", woke: []string{"QEMU was stopped by a signal; continued it", "the guest was paused (paused); resumed it"}},
		{name: "never ran", code: rom.Idle(), args: []string{"-S"}, before: func(r *romMachine) { r.until("prelaunch") },
			by: "quit", cause: "host-qmp-quit", woke: []string{"the guest never ran"}},
		{name: "waits for a migration", code: rom.Idle(), args: []string{"-incoming", "defer"}, before: func(r *romMachine) { r.until("inmigrate") },
			by: "quit", cause: "host-qmp-quit", woke: []string{"the guest never ran"}},
		{name: "migrated", code: rom.Do(rom.Up(), rom.Idle()), before: func(r *romMachine) {
			r.tell("migrate", map[string]string{"uri": "exec:cat >/dev/null"})
			r.until("postmigrate")
		}, by: "quit", cause: "host-qmp-quit", woke: []string{"the guest has moved to another QEMU"}},
		{name: "off", code: rom.Do(rom.Up(), rom.ListenToButton(), rom.PowerOff()), args: []string{"-no-shutdown"}, before: func(r *romMachine) { r.until("shutdown") },
			by: "quit", cause: "host-qmp-quit", woke: []string{"the guest was off, but QEMU was not"}},
		{name: "panicked", code: panicking, args: pause, before: func(r *romMachine) { r.until("guest-panicked") },
			by: "quit", cause: "host-qmp-quit", woke: []string{guestPanicked}},
		{name: "halted", code: rom.Do(rom.Up(), rom.Halt()), before: (*romMachine).untilHalted, by: "quit", cause: "host-qmp-quit",
			woke: []string{"the guest halted, but did not power off"}},
		{name: "halted, 4 CPUs", code: rom.Do(rom.Up(), rom.Halt()), args: []string{"-smp", "4"}, before: (*romMachine).untilHalted, by: "quit", cause: "host-qmp-quit",
			woke: []string{"the guest halted, but did not power off"}},
		{name: "idle", code: rom.Do(rom.Up(), rom.Idle()), by: "KILL"},
		{name: "resets without end", code: rom.Do(rom.Up(), rom.Count(50_000_000), rom.Reset()), by: "acpi", cause: "guest-reset"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := startROM(t, c.code, c.args...)
			if len(c.args) == 0 || c.args[0] != "-S" && c.args[0] != "-incoming" {
				r.AwaitUp(t)
			}
			if c.before != nil {
				c.before(r)
			}
			schedule := "acpi/60/KILL/5"
			if c.by == "KILL" {
				schedule = "acpi/1/KILL/5"
			}
			s := r.stop(schedule, c.policy)
			past := c.by == "quit"
			if !s.Down || s.By != c.by && c.cause != "guest-reset" || s.cause != c.cause || s.Forced != (c.by == "KILL") || past && s.Took > shutdown.Duration(patience) {
				t.Errorf("%s; by %q, want %q; forced %v; cause %q, want %q", s, s.By, c.by, s.Forced, s.cause, c.cause)
			}
			if diff := cmp.Diff(c.woke, s.woke); diff != "" {
				t.Errorf("notes: %s", diff)
			}
		})
	}
}

// A monitor that cannot be used costs its deadline, is told, and is no reason
// not to go on.
func TestWakeWithoutMonitor(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		before func(r *romMachine)
		want   string
	}{
		{"busy", func(r *romMachine) { r.hold(r.QMP) }, "another client has it"},
		{"gone", func(r *romMachine) { unix.Unlink(r.QMP) }, "nobody listens"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := upROM(t, pressable(1, rom.PowerOff()))
			c.before(r)
			s := r.stop("acpi/6/quit/10/KILL/5", StopPolicy{})
			if s.By != "quit" || len(s.Rungs) != 2 || s.Rungs[0].Result != shutdown.Failed || !strings.Contains(strings.Join(s.Rungs[1].Notes, " "), "SIGTERM") {
				t.Errorf("%s: %+v", s, s.Rungs)
			}
			if len(s.woke) != 1 || !strings.HasPrefix(s.woke[0], "the monitor cannot be used: ") || !strings.Contains(s.woke[0], c.want) {
				t.Errorf("notes: %q", s.woke)
			}
			if s.Took > shutdown.Duration(3*monitorTime) {
				t.Errorf("it took %s", s.Took)
			}
		})
	}
}

// QEMU before 6.0 does not know set-action; -no-shutdown and panic=none are
// then for the rungs to notice.
func TestActionsThatNobodySet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code rom.Code
		args []string
		note string
	}{
		"off":    {pressable(1, rom.PowerOff()), []string{"-no-shutdown"}, "the guest was off, but QEMU was not"},
		"paused": {pressable(1, rom.Panic()), []string{"-device", "pvpanic", "-action", "panic=pause"}, guestPanicked},
		"run":    {pressable(1, rom.Panic()), []string{"-device", "pvpanic", "-action", "panic=none"}, guestPanicked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := upROM(t, c.code, c.args...)
			target := r.m.Target(r.p)
			defer target.Close()
			s, err := shutdown.Run(within(t, 2*patience), shutdown.Schedule{{Verb: "acpi", Wait: time.Minute}}, target, nil)
			if err != nil || s.By != "acpi" || s.Forced || !strings.HasPrefix(strings.Join(s.Rungs[0].Notes, "\n"), c.note) {
				t.Errorf("%s (%v): %+v", s, err, s.Rungs)
			}
			if got := target.Cause(); got != "host-qmp-quit" {
				t.Errorf("cause %q", got)
			}
		})
	}
}

// Run states that cannot be had from QEMU at will.
func TestLook(t *testing.T) {
	t.Parallel()
	cases := []struct {
		state string
		calls []string // behind query-status
		over  string
		notes []string
	}{
		{"io-error", []string{"cont"}, "", []string{"the guest was paused (io-error); resumed it"}},
		{"watchdog", []string{"cont"}, "", []string{"the guest was paused (watchdog); resumed it"}},
		{"debug", []string{"cont"}, "", []string{"the guest was paused (debug); resumed it"}},
		{"suspended", []string{"system_wakeup"}, "", []string{"the guest was asleep; woke it"}},
		{"internal-error", nil, "the guest's CPU cannot go on (internal-error)", nil},
		{"preconfig", nil, "the guest never ran", nil},
		{"finish-migrate", nil, "", nil},
		{"save-vm", nil, "", nil},
		{"running", []string{"human-monitor-command"}, "", nil},
		{"a state of the future", nil, "", nil},
	}
	for _, c := range cases {
		t.Run(c.state, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "qmp")
			fake := fakeqmp.StartMonitor(t, path, map[string]fakeqmp.Answer{
				"query-status":  fakeqmp.Return(`{"status": "` + c.state + `"}`),
				"cont":          fakeqmp.Return("{}"),
				"system_wakeup": fakeqmp.Return("{}"),
			})
			target := fakeTarget(t, path)
			var notes []string
			over, err := target.look(within(t, patience), func(n string) { notes = append(notes, n) })
			if err != nil || over != c.over {
				t.Errorf("%q, %v", over, err)
			}
			if diff := cmp.Diff(c.notes, notes); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(append([]string{"qmp_capabilities", "query-status"}, c.calls...), fake.Calls()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a guest does not let be done to it is told.
func TestLookFails(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		"paused":    "cannot resume the guest (paused): cannot execute cont: no",
		"suspended": "cannot wake the guest: cannot execute system_wakeup: no",
	} {
		path := filepath.Join(t.TempDir(), "qmp")
		fakeqmp.StartMonitor(t, path, map[string]fakeqmp.Answer{
			"query-status":  fakeqmp.Return(`{"status": "` + state + `"}`),
			"cont":          fakeqmp.Refuse("no"),
			"system_wakeup": fakeqmp.Refuse("no"),
		})
		var notes []string
		steps := fakeTarget(t, path).Wake(within(t, patience), func(n string) { notes = append(notes, n) })
		if steps != nil {
			t.Errorf("%s: schedule %v", state, steps)
		}
		if diff := cmp.Diff([]string{"the monitor cannot be used: " + want}, notes); diff != "" {
			t.Errorf("%s: %s", state, diff)
		}
	}
}

// A session that ended is replaced, and what it said is kept.
func TestSessionIsReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "qmp")
	fakeqmp.StartMonitor(t, path, map[string]fakeqmp.Answer{"stop": func(m *fakeqmp.FakeMonitor, _ string, _ json.RawMessage) {
		m.Event("SHUTDOWN", `{"guest": true, "reason": "guest-shutdown"}`)
		fakeqmp.HangUp(m, "", nil)
	}})
	target := fakeTarget(t, path)
	for range 2 {
		if err := target.execute(within(t, patience), "stop", nil, nil); err == nil {
			t.Error("a command was answered by a monitor that hung up")
		}
		<-target.client.Done()
	}
	if _, err := runState(within(t, patience), target.execute); err != nil {
		t.Error(err)
	}
	target.Close()
	if got := target.Cause(); got != "guest-shutdown" {
		t.Errorf("cause %q", got)
	}
}
