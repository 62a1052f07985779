package lxc

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// target is a running container that is to end. It is gone when its monitor
// is: by then LXC has taken down its network and its cgroups.
type target struct {
	c       *Container
	monitor *pidfile.Process

	mu   sync.Mutex       // guards what follows
	init *pidfile.Process // PID 1 as last seen, held to learn how it ended
	end  end              // of init

	system bool // init is that of a whole system
	killed bool // we sent SIGKILL

	powerless bool // we ended an init that was down and could not say so
}

// Target is what a stop acts on.
func (c *Container) Target(p *pidfile.Process) guest.Target { return &target{c: c, monitor: p} }

func (t *target) Wait(ctx context.Context) error { return t.monitor.Wait(ctx) }

func (t *target) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.init != nil {
		t.init.Close()
		t.init = nil
	}
}

// holdInit gives the container's PID 1, which the target keeps.
func (t *target) holdInit(ctx context.Context) (*pidfile.Process, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.init != nil && !t.init.Ended() {
		return t.init, nil
	}
	init, err := t.c.init(ctx, t.monitor)
	if err != nil {
		return nil, err
	}
	if t.init != nil {
		t.init.Close()
	}
	t.init = init
	return init, nil
}

// look notes what init is.
func (t *target) look(init *pidfile.Process) {
	if is, err := pid1.Look(init); err == nil {
		t.mu.Lock()
		t.system = is.System() || is.Boots()
		t.mu.Unlock()
	}
}

// Wake thaws a frozen container, and continues a monitor or an init that was
// stopped by a signal: neither would react.
func (t *target) Wake(ctx context.Context, note func(string)) shutdown.Schedule {
	t.carryOn(t.monitor, "LXC's monitor", note)
	init, err := t.holdInit(ctx)
	if err != nil {
		return nil // the rungs will say so
	}
	t.look(init)
	if err := t.c.note(t.monitor, init); err != nil { // it may have rebooted since the start
		note("its cgroups are as recorded at the start: " + err.Error())
	}
	groups := t.c.payload(init)
	if slices.ContainsFunc(groups, frozen) {
		ctx, cancel := context.WithTimeout(ctx, monitorTime)
		defer cancel()
		if err := cgroup.Thaw(ctx, groups); err != nil {
			note("it is frozen: " + err.Error())
		} else {
			note("it was frozen; thawed it")
		}
	}
	t.carryOn(init, "its init", note)
	return nil
}

func frozen(g cgroup.Group) bool {
	is, err := g.Frozen()
	return err == nil && is
}

func (t *target) carryOn(p *pidfile.Process, what string, note func(string)) {
	if stopped, err := p.Stopped(); err == nil && stopped && p.Signal(unix.SIGCONT) == nil {
		note(what + " was stopped by a signal; continued it")
	}
}

// Verdict: an init that was asked has ended itself, unless it died of what no
// init does to itself.
func (t *target) Verdict(verb string) shutdown.Verdict {
	if verb == "KILL" {
		return shutdown.Forced
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end.told && !t.end.own && slices.Contains(deaths, t.end.exit.Signal) {
		return shutdown.Died
	}
	return shutdown.Graceful
}

// deaths are signals that end a process against its will.
var deaths = []unix.Signal{unix.SIGKILL, unix.SIGSEGV, unix.SIGBUS, unix.SIGILL, unix.SIGFPE, unix.SIGABRT, unix.SIGSYS}

// Cause is how the container's PID 1 ended: "poweroff", "reboot", "exit status
// 1", …; empty when it was not seen, or on a kernel before 6.15.
func (t *target) Cause() string {
	t.learn()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end.cause
}

// end is how an init ended.
type end struct {
	told  bool
	exit  pidfile.ExitStatus
	cause string
	own   bool // it called reboot(2), as far as can be told
}

// learn notes how init ended, if it did. It is called as early as can be: once
// LXC has reaped init, the kernel does not show a call of reboot(2) any more, and
// an init of a whole system that ends by itself is taken to have made it. Whether
// it was for a reboot, the monitor's going on will tell (endNextRun).
func (t *target) learn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end.told || t.init == nil {
		return
	}
	exit, ok := t.init.Exit()
	if !ok {
		return
	}
	cause := pid1.Ending(exit)
	hidden := exit.Late && !cause.Sure()
	if t.powerless || hidden && t.system && !t.killed {
		cause = pid1.PoweredOff
	}
	t.end = end{true, exit, cause.String(), cause == pid1.PoweredOff || cause == pid1.Rebooted}
}

// attend waits until init has ended, for the rung's time, and until its monitor
// has ended or begun anew.
func (t *target) attend(ctx context.Context, init *pidfile.Process, note func(string)) error {
	bare, stopLooking := context.WithCancel(ctx)
	defer stopLooking()
	left := make(chan struct{})
	go func() {
		defer close(left)
		t.finishPowerless(bare, init, note)
	}()
	err := init.Wait(ctx)
	t.learn()
	stopLooking()
	<-left // it owns note until it returns
	if err != nil {
		return nil // the rung's time is over, or the stop was called off
	}
	return t.endNextRun(ctx, init, note)
}

// endNextRun waits for the end of the monitor. When LXC starts the container
// again instead, as its init rebooted, that run is ended: everything has shut
// down in order already. Nothing tells when the monitor has begun anew: it is
// asked, ever more slowly.
func (t *target) endNextRun(ctx context.Context, last *pidfile.Process, note func(string)) error {
	for interval := time.Millisecond; ; interval = min(2*interval, 50*time.Millisecond) {
		if ended, err := within(ctx, t.monitor, interval); ended || err != nil {
			return nil
		}
		init, err := t.c.init(ctx, t.monitor)
		if err != nil {
			continue
		}
		if init.Identity() == last.Identity() {
			init.Close()
			continue
		}
		defer init.Close()
		note("it rebooted; its next run was ended")
		t.mu.Lock()
		t.end.cause, t.end.own = pid1.Rebooted.String(), true
		t.mu.Unlock()
		return t.kill(ctx, init)
	}
}

// within waits for the end of p for at most d; the error is that of ctx.
func within(ctx context.Context, p *pidfile.Process, d time.Duration) (bool, error) {
	short, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if err := p.Wait(short); err == nil {
		return true, nil
	}
	return false, ctx.Err()
}
