package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/qemu/qmp"
)

// inspectTime bounds a look at a guest, whatever state its QEMU is in.
const inspectTime = 250 * time.Millisecond

// Inspect asks QEMU for the guest's run state (enum RunState of
// qapi/run-state.json; "halted" is our own word for a kernel that ended without
// powering off), or says within a quarter of a second why it cannot be asked.
func (m *Machine) Inspect(ctx context.Context, p *pidfile.Process) guest.Condition {
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	if stopped, err := p.Stopped(); err == nil && stopped {
		return guest.Condition{State: guest.Unknown, Why: stoppedBySignal}
	}
	c, err := m.dial(ctx, p)
	if err != nil {
		return guest.Condition{State: guest.Unknown, Why: m.unheard(err)}
	}
	defer c.Close()
	state, err := runState(ctx, c.Execute)
	if err != nil {
		return guest.Condition{State: guest.Unknown, Why: m.unheard(err)}
	}
	if state == "running" && halted(ctx, c.Execute) {
		state = "halted"
	}
	return guest.Condition{State: state}
}

// Glance is Inspect without the look for a halted guest, as that stops the
// guest's CPUs for a moment: it is for those who ask all guests, again and again.
func (m *Machine) Glance(ctx context.Context, p *pidfile.Process) guest.Condition {
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	state, err := runState(ctx, func(ctx context.Context, name string, _, reply any) error {
		return qmp.Ask(ctx, m.Sockets.QMP, name, reply, listeners(p)...)
	})
	if err == nil {
		return guest.Condition{State: state}
	}
	if stopped, err := p.Stopped(); err == nil && stopped {
		return guest.Condition{State: guest.Unknown, Why: stoppedBySignal}
	}
	return guest.Condition{State: guest.Unknown, Why: m.unheard(err)}
}

const stoppedBySignal = "QEMU is stopped by a signal or a debugger"

// dial opens a session with the monitor, if it is QEMU's own.
func (m *Machine) dial(ctx context.Context, p *pidfile.Process) (*qmp.Client, error) {
	return qmp.Dial(ctx, m.Sockets.QMP, listeners(p)...)
}

// listeners are the processes that may answer on a guest's sockets: its QEMU;
// and we, who listened first on the one that QEMU was handed.
func listeners(p *pidfile.Process) []int { return []int{p.Pid(), os.Getpid()} }

func runState(ctx context.Context, ask asker) (string, error) {
	var status struct{ Status string }
	err := ask(ctx, "query-status", nil, &status)
	return word(status.Status), err
}

// unheard says in a few words why a monitor told nothing.
func (m *Machine) unheard(err error) string {
	switch {
	case errors.Is(err, qmp.ErrBusy):
		return "another client has the monitor"
	case errors.Is(err, qmp.ErrSilent):
		return fmt.Sprintf("QEMU hangs: its monitor did not answer within %v", inspectTime)
	case errors.Is(err, qmp.ErrNoMonitor):
		return "nobody listens on " + m.Sockets.QMP
	}
	return err.Error()
}
