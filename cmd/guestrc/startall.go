package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/guestrc/guestrc/fleet"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/host"
	"github.com/guestrc/guestrc/units"
)

// This file is "start --all", and whose turn it is to start.

// startAll starts the guests that are enabled, through the init system that
// runs: it knows what else they need, and is to know that they run. Where none
// runs, all guests are started that are described.
func (e *env) startAll(ctx context.Context) error {
	s, err := e.systems()
	if err != nil {
		return err
	}
	defer s.tree.Close()
	var names []guest.Name
	var one func(context.Context, guest.Name) error
	switch {
	case s.systemd.Running():
		names, err = e.enabledUnits(s)
		one = func(ctx context.Context, n guest.Name) error {
			return runProgramFor(ctx, startAllTime, "systemctl", "start", units.Name(n.Kind, n.Instance))
		}
	case s.openrc.Running():
		names, err = e.enabledScripts(s)
		one = func(ctx context.Context, n guest.Name) error {
			return runProgramFor(ctx, startAllTime, "rc-service", "--quiet", n.String(), "start")
		}
	default:
		names, err = e.house.Names()
		names = slices.DeleteFunc(names, func(n guest.Name) bool { return errors.Is(e.described(n), fs.ErrNotExist) })
	}
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n guest.Name) bool { return !isKind(n.Kind) })
	if len(names) == 0 {
		e.out.info("no guest is enabled")
		return nil
	}
	e.house.Occasion = &history.Occasion{ID: e.newID(), What: history.StartAll, Began: e.now()}
	e.out.info(fmt.Sprintf("Starting %s ...", guests(len(names))))
	members := e.startOrder(names)
	if s.systemd.Running() { // which orders by itself; OpenRC has no patience with a service that is being started
		for i := range members {
			members[i].After = nil
		}
	}
	return e.bringUp(ctx, names, members, one)
}

// startAllTime bounds the start of one guest by an init system, which has
// deadlines of its own and may have a queue of others before this one.
const startAllTime = time.Hour

func (e *env) enabledUnits(s *systems) (names []guest.Name, err error) {
	enabled, err := s.systemd.Enabled()
	for _, text := range enabled {
		if n, err := guest.ParseName(text); err == nil {
			names = append(names, n)
		}
	}
	return names, err
}

func (e *env) enabledScripts(s *systems) ([]guest.Name, error) {
	names, err := guest.ScriptedNames(e.house.Layout, isKind)
	if err != nil {
		return nil, err
	}
	var errs []error
	names = slices.DeleteFunc(names, func(n guest.Name) bool {
		levels, err := s.openrc.Runlevels(n.String())
		errs = append(errs, err)
		return len(levels) == 0
	})
	return names, errors.Join(errs...)
}

// bringUp starts names in the order of members; one is nil where we are to do it
// ourselves.
func (e *env) bringUp(ctx context.Context, names []guest.Name, members []fleet.Member, one func(context.Context, guest.Name) error) error {
	c := &crowd{e: e}
	began := e.now()
	errs := make([]error, len(names))
	up := 0
	cuts, skipped := fleet.Run(ctx, members, e.atOnce(one != nil), func(ctx context.Context, i int) {
		n := names[i]
		m, began := c.enter(n), e.now()
		if one != nil {
			errs[i] = one(ctx, n)
		} else {
			errs[i] = e.startOne(ctx, n, m)
		}
		m.leave(func() {
			switch {
			case errs[i] != nil:
				errs[i] = named(n, errs[i])
			case m.unready:
				up++
				e.out.info(fmt.Sprintf("%s runs, and is not ready, after %s", n, seconds(e.now().Sub(began))))
			default:
				up++
				e.out.info(fmt.Sprintf("%s is up after %s", n, seconds(e.now().Sub(began))))
			}
		})
	})
	for _, i := range skipped {
		errs[i] = fmt.Errorf("cannot start %s: %w", names[i], ctx.Err())
	}
	for _, cut := range cuts {
		e.out.warn(fmt.Errorf("%s and %s depend on each other: they were started in no order", cut.Name, cut.After))
	}
	e.out.info(fmt.Sprintf("%s of %d up after %s", guests(up), len(names), seconds(e.now().Sub(began))))
	return errors.Join(errs...)
}

// named is err with the guest's name, of which not every error speaks.
func named(n guest.Name, err error) error {
	if strings.Contains(err.Error(), n.String()) {
		return err
	}
	return fmt.Errorf("cannot start %s: %w", n, err)
}

// atOnce is how many starts are asked for at one time. An init system's command
// that waits costs memory, and the limiter is for those that start.
func (e *env) atOnce(throughInit bool) int {
	if throughInit {
		return 8 * runtime.NumCPU()
	}
	return 0
}

// startOrder says for each guest which others must be ready before it.
func (e *env) startOrder(names []guest.Name) []fleet.Member {
	stop := e.stopOrder(names)
	at := make(map[string]int, len(stop))
	start := make([]fleet.Member, len(stop))
	for i, m := range stop {
		at[m.Name], start[i].Name = i, m.Name
	}
	for _, m := range stop {
		for _, user := range m.After {
			start[at[user]].After = append(start[at[user]].After, m.Name)
		}
	}
	return start
}

// startOne starts n when it is its turn.
func (e *env) startOne(ctx context.Context, n guest.Name, p guest.Progress) error {
	if err := e.callOff(ctx); err != nil {
		p.Warn(err) // it goes stale by itself
	}
	done, err := e.turn(ctx, n, p)
	if err != nil {
		return err
	}
	defer done()
	if host.Announced(e.house.Layout) && e.goingDown(ctx) { // it may have waited for long
		return &guest.Error{Status: guest.StatusFailed, Msg: fmt.Sprintf("cannot start %s: the host is going down", n)}
	}
	return e.house.Start(ctx, n, p)
}

// turn waits until n may start. A limiter that cannot be used limits nothing:
// its fault must not keep guests down.
func (e *env) turn(ctx context.Context, n guest.Name, p guest.Progress) (done func(), err error) {
	settings, warnings, err := host.Load(e.house.Layout)
	for _, w := range warnings {
		p.Warn(w)
	}
	if err != nil {
		p.Warn(fmt.Errorf("starting without a limit: %w", err))
	}
	if settings.StartParallel == 0 && settings.StartDelay == 0 {
		return func() {}, nil
	}
	if st, err := e.house.Status(ctx, n, false); err == nil && st.Code == guest.StateRunning {
		return func() {}, nil
	}
	waiting, waited := context.WithCancel(ctx)
	defer waited()
	done, err = host.Turn(ctx, e.house.Layout, settings, func() {
		p.Say("waiting for its turn to start")
		e.keepAlive(waiting)
	})
	if ctx.Err() != nil {
		done()
		return nil, fmt.Errorf("cannot start %s: it waited for its turn: %w", n, ctx.Err())
	}
	if err != nil {
		p.Warn(fmt.Errorf("starting without a limit: %w", err))
	}
	return done, nil
}

// heartbeat is how often systemd is told that a start goes on, which it gives
// twice that each time.
const heartbeat = 30 * time.Second

// keepAlive asks systemd for more time until ctx ends.
func (e *env) keepAlive(ctx context.Context) {
	e.notify.Status("waiting for its turn")
	e.notify.Extend(2 * heartbeat)
	var beat func()
	beat = func() {
		if ctx.Err() == nil {
			e.notify.Extend(2 * heartbeat)
			time.AfterFunc(heartbeat, beat)
		}
	}
	time.AfterFunc(heartbeat, beat)
}
