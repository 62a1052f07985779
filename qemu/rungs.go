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

// Rung returns how verb acts on a QEMU guest.
func (t *target) Rung(verb string) shutdown.Rung {
	switch verb {
	case "agent":
		return t.agent
	case "acpi":
		return t.acpi
	case "ssh":
		return t.ssh
	case "quit":
		return t.quit
	}
	if _, sig, err := shutdown.ParseSignal(verb); err == nil {
		return func(_ context.Context, note func(string)) error { return t.signal(sig, note) }
	}
	return nil
}

// agentTime is how long an agent may take to show that it is there: its
// absence must not cost the rung's whole time.
const agentTime = 3 * time.Second

// agent asks the guest agent for a shutdown.
func (t *target) agent(ctx context.Context, note func(string)) error {
	if t.m.Sockets.Agent == "" {
		return fmt.Errorf("%w: the guest has no agent channel", shutdown.ErrAbsent)
	}
	if t.agentGone(ctx) {
		return fmt.Errorf("%w: nobody in the guest listens on the agent's channel", shutdown.ErrAbsent)
	}
	short, cancel := context.WithTimeout(ctx, agentTime)
	defer cancel()
	a, err := qmp.DialAgent(short, t.m.Sockets.Agent, listeners(t.p)...)
	if err != nil {
		return fmt.Errorf("%w: %w", shutdown.ErrAbsent, err)
	}
	defer a.Close()
	if err := a.Sync(short); err != nil {
		return fmt.Errorf("%w: %w", shutdown.ErrAbsent, err)
	}
	asked, done := context.WithTimeout(ctx, agentTime)
	defer done()
	if err := a.Shutdown(asked, "powerdown"); err != nil {
		return err
	}
	return t.attend(ctx, note, nil)
}

// acpi presses the power button, and again as the policy says.
func (t *target) acpi(ctx context.Context, note func(string)) error {
	pressed := 0
	press := func() error {
		err := t.execute(ctx, "system_powerdown", nil, nil)
		if err == nil || ctx.Err() != nil || errors.Is(err, qmp.ErrClosed) {
			pressed++ // the reply may be lost to the end that the press caused
		}
		return err
	}
	err := press()
	// Somebody else has the monitor, or QEMU is stuck, on a disk or for want of
	// processor time: either may pass while the rung has time.
	for (errors.Is(err, qmp.ErrBusy) || errors.Is(err, qmp.ErrSilent)) && ctx.Err() == nil {
		err = press() // each waits up to monitorTime
	}
	if err != nil {
		return err
	}
	defer func() {
		if pressed > 1 {
			note(ordinal(pressed) + " press")
		}
	}()
	return t.attend(ctx, note, press)
}

// quit makes QEMU end. The reply may be lost to the end itself. Where the
// monitor cannot be had, SIGTERM does the same (system/runstate.c).
func (t *target) quit(ctx context.Context, note func(string)) error {
	err := t.execute(ctx, "quit", nil, nil)
	if errors.Is(err, qmp.ErrClosed) {
		return nil
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, qmp.ErrSilent) { // what hangs does not hear SIGTERM either
		return err
	}
	note("sent SIGTERM, as the monitor cannot be used: " + err.Error())
	return t.signal(unix.SIGTERM, note)
}

// signal goes through the pidfd. A process that is stopped would hear nothing
// but KILL.
func (t *target) signal(sig unix.Signal, note func(string)) error {
	if err := t.p.Signal(sig); err != nil {
		return err
	}
	stopped, err := t.p.Stopped()
	if err != nil || !stopped || sig == unix.SIGKILL || sig == unix.SIGSTOP {
		return nil
	}
	note("QEMU was stopped by a signal; continued it")
	return t.p.Signal(unix.SIGCONT)
}
