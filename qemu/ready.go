package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	}
	if err != nil && errors.Is(context.Cause(ctx), errGone) {
		return fmt.Errorf("QEMU ended: %w", m.startError(err))
	}
	return err
}

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

// tcpReady connects until somebody takes the connection. Nothing tells us when
// a port inside a guest begins to listen, so this asks again, ever more rarely.
func (m *Machine) tcpReady(ctx context.Context) error {
	pause := 50 * time.Millisecond
	for {
		err := m.tcpAnswers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(pause*2, time.Second)
		}
	}
}

// bannerTime is how long a server behind user networking gets to greet.
const bannerTime = 5 * time.Second

// tcpAnswers connects once. Through user networking QEMU takes the connection
// whether or not the guest does, so only a byte from the guest proves it.
func (m *Machine) tcpAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bannerTime)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.Readiness.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	if !m.Readiness.Banner {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("%s sends nothing: %w", m.Readiness.Address, err)
	}
	return nil
}
