package lxc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// Rung returns how verb acts on a container.
func (t *target) Rung(verb string) shutdown.Rung {
	switch verb {
	case "halt":
		return t.halt
	case "exec":
		return t.exec
	case "KILL":
		return t.finish
	}
	if _, sig, err := shutdown.ParseSignal(verb); err == nil {
		return func(ctx context.Context, note func(string)) error { return t.signal(ctx, sig, note) }
	}
	return nil
}

// turn is how long a container gets in which one init has ended and the next has
// not begun, before it is looked at again.
const turn = 20 * time.Millisecond

// halt asks init in the way that it understands. One that ends before it was
// asked may be rebooting: then the next one is asked.
func (t *target) halt(ctx context.Context, note func(string)) error {
	for {
		init, err := t.holdInit(ctx)
		if err == nil {
			t.look(init)
			err = pid1.Halt(ctx, init, pid1.Options{Signal: unix.Signal(t.c.Stop.Halt)}, note)
		}
		switch {
		case err == nil:
			t.look(init) // it may have become the real init only now
			return t.attend(ctx, init, note)
		case errors.Is(err, pid1.ErrDeaf):
			return fmt.Errorf("%w: %w", shutdown.ErrAbsent, err)
		case !errors.Is(err, errNoInit) && !errors.Is(err, pidfile.ErrGone):
			return err
		}
		t.learn()
		if ended, err := within(ctx, t.monitor, turn); ended || err != nil {
			return nil
		}
	}
}

// signal sends sig to init.
func (t *target) signal(ctx context.Context, sig unix.Signal, note func(string)) error {
	init, err := t.holdInit(ctx)
	if errors.Is(err, errNoInit) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := init.Signal(sig); err != nil && !errors.Is(err, pidfile.ErrGone) {
		return err
	}
	return t.attend(ctx, init, note)
}

// monitorLag is how long the monitor gets to clear up after everything in the
// container was killed, before it is ended too and we clear up.
const monitorLag = 2 * time.Second

// finish kills everything in the container's cgroup. A monitor that hangs is
// killed as well.
func (t *target) finish(ctx context.Context, note func(string)) error {
	killing := ctx
	if end, ok := ctx.Deadline(); ok { // the rest is for the monitor
		var cancel context.CancelFunc
		killing, cancel = context.WithDeadline(ctx, end.Add(-min(monitorLag+time.Second, time.Until(end)/2)))
		defer cancel()
	}
	t.carryOn(t.monitor, "LXC's monitor", note)
	init, err := t.anyInit(killing)
	if err == nil {
		err = t.kill(killing, init)
	}
	if errors.Is(err, errNoInit) || errors.Is(err, pidfile.ErrGone) {
		err = nil
	}
	if ended, _ := within(ctx, t.monitor, monitorLag); ended {
		return nil
	}
	note("LXC's monitor did not end by itself; killed it too")
	if killErr := t.monitor.Signal(unix.SIGKILL); !errors.Is(killErr, pidfile.ErrGone) {
		err = errors.Join(err, killErr)
	}
	return err
}

// askTime bounds what a monitor may take that is about to be killed anyway.
const askTime = time.Second

// anyInit finds init with the monitor's help, or without.
func (t *target) anyInit(ctx context.Context) (*pidfile.Process, error) {
	short, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	init, err := t.holdInit(short)
	if err == nil || errors.Is(err, errNoInit) || ctx.Err() != nil {
		return init, err
	}
	init, err = t.c.childOf(t.monitor)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.init != nil {
		t.init.Close()
	}
	t.init = init
	return init, nil
}

// kill ends init and all that is in the container's cgroups. Where these are
// not known to be the container's own, the end of init takes its pid
// namespace along.
func (t *target) kill(ctx context.Context, init *pidfile.Process) error {
	t.mu.Lock()
	t.killed = true
	t.mu.Unlock()
	groups := t.c.payload(init)
	if err := init.Signal(unix.SIGKILL); err != nil && !errors.Is(err, pidfile.ErrGone) {
		return err
	}
	if len(groups) == 0 {
		return nil
	}
	return cgroup.Kill(ctx, groups)
}

// payload are the cgroups that LXC made for this container.
func (c *Container) payload(init *pidfile.Process) []cgroup.Group {
	all, err := cgroup.Of(init.Pid())
	if err != nil || init.Ended() {
		return nil
	}
	var groups []cgroup.Group
	for _, g := range all {
		if g, ok := g.Ancestor("lxc.payload." + c.instance()); ok {
			groups = append(groups, g)
		}
	}
	return groups
}

// powerlessTime is how long nothing but init must be left before it is taken
// for one that is down and cannot say so.
const powerlessTime = time.Second

// finishPowerless ends an init that has shut everything down and may not call
// reboot(2), as it has no CAP_SYS_BOOT (lxc#1928). No event tells that a cgroup
// has one process left, so it is looked at, ten times a second.
func (t *target) finishPowerless(ctx context.Context, init *pidfile.Process, note func(string)) {
	kind, err := pid1.Look(init)
	if err != nil || !kind.System() || kind.MayReboot() {
		return
	}
	groups := t.c.payload(init)
	alone := time.Duration(0)
	const interval = 100 * time.Millisecond
	for len(groups) > 0 {
		if ended, err := within(ctx, init, interval); ended || err != nil {
			return
		}
		procs, err := groups[0].Procs()
		if err != nil || len(procs) != 1 {
			alone = 0
			continue
		}
		if alone += interval; alone >= powerlessTime {
			note("nothing but init was left, which has no CAP_SYS_BOOT to power off; ended it")
			t.mu.Lock()
			t.powerless = true
			t.mu.Unlock()
			if err := init.Signal(unix.SIGKILL); err != nil {
				note(err.Error())
			}
			return
		}
	}
}
