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
		return func(context.Context, func(string)) error { return t.signal(sig) }
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
	a, err := qmp.DialAgent(short, t.m.Sockets.Agent)
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

// agentGone reports whether QEMU knows that no program in the guest has the
// agent's channel open. It costs a millisecond, where asking an agent that is
// not there costs agentTime.
func (t *target) agentGone(ctx context.Context) bool {
	var chardevs []struct {
		Label string
		Open  bool `json:"frontend-open"`
	}
	if err := t.execute(ctx, "query-chardev", nil, &chardevs); err != nil {
		return false
	}
	for _, c := range chardevs {
		if c.Label == agentChardev {
			return !c.Open
		}
	}
	return false
}

// acpi presses the power button, and again as the policy says.
func (t *target) acpi(ctx context.Context, note func(string)) error {
	presses := 0
	press := func() error {
		presses++
		return t.execute(ctx, "system_powerdown", nil, nil)
	}
	if err := press(); err != nil {
		return err
	}
	defer func() {
		if presses > 1 {
			note(ordinal(presses) + " press")
		}
	}()
	return t.attend(ctx, note, press)
}

// doublePress lies between the two presses that some guests want.
const doublePress = 500 * time.Millisecond

// lookAgain is how often a waiting rung looks whether the guest has halted.
const lookAgain = 2 * time.Second

// attend waits on a guest that was asked to go down. It presses again by the
// policy, when press is not nil, and ends a guest that is down but not off.
func (t *target) attend(ctx context.Context, note func(string), press func() error) error {
	var again <-chan time.Time
	resend := t.m.Stop.Resend
	switch {
	case press != nil && resend.Double:
		again = time.After(doublePress)
	case press != nil && resend.Every > 0:
		ticker := time.NewTicker(resend.Every)
		defer ticker.Stop()
		again = ticker.C
	}
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			t.noteEnd(note)
			return nil
		case <-again:
			if err := press(); err != nil && ctx.Err() == nil {
				return err
			}
		case <-look.C:
			if t.halted(ctx) {
				note("the guest halted, but did not power off")
				return t.quit(ctx, note)
			}
		}
	}
}

// noteEnd tells of an end that the guest did not mean.
func (t *target) noteEnd(note func(string)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.panicked {
		note("the guest panicked")
	}
}

// quit makes QEMU end. The reply may be lost to the end itself.
func (t *target) quit(ctx context.Context, _ func(string)) error {
	err := t.execute(ctx, "quit", nil, nil)
	if errors.Is(err, qmp.ErrClosed) {
		return nil
	}
	return err
}

// signal goes through the pidfd. A process that is stopped would not hear
// anything but KILL.
func (t *target) signal(sig unix.Signal) error {
	if err := t.p.Signal(sig); err != nil {
		return err
	}
	if stopped, err := t.p.Stopped(); err == nil && stopped && sig != unix.SIGKILL && sig != unix.SIGSTOP {
		return t.p.Signal(unix.SIGCONT)
	}
	return nil
}

// ordinal writes 2nd, 3rd, 11th.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}
