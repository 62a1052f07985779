package qemu

import (
	"context"
	"errors"
	"fmt"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/qemu/qmp"
)

// Inspect asks QEMU for the guest's run state (docs: query-status), or says
// why it cannot be asked.
func (m *Machine) Inspect(ctx context.Context, p *pidfile.Process) guest.Condition {
	state, err := m.runState(ctx, p)
	if err != nil {
		return guest.Condition{State: guest.Unknown, Why: err.Error()}
	}
	return guest.Condition{State: state}
}

func (m *Machine) runState(ctx context.Context, p *pidfile.Process) (string, error) {
	if stopped, err := p.Stopped(); err == nil && stopped {
		return "", errors.New("QEMU is stopped by a signal or a debugger")
	}
	c, err := qmp.Dial(ctx, m.Sockets.QMP)
	if err != nil {
		return "", err
	}
	defer c.Close()
	var status struct{ Status string }
	if err := c.Execute(ctx, "query-status", nil, &status); err != nil {
		return "", fmt.Errorf("cannot ask QEMU for its state: %w", err)
	}
	return status.Status, nil
}
