package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/guestrc/guestrc/fleet"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/host"
)

// This file is "stop --all".

// all tells whether --all is given, and refuses what does not go with it.
func (e *env) all(args []string) (bool, error) {
	all, _ := e.flags.GetBool("all")
	for _, name := range []string{"budget", "host-shutdown"} {
		if !all && e.flags.Lookup(name) != nil && e.flags.Changed(name) {
			return false, usage(fmt.Sprintf("cannot %s: --%s goes with --all", e.verb.name, name), "guestrc help "+e.verb.name)
		}
	}
	switch {
	case all && len(args) > 0:
		return false, usage(fmt.Sprintf("cannot %s all guests and %s", e.verb.name, args[0]), "leave out one of the two")
	case !all && len(args) == 0:
		return false, usage(fmt.Sprintf("cannot %s: name guests, or --all", e.verb.name), "guestrc help "+e.verb.name)
	}
	return all, nil
}

// stopAll stops every guest that runs, all at the same time but for those that
// are needed by others: these go when the others are down.
func (e *env) stopAll(ctx context.Context) error {
	occasion, err := e.occasion(ctx)
	if err != nil {
		return err
	}
	names, err := e.mayRun(ctx)
	if err != nil {
		return err
	}
	var left map[string]string
	if occasion.What == history.HostShutdown {
		if left, err = e.leftToInit(ctx, names); err != nil {
			e.out.warn(err) // then all are ours: none is to be killed for want of this
		}
		names = slices.DeleteFunc(names, func(n guest.Name) bool { return left[n.String()] != "" })
		for _, n := range slices.Sorted(maps.Keys(left)) {
			e.out.info(fmt.Sprintf("%s is stopped in its turn: %s", n, left[n]))
		}
	}
	if len(names) == 0 {
		e.out.info("no guest runs")
		return nil
	}
	e.house.Occasion = occasion
	e.out.info(fmt.Sprintf("Stopping %s%s ...", guests(len(names)), within(occasion)))
	tally, err := e.bringDown(ctx, names, occasion, len(left) > 0)
	if ctx.Err() != nil && occasion.What == history.HostShutdown { // nothing goes down, if only somebody tried this by hand
		if err := e.callOff(context.WithoutCancel(ctx)); err != nil {
			e.out.warn(err)
		}
	}
	if len(names) > 1 {
		tally.tell(e, e.now().Sub(occasion.Began))
	}
	return err
}

// occasion is what this stop of all guests is for, and by when it must be over.
func (e *env) occasion(ctx context.Context) (*history.Occasion, error) {
	going, _ := e.flags.GetBool("host-shutdown")
	text, _ := e.flags.GetString("budget")
	if going {
		if text != "" {
			return nil, usage("cannot stop: --budget does not go with --host-shutdown", "host_shutdown_budget in "+e.house.Layout.HostConf())
		}
		return e.announce(ctx), nil
	}
	o := &history.Occasion{ID: e.newID(), What: history.StopAll, Began: e.now()}
	if text != "" {
		seconds, err := strconv.ParseUint(text, 10, 20)
		if err != nil || seconds == 0 || seconds > maxBudget {
			return nil, usage(fmt.Sprintf("cannot stop within %q: it is no number of seconds up to a week", text), "--budget 120")
		}
		o.Deadline = o.Began.Add(time.Duration(seconds) * time.Second)
	}
	return o, nil
}

// maxBudget is a week, as for a rung.
const maxBudget = 7 * 24 * 3600

// newID tells occasions apart; it sorts by time.
func (e *env) newID() string { return e.now().UTC().Format("20060102T150405.000000") }

// announce joins the shutdown of the host, or begins it. What is wrong with the
// settings must not keep guests from being stopped.
func (e *env) announce(ctx context.Context) *history.Occasion {
	settings, warnings, err := host.Load(e.house.Layout)
	for _, w := range warnings {
		e.out.warn(w)
	}
	if err != nil {
		e.out.warn(fmt.Errorf("stopping without a budget: %w", err))
	}
	going, err := host.Announce(ctx, e.house.Layout, settings, e.now)
	if err != nil {
		e.out.warn(err)
	}
	return &history.Occasion{ID: going.ID, What: history.HostShutdown, Began: going.Began, Deadline: going.Deadline, Battery: going.Battery}
}

// mayRun are the guests that run, or of which nobody can tell.
func (e *env) mayRun(ctx context.Context) ([]guest.Name, error) {
	names, err := e.house.Names()
	if err != nil {
		return nil, err
	}
	runs := make([]bool, len(names))
	guest.Each(len(names), inspectors, func(i int) { runs[i] = e.mayBeUp(ctx, names[i]) })
	var found []guest.Name
	for i, n := range names {
		if runs[i] {
			found = append(found, n)
		}
	}
	return found, nil
}

func (e *env) mayBeUp(ctx context.Context, n guest.Name) bool {
	st, err := e.house.Status(ctx, n, false)
	return err == nil && (st.Code == guest.StateRunning || st.Code == guest.StateUnknown || st.Code == guest.StateLocked)
}

// tally counts how guests ended.
type tally struct {
	down, forced, up int
	slowest          time.Duration
	slow             guest.Name
	names            []guest.Name // that are down
}

// bringDown stops names in their order. more: the init system has others to
// stop after them.
func (e *env) bringDown(ctx context.Context, names []guest.Name, o *history.Occasion, more bool) (*tally, error) {
	members := e.stopOrder(names)
	e.house.After = map[string][]string{}
	for _, m := range members {
		e.house.After[m.Name] = m.After
	}
	e.house.By = deadlines(members, o, e.now(), more)
	var writers sync.WaitGroup
	e.house.Aside = writers.Go
	c := &crowd{e: e, deadline: o.Deadline}
	t := &tally{}
	errs := make([]error, len(names))
	cuts, skipped := fleet.Run(ctx, members, 0, func(ctx context.Context, i int) {
		m := c.enter(names[i])
		asking, finish := e.letGo(ctx, names[i], m.Warn)
		m.asking = asking
		record, err := e.house.Stop(ctx, names[i], m)
		if late := !o.Deadline.IsZero() && ctx.Err() == nil; err != nil && record == nil && late && guest.Busy(err) {
			// Another stop, without our deadline, has it: its time is over.
			record, err = e.house.Kill(ctx, names[i], m)
		}
		if ctx.Err() == nil {
			err = errors.Join(err, finish())
		}
		errs[i] = err
		m.leave(func() { t.count(e, names[i], record, err) })
	})
	e.tellOpenRC(context.WithoutCancel(ctx), t.names)
	e.awaitHistory(&writers, o)
	for _, i := range skipped {
		errs[i] = fmt.Errorf("cannot stop %s: %w", names[i], ctx.Err())
		t.up++
	}
	for _, cut := range cuts {
		e.out.warn(fmt.Errorf("%s and %s depend on each other: they were stopped in no order", cut.Name, cut.After))
	}
	if ctx.Err() != nil {
		errs = append(errs, &guest.Error{Status: guest.StatusFailed, Msg: fmt.Sprintf("interrupted: %s not stopped", guests(t.up)),
			Hint: "the same command again goes on"})
	}
	return t, errors.Join(errs...)
}

// historyTime is how long guests that are down are waited for until that is on
// the disk, and overtime how long when the budget is over.
const historyTime, overtime = 30 * time.Second, 2 * time.Second

// awaitHistory does not wait for a disk that hangs.
func (e *env) awaitHistory(writers *sync.WaitGroup, o *history.Occasion) {
	patience := historyTime
	if !o.Deadline.IsZero() {
		patience = min(patience, max(overtime, o.Deadline.Sub(e.now())))
	}
	written := make(chan struct{})
	go func() {
		writers.Wait()
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(patience):
		e.out.warn(errors.New("the history of some guests is not on the disk: it takes too long"))
	}
}

// count notes and tells how one ended; the crowd lets in one at a time.
func (t *tally) count(e *env, n guest.Name, record *guest.StopRecord, err error) {
	if err != nil {
		t.up++
		return // all errors come at the end
	}
	t.down++
	t.names = append(t.names, n)
	if record == nil {
		e.out.info(fmt.Sprintf("%s was not running", n))
		return
	}
	if took := time.Duration(record.Stop.Took); took > t.slowest {
		t.slowest, t.slow = took, n
	}
	text := fmt.Sprintf("%s: %s", n, record.Text)
	if !record.Stop.Forced {
		e.out.info(text)
		return
	}
	t.forced++
	e.out.warn(errors.New(text))
}

func (t *tally) tell(e *env, took time.Duration) {
	text := fmt.Sprintf("%s down after %s", guests(t.down), seconds(took))
	if t.slowest > 0 {
		text += fmt.Sprintf("; the slowest was %s", t.slow)
	}
	if t.forced > 0 {
		text += fmt.Sprintf("; %d had to be forced", t.forced)
	}
	if t.up > 0 {
		text += fmt.Sprintf("; %d not", t.up)
	}
	e.out.info(text)
}

// guests is "1 guest", "20 guests".
func guests(n int) string {
	if n == 1 {
		return "1 guest"
	}
	return fmt.Sprintf("%d guests", n)
}

// within is " within 120 s", as far as the occasion has a deadline.
func within(o *history.Occasion) string {
	if o.Deadline.IsZero() {
		return ""
	}
	text := fmt.Sprintf(" within %.0f s", max(0, time.Until(o.Deadline).Seconds()))
	if o.Battery {
		text += ", on battery"
	}
	return text
}
