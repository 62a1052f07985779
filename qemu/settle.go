package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/qemu/qmp"
)

// settleTime bounds what QEMU may take until its main loop runs; memory that
// is allocated in advance takes its time.
const settleTime = 60 * time.Second

// Settle waits until QEMU's main loop answers, which means that it has every
// file open and has left root, then does what only the monitor can: the VNC
// password, which must not be an argument, each vCPU on a CPU of its own, and
// letting go of a guest that was started paused for us to hear its console.
func (m *Machine) Settle(ctx context.Context, p *pidfile.Process) error {
	ctx, cancel := untilGone(ctx, p, settleTime)
	defer cancel()
	err := m.settle(ctx, p)
	if err != nil && endsSoon(ctx, p) {
		return m.startError(fmt.Errorf("QEMU ended at once: %w", err))
	}
	return err
}

// endsSoon reports whether the process ends within a second: QEMU closes its
// monitor a moment before it is gone.
func endsSoon(ctx context.Context, p *pidfile.Process) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return p.Wait(ctx) == nil
}

func (m *Machine) settle(ctx context.Context, p *pidfile.Process) error {
	c, err := m.dial(ctx, p)
	if errors.Is(err, qmp.ErrStranger) {
		// A starter that was killed listened before QEMU did. Once somebody
		// serves the socket it is QEMU's, or truly a stranger's.
		if err = qmp.AwaitGreeting(ctx, m.Sockets.QMP); err == nil {
			c, err = m.dial(ctx, p)
		}
	}
	if err != nil {
		return err
	}
	defer c.Close()
	var status struct{ Status string }
	if err := c.Execute(ctx, "query-status", nil, &status); err != nil {
		return fmt.Errorf("cannot ask QEMU for its state: %w", err)
	}
	if m.VNCPassword != "" {
		password := map[string]string{"protocol": "vnc", "password": m.VNCPassword}
		if err := c.Execute(ctx, "set_password", password, nil); err != nil {
			return fmt.Errorf("cannot set the VNC password: %w", err)
		}
	}
	if len(m.CPUs) > 0 && len(m.CPUs) == m.VCPUs {
		if err := m.pin(ctx, c, p); err != nil {
			return err
		}
	}
	if m.Readiness.How != "console" || status.Status != "prelaunch" {
		return nil
	}
	if m.console, err = m.dialConsole(ctx, p); err != nil {
		return err
	}
	if err := c.Execute(ctx, "cont", nil, nil); err != nil {
		return fmt.Errorf("cannot let the guest run: %w", err)
	}
	return nil
}

// pin gives every vCPU one host CPU, in order.
func (m *Machine) pin(ctx context.Context, c *qmp.Client, p *pidfile.Process) error {
	var vcpus []struct {
		Thread int `json:"thread-id"`
	}
	if err := c.Execute(ctx, "query-cpus-fast", nil, &vcpus); err != nil {
		return fmt.Errorf("cannot ask for the vCPUs' threads: %w", err)
	}
	for n, vcpu := range vcpus {
		if n >= len(m.CPUs) {
			break
		}
		task := "/proc/" + strconv.Itoa(p.Pid()) + "/task/" + strconv.Itoa(vcpu.Thread)
		if _, err := os.Stat(task); err != nil {
			return fmt.Errorf("cannot pin vCPU %d: its thread %d is not QEMU's: %w", n, vcpu.Thread, err)
		}
		var set unix.CPUSet
		set.Set(m.CPUs[n])
		if err := unix.SchedSetaffinity(vcpu.Thread, &set); err != nil {
			return fmt.Errorf("cannot pin vCPU %d to CPU %d: %w", n, m.CPUs[n], err)
		}
	}
	return nil
}

// errGone is the cause of a context that ended because the process did.
var errGone = errors.New("QEMU is gone")

// untilGone is ctx, ended early when the process ends or the time is over.
func untilGone(ctx context.Context, p *pidfile.Process, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancelCause := context.WithCancelCause(ctx)
	ctx, cancel := context.WithTimeout(ctx, limit)
	go func() {
		if p.Wait(ctx) == nil {
			cancelCause(errGone)
		}
	}()
	return ctx, func() { cancel(); cancelCause(context.Canceled) }
}
