package lxc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc/command"
	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// lastRites is what a monitor may take from the end of init to its own;
// post-stop hooks run meanwhile.
const lastRites = 3 * time.Second

// Inspect asks the monitor, and looks at what PID 1 is.
func (c *Container) Inspect(ctx context.Context, p *pidfile.Process) guest.Condition {
	answer, err := c.ask(ctx, p)
	switch {
	case errors.Is(err, command.ErrNobody): // another network namespace, or an end
	case err != nil:
		return guest.Condition{State: guest.Unknown, Why: err.Error()}
	case answer.State == "STARTING":
		return guest.Condition{State: "starting"}
	case slices.Contains([]string{"STOPPED", "STOPPING", "ABORTING"}, answer.State):
		return guest.Condition{State: guest.Leaving}
	}
	init, err := c.init(ctx, p)
	if errors.Is(err, errNoInit) {
		return guest.Condition{State: guest.Leaving}
	}
	if err != nil {
		return guest.Condition{State: guest.Unknown, Why: err.Error()}
	}
	defer init.Close()
	inside := lookInside(ctx, init)
	is := guest.Condition{State: guest.Running, Init: inside.init, OS: inside.os}
	if slices.ContainsFunc(c.payload(init), frozen) {
		is.State = "frozen"
	}
	return is
}

// Freeze stops everything in the container.
func (c *Container) Freeze(ctx context.Context, p *pidfile.Process) error {
	return c.onGroups(ctx, p, cgroup.Freeze)
}

// Thaw lets everything in the container go on.
func (c *Container) Thaw(ctx context.Context, p *pidfile.Process) error {
	return c.onGroups(ctx, p, cgroup.Thaw)
}

// freezeTime bounds what the kernel may take to stop every process.
const freezeTime = 10 * time.Second

func (c *Container) onGroups(ctx context.Context, p *pidfile.Process, act func(context.Context, []cgroup.Group) error) error {
	ctx, cancel := context.WithTimeout(ctx, freezeTime)
	defer cancel()
	init, err := c.init(ctx, p)
	if err != nil {
		return err
	}
	defer init.Close()
	groups := c.payload(init)
	if len(groups) == 0 {
		return errNotAlone
	}
	return act(ctx, groups)
}

// Reboot asks init to reboot and waits until it has gone down, for as long as
// the schedule gives it to halt.
func (c *Container) Reboot(ctx context.Context, p *pidfile.Process, note func(string)) error {
	wait := time.Minute
	if i := slices.IndexFunc(c.Schedule, func(s shutdown.Step) bool { return s.Verb == "halt" }); i >= 0 {
		wait = c.Schedule[i].Wait
	}
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	init, err := c.init(ctx, p)
	if err != nil {
		return err
	}
	defer init.Close()
	if groups := c.payload(init); slices.ContainsFunc(groups, frozen) {
		if err := cgroup.Thaw(ctx, groups); err != nil {
			return err
		}
		note("it was frozen; thawed it")
	}
	if err := pid1.Reboot(ctx, init, pid1.Options{Signal: unix.Signal(c.Stop.Reboot)}, note); err != nil {
		return err
	}
	if err := init.Wait(ctx); err != nil {
		if caller.Err() != nil {
			return fmt.Errorf("it was asked, and is not waited for: %w", caller.Err())
		}
		return fmt.Errorf("it did not go down within %s", wait)
	}
	return c.comesUp(ctx, p, init)
}

// comesUp waits until the monitor has begun the container's next run, for which
// there is no event: it is asked, ever more slowly.
func (c *Container) comesUp(ctx context.Context, monitor, last *pidfile.Process) error {
	for interval := time.Millisecond; ; interval = min(2*interval, 50*time.Millisecond) {
		ended, err := within(ctx, monitor, interval)
		switch {
		case ended:
			return errors.New("it went down and did not come up again")
		case err != nil:
			return fmt.Errorf("cannot see it come up again: %w", err)
		}
		init, err := c.init(ctx, monitor)
		if err != nil {
			continue // its command socket is being made anew
		}
		next := init.Identity() != last.Identity()
		init.Close()
		if next {
			return nil
		}
	}
}
