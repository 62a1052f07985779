package qemu

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/qemu/qmp"
)

// Ready waits until the guest is ready in the configured sense. It leaves the
// monitor alone, so that the guest can be stopped while it boots.
func (m *Machine) Ready(ctx context.Context, p *pidfile.Process) error {
	ctx, cancel := untilGone(ctx, p, m.Readiness.Timeout)
	defer cancel()
	var err error
	switch m.Readiness.How {
	case "agent":
		err = m.agentReady(ctx, p)
	case "tcp":
		err = m.tcpReady(ctx)
	case "console":
		err = m.consoleReady(ctx)
	case "vsock":
		err = m.vsockReady(ctx)
	}
	if err != nil && errors.Is(context.Cause(ctx), errGone) {
		return fmt.Errorf("QEMU ended: %w", m.startError(err))
	}
	return err
}

// Heard has the guest's own words passed on while Ready waits.
func (m *Machine) Heard(say func(text string)) { m.say = say }

// agentPatience is when an agent is asked anew: the one that the first request
// reached may have been the initramfs's, and gone.
const agentPatience = 15 * time.Second

// agentReady asks once and waits: QEMU keeps the request until somebody in the
// guest opens the port.
func (m *Machine) agentReady(ctx context.Context, p *pidfile.Process) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, agentPatience)
		err := m.agentAnswers(attempt, p)
		if err != nil {
			<-attempt.Done() // a refusal comes early, and would only come again
		}
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

func (m *Machine) agentAnswers(ctx context.Context, p *pidfile.Process) error {
	a, err := qmp.DialAgent(ctx, m.Sockets.Agent, listeners(p)...)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Sync(ctx)
}
