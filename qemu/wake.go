package qemu

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/qemu/qmp"
	"github.com/guestrc/guestrc/shutdown"
)

// Wake does first what no rung can do without: a QEMU that was stopped by a
// signal is continued, a paused guest resumed, a sleeping one woken. From here
// on QEMU ends whenever the guest powers off, reboots or panics, whatever its
// command line says: set-action (QEMU 6.0) overrides -no-shutdown and -action.
// Where QEMU does not know it, the rungs look themselves.
func (t *target) Wake(ctx context.Context, note func(string)) shutdown.Schedule {
	if stopped, err := t.p.Stopped(); err == nil && stopped {
		if t.p.Signal(unix.SIGCONT) == nil {
			note("QEMU was stopped by a signal; continued it")
		}
	}
	ends := map[string]string{"reboot": "shutdown", "shutdown": "poweroff", "panic": "shutdown"}
	err := t.execute(ctx, "set-action", ends, nil)
	if err == nil || errors.As(err, new(*qmp.Error)) {
		var over string
		if over, err = t.look(ctx, note); over != "" {
			return t.over(over, note)
		}
	}
	if err != nil && !errors.Is(err, qmp.ErrClosed) && !t.p.Ended() { // it may just be ending
		note("the monitor cannot be used: " + err.Error())
	}
	return nil
}

// over is the schedule for a guest that has nothing left to lose.
func (t *target) over(why string, note func(string)) shutdown.Schedule {
	note(why)
	t.past = true
	return shutdown.Schedule{{Verb: "quit", Wait: 10 * time.Second}, {Verb: "KILL", Wait: 5 * time.Second}}
}

// look finds out how the guest is, and makes one able to react that is not.
// over says why there is nobody left who could. The run states are those of
// enum RunState in qapi/run-state.json; those that pass by themselves (saving,
// restoring, migrating) are left alone.
func (t *target) look(ctx context.Context, note func(string)) (over string, err error) {
	state, err := runState(ctx, t.execute)
	if err != nil {
		return "", err
	}
	switch state {
	case "running":
		return t.lookAtRunning(ctx), nil
	case "paused", "io-error", "watchdog", "debug":
		if err := t.execute(ctx, "cont", nil, nil); err != nil {
			return "", fmt.Errorf("cannot resume the guest (%s): %w", state, err)
		}
		note("the guest was paused (" + state + "); resumed it")
	case "suspended":
		if err := t.execute(ctx, "system_wakeup", nil, nil); err != nil {
			return "", fmt.Errorf("cannot wake the guest: %w", err)
		}
		note("the guest was asleep; woke it")
	case "prelaunch", "preconfig", "inmigrate":
		return "the guest never ran", nil
	case "postmigrate": // it must not run a second time here
		return "the guest has moved to another QEMU", nil
	case "shutdown":
		if !t.isEnding(ctx) {
			return "the guest was off, but QEMU was not", nil
		}
	case "guest-panicked":
		return guestPanicked, nil
	case "internal-error":
		return "the guest's CPU cannot go on (internal-error)", nil
	}
	return "", nil
}

// isEnding tells a QEMU that is about to go with its guest from one that stays
// (-no-shutdown): both say "shutdown".
func (t *target) isEnding(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
	defer cancel()
	return t.p.Wait(ctx) == nil
}

const guestPanicked = "the guest panicked"

// lookAtRunning finds what QEMU takes for running and is not: a guest that
// panicked under -action panic=none, and one that halted.
func (t *target) lookAtRunning(ctx context.Context) (over string) {
	t.mu.Lock()
	panicked := t.panicked
	t.mu.Unlock()
	switch {
	case panicked:
		return guestPanicked
	case halted(ctx, t.execute):
		return "the guest halted, but did not power off"
	}
	return ""
}
