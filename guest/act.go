package guest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/pidfile"
)

// Reset presses the guest's reset button.
func (h *House) Reset(ctx context.Context, n Name, p Progress) error {
	return act(ctx, h, n, p, "reset", func(r Resetter, proc *pidfile.Process) error {
		began := h.Now()
		err := r.Reset(ctx, proc)
		if err == nil {
			h.chronicle(ctx, n, history.Entry{Event: history.Reset, Began: began, PID: proc.Pid()}, p)
		}
		return err
	})
}

// Reboot has the guest go down in order and come up again. What its new run has
// of the host is put on record.
func (h *House) Reboot(ctx context.Context, n Name, p Progress) error {
	return act(ctx, h, n, p, "reboot", func(r Rebooter, proc *pidfile.Process) error {
		began := h.Now()
		if err := r.Reboot(ctx, proc, p.Say); err != nil {
			return err
		}
		h.chronicle(ctx, n, history.Entry{Event: history.Reboot, Began: began, PID: proc.Pid()}, p)
		i, ok := r.(Instance)
		if !ok {
			return nil
		}
		if err := h.renew(ctx, n, i, proc); err != nil {
			p.Warn(fmt.Errorf("cannot record the new run of %s: %w", n, err))
		}
		return nil
	})
}

// renew records anew what a running guest has, unless it is being stopped.
func (h *House) renew(ctx context.Context, n Name, i Instance, proc *pidfile.Process) error {
	g, err := h.open(ctx, n, time.Second)
	if errors.Is(err, errBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	defer g.close()
	if g.state.Process == nil || *g.state.Process != proc.Identity() {
		return nil
	}
	if err := i.Settle(ctx, proc); err != nil {
		return err
	}
	memo, err := i.Memo()
	if err != nil {
		return err
	}
	return g.save(func(s *State) { s.Memo = memo })
}

// freezePatience is short: a guest that is being started or stopped must not be
// stopped in mid-air.
const freezePatience = time.Second

// Freeze stops the guest in mid-air.
func (h *House) Freeze(ctx context.Context, n Name, p Progress) error {
	if exists, err := h.exists(n); err != nil || !exists && !h.strays(n) {
		return errors.Join(err, notRunning("cannot freeze "+n.String()))
	}
	g, err := h.open(ctx, n, freezePatience)
	if err != nil {
		return err
	}
	defer g.close()
	return act(ctx, h, n, p, "freeze", func(f Freezer, proc *pidfile.Process) error { return f.Freeze(ctx, proc) })
}

// Thaw lets a frozen guest go on.
func (h *House) Thaw(ctx context.Context, n Name, p Progress) error {
	return act(ctx, h, n, p, "thaw", func(f Freezer, proc *pidfile.Process) error { return f.Thaw(ctx, proc) })
}

// Enter gives the argv of a program that runs argv inside the guest; without
// argv, a shell. force runs it where it could reach the host.
func (h *House) Enter(ctx context.Context, n Name, argv []string, force bool, p Progress) (program []string, err error) {
	err = act(ctx, h, n, p, "run a command in", func(e Enterable, proc *pidfile.Process) error {
		program, err = e.Enter(ctx, proc, argv, force)
		return err
	})
	return program, err
}

// Console gives the argv of a program that connects the caller's terminal with
// the guest's console.
func (h *House) Console(ctx context.Context, n Name, p Progress) (program []string, err error) {
	err = act(ctx, h, n, p, "open the console of", func(e Enterable, proc *pidfile.Process) error {
		program, err = e.Console(ctx, proc)
		return err
	})
	return program, err
}

func notRunning(failed string) error {
	return &Error{Status: StatusNotRunning, Msg: failed + ": it is not running"}
}

// act does something to a running guest whose kind can.
func act[T any](ctx context.Context, h *House, n Name, p Progress, verb string, do func(T, *pidfile.Process) error) error {
	failed := "cannot " + verb + " " + n.String()
	i, proc, err := h.peek(ctx, n, p)
	if err != nil {
		return withStatus(StatusFailed, failed, err)
	}
	if proc == nil {
		return notRunning(failed)
	}
	defer proc.Close()
	able, ok := i.(T)
	if !ok {
		return &Error{Status: StatusUsage, Msg: fmt.Sprintf("%s: guests of kind %s cannot do that", failed, n.Kind)}
	}
	return withStatus(StatusFailed, failed, do(able, proc))
}

// peek finds the process without a lock and without changing anything.
func (h *House) peek(ctx context.Context, n Name, p Progress) (Instance, *pidfile.Process, error) {
	dir, s, err := h.look(n)
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close() // of nil: says so, and does nothing
	if h.idle(n, dir, s) {
		if dir == nil {
			_, err = h.exists(n)
		}
		return nil, nil, err
	}
	i, err := h.recall(ctx, n, s, p)
	if err != nil {
		return nil, nil, err
	}
	proc, err := find(ctx, dir, s, i)
	return i, proc, err
}
