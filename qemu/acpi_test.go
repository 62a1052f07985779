package qemu

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rom "github.com/guestrc/guestrc/tests/romguest"
)

// pressable is a guest that does what happens, when its power button was
// pressed as often as it wants.
func pressable(presses int, happens ...rom.Code) rom.Code {
	pieces := []rom.Code{rom.ListenToButton(), rom.Up()}
	for range presses {
		pieces = append(pieces, rom.AwaitPress())
	}
	return rom.Do(append(pieces, happens...)...)
}

// What a guest does when its power button is pressed, and how the stop ends.
func TestACPI(t *testing.T) {
	t.Parallel()
	every := StopPolicy{Resend: Resend{Every: 300 * time.Millisecond}}
	cases := []struct {
		name     string
		code     rom.Code
		args     []string
		policy   StopPolicy
		schedule string
		by       string
		cause    string
		notes    []string // "…" stands for any
		forced   bool
	}{
		{name: "powers off", code: pressable(1, rom.PowerOff()), by: "acpi", cause: "guest-shutdown"},
		{name: "powers off, -no-shutdown", code: pressable(1, rom.PowerOff()), args: []string{"-no-shutdown"}, by: "acpi", cause: "guest-shutdown"},
		{name: "wants two, double", code: pressable(2, rom.PowerOff()), policy: StopPolicy{Resend: Resend{Double: true}},
			by: "acpi", cause: "guest-shutdown", notes: []string{"2nd press"}},
		{name: "wants three, every", code: pressable(3, rom.PowerOff()), policy: every,
			by: "acpi", cause: "guest-shutdown", notes: []string{"3rd press"}},
		{name: "wants two, once", code: pressable(2, rom.PowerOff()), schedule: "acpi/1/quit/10/KILL/5",
			by: "quit", cause: "host-qmp-quit", forced: true},
		{name: "cancels on a second press, once", code: pressable(1, rom.PowerOff()), by: "acpi", cause: "guest-shutdown"},
		{name: "resets", code: pressable(1, rom.Reset()), by: "acpi", cause: "guest-reset"},
		{name: "panics", code: pressable(1, rom.Panic()), args: []string{"-device", "pvpanic", "-action", "panic=pause"},
			by: "acpi", cause: "guest-panic", notes: []string{guestPanicked}},
		{name: "halts", code: pressable(1, rom.Halt()), by: "acpi", cause: "host-qmp-quit",
			notes: []string{"the guest halted, but did not power off"}},
		{name: "halts with two CPUs", code: pressable(1, rom.Halt()), args: []string{"-smp", "2"}, by: "acpi", cause: "host-qmp-quit",
			notes: []string{"the guest halted, but did not power off"}},
		{name: "falls asleep", code: rom.Do(rom.ListenToButton(), rom.Up(), rom.AwaitPress(), rom.SuspendOnce(), rom.ListenToButton(), rom.AwaitPress(), rom.PowerOff()),
			policy: every, by: "acpi", cause: "guest-shutdown", notes: []string{"the guest was asleep; woke it", "…"}},
		{name: "idles", code: rom.Do(rom.Up(), rom.Idle()), policy: every, schedule: "acpi/1/TERM/10/KILL/5",
			by: "TERM", cause: "host-signal", notes: []string{"…"}, forced: true},
		{name: "spins", code: rom.Do(rom.Up(), rom.Spin()), schedule: "acpi/1/KILL/5", by: "KILL", forced: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.schedule == "" {
				c.schedule = "acpi/60/KILL/5"
			}
			s := upROM(t, c.code, c.args...).stop(c.schedule, c.policy)
			if s.By != c.by || s.Forced != c.forced || s.cause != c.cause {
				t.Errorf("%s; by %q, want %q; forced %v, want %v; cause %q, want %q", s, s.By, c.by, s.Forced, c.forced, s.cause, c.cause)
			}
			got := s.notes()
			for i := range min(len(c.notes), len(got)) {
				if c.notes[i] == "…" {
					got[i] = "…"
				}
			}
			if diff := cmp.Diff(c.notes, got); diff != "" {
				t.Errorf("notes: %s", diff)
			}
		})
	}
}

// Somebody pauses the guest in the middle of its shutdown.
func TestPausedWhileItGoesDown(t *testing.T) {
	t.Parallel()
	r := upROM(t, pressable(2, rom.PowerOff()))
	time.AfterFunc(200*time.Millisecond, func() { r.tellAny("stop") })
	s := r.stop("acpi/60/KILL/5", StopPolicy{Resend: Resend{Double: true}})
	if s.By != "acpi" || s.cause != "guest-shutdown" || !strings.Contains(strings.Join(s.notes(), "\n"), "the guest was paused (paused); resumed it") {
		t.Errorf("%s, cause %q, notes %q", s, s.cause, s.notes())
	}
}
