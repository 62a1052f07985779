package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/host"
)

// This file is what the verbs owe to a host that goes down.

// join makes a single stop part of the host's shutdown, if that is why it was
// asked for: the budget is one for all guests, whoever stops them. A guest that
// depends on others, or is not among those that go last, leaves them some of it.
func (e *env) join(ctx context.Context, args []string) {
	if e.house.Occasion != nil || !e.goingDown(ctx) {
		return
	}
	if err := e.awaitGate(ctx); err != nil {
		e.out.warn(err)
	}
	o := e.announce(ctx)
	e.house.Occasion, e.house.By = o, map[string]time.Time{}
	if o.Deadline.IsZero() {
		return
	}
	last := e.goLast(ctx)
	for _, arg := range args {
		if n, err := guest.ParseName(arg); err == nil && isKind(n.Kind) {
			if by, ok := e.by(n, last, o); ok {
				e.house.By[n.String()] = by
			}
		}
	}
}

// by is when n is to be down if some guests wait for it; last are those that go
// last.
func (e *env) by(n guest.Name, last []guest.Name, o *history.Occasion) (by time.Time, ok bool) {
	names := append([]guest.Name{n}, last...)
	if i := slices.Index(last, n); i >= 0 {
		names = slices.Delete(names, i+1, i+2)
	}
	by, ok = deadlines(e.stopOrder(e.chain(names...)), o, e.now(), false)[n.String()]
	return by, ok
}

// callOff takes back the announcement of a shutdown that did not come about: a
// guest is being started. Whoever starts one by hand, or again, as the host goes
// down all the same, has nothing in his environment that says so.
func (e *env) callOff(ctx context.Context) error {
	if !host.Announced(e.house.Layout) {
		return nil
	}
	s, err := e.systems()
	if err != nil {
		return err
	}
	defer s.tree.Close()
	level, _, _ := s.tree.ReadFile("/run/openrc/softlevel") // openrc(8) writes it before it stops anything
	unit := func(string) string { return "any" }
	if strings.TrimSpace(string(level)) == "shutdown" || s.systemd.GoingDown(ctx, unit) {
		return nil
	}
	return host.CallOff(e.house.Layout)
}

// leftToInit are the guests that the init system is to stop in its own order,
// and why: those that some service of another sort uses, which must go first,
// and what these guests depend on. (Under systemd nothing is left: there each
// unit's stop joins the budget.)
func (e *env) leftToInit(ctx context.Context, names []guest.Name) (map[string]string, error) {
	s, err := e.systems()
	if err != nil {
		return nil, err
	}
	defer s.tree.Close()
	if !s.openrc.Running() {
		return nil, nil
	}
	users, err := s.openrc.Users(ctx, func(service string) bool {
		n, err := guest.ParseName(service)
		return service == "guestrc" || err == nil && isService(n.Kind)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot tell which guests other services use; stopping all: %w", err)
	}
	services, _ := e.house.Services(names) // the stop itself warns of what cannot be read
	left := map[string]string{}
	var leave func(i int, why string)
	leave = func(i int, why string) {
		if left[names[i].String()] != "" {
			return
		}
		left[names[i].String()] = why
		for _, d := range services[i].Dependencies {
			if d.Sort != deps.Service || d.Relation == deps.Before {
				continue
			}
			if j := slices.IndexFunc(names, func(n guest.Name) bool { return n.String() == d.Name }); j >= 0 {
				leave(j, fmt.Sprintf("%s depends on it", names[i]))
			}
		}
	}
	for i, n := range names {
		if by := users[n.String()]; len(by) > 0 {
			leave(i, fmt.Sprintf("%s uses it", strings.Join(by, ", ")))
		}
	}
	return left, nil
}

// tellOpenRC has OpenRC know which guests are down, so that it need not run a
// stop of each. One that was started again meanwhile is not.
func (e *env) tellOpenRC(ctx context.Context, down []guest.Name) {
	s, err := e.systems()
	if err != nil {
		return // it will find out by itself
	}
	defer s.tree.Close()
	if !s.openrc.Running() {
		return
	}
	var names []string
	for _, n := range down {
		if st, err := e.house.Status(ctx, n, false); err == nil && st.Code != guest.StateRunning {
			names = append(names, n.String())
		}
	}
	if err := s.openrc.MarkStopped(names); err != nil {
		e.out.warn(err)
	}
}
