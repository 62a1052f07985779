package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/units"
)

// A bridge is a service like a guest; this file is the verbs that it has.

func (e *env) startBridge(ctx context.Context, n guest.Name) error {
	p := e.progress(n, "Starting")
	b, err := e.openBridge(n)
	if err != nil {
		return err
	}
	changes, err := b.Start(ctx)
	for _, c := range changes {
		p.Say(c)
	}
	if err != nil {
		return err
	}
	e.plugIn(ctx, p, func(plug guest.Plug) bool { return plug.Bridge == n.Instance })
	if len(changes) == 0 {
		p.done(fmt.Sprintf("%s is up already, as its files say", n))
	} else {
		p.done(n.String() + " is up")
	}
	return nil
}

// openBridge reads the files of a bridge that is ours to make, and passes their
// warnings on.
func (e *env) openBridge(n guest.Name) (*service.Bridge, error) {
	if err := service.Owned(e.house.Layout, n); err != nil {
		return nil, err
	}
	b, err := service.Open(e.house.Layout, n)
	if err != nil {
		return nil, err
	}
	for _, w := range b.Conf.Warnings {
		e.out.warn(w)
	}
	return b, nil
}

// plugIn puts guests back into their bridges. What keeps one out is a warning:
// whatever asked for it has succeeded.
func (e *env) plugIn(ctx context.Context, p *progress, which func(guest.Plug) bool) (done []string) {
	plugs, err := e.house.Plugs(ctx)
	if err != nil {
		p.Warn(err)
	}
	done, err = service.Replug(ctx, slices.DeleteFunc(plugs, func(plug guest.Plug) bool { return !which(plug) }))
	for _, text := range done {
		p.Say(text)
	}
	if err != nil {
		p.Warn(err)
	}
	return done
}

func (e *env) stopBridge(ctx context.Context, n guest.Name) error {
	p := e.progress(n, "Stopping")
	plugs, err := e.house.Plugs(ctx)
	if err != nil {
		p.Warn(err) // those are named by their interfaces alone
	}
	force, _ := e.flags.GetBool("force")
	was, cut, err := service.Stop(ctx, e.house.Layout, n, plugs, force)
	switch {
	case err != nil:
		return err
	case len(cut) > 0:
		p.warned(fmt.Sprintf("%s is removed from under %s", n, strings.Join(cut, ", ")))
	case was:
		p.done(n.String() + " is removed")
	default:
		p.done(n.String() + " was not there")
	}
	return nil
}

// planBridge is what a start would change.
func (e *env) planBridge(n guest.Name) (guest.Plan, error) {
	b, err := e.openBridge(n)
	if err != nil {
		return guest.Plan{}, err
	}
	changes, err := bridge.Differences(b.Conf.Spec)
	if len(changes) == 0 {
		changes = []string{"nothing is to be changed"}
	}
	return guest.Plan{Guest: n.String(), Files: b.Conf.Files, Argv: []string{}, Notes: changes}, err
}

func replug(ctx context.Context, e *env, args []string) error {
	names, err := e.guestNames(args)
	if err != nil {
		return err
	}
	plugs, err := e.house.Plugs(ctx)
	errs := []error{err}
	if len(names) > 0 {
		var wanted []guest.Plug
		for _, n := range names {
			its := slices.DeleteFunc(slices.Clone(plugs), func(plug guest.Plug) bool { return !concerns(n, plug) })
			if len(its) == 0 {
				errs = append(errs, e.nothingToPlug(ctx, n))
			}
			wanted = append(wanted, its...)
		}
		plugs = wanted
	}
	done, err := service.Replug(ctx, plugs)
	for _, text := range done {
		e.out.info(text)
	}
	if err = errors.Join(append(errs, err)...); err == nil && len(done) == 0 {
		e.out.info("every interface of a running guest is plugged in")
	}
	return err
}

func concerns(n guest.Name, plug guest.Plug) bool {
	return plug.Guest == n.String() || n.Kind == service.Kind && plug.Bridge == n.Instance
}

// nothingToPlug is an error where n is not even there.
func (e *env) nothingToPlug(ctx context.Context, n guest.Name) error {
	if st := e.statusOf(ctx, n); st.Code != guest.StateRunning {
		return &guest.Error{Status: guest.StatusNotRunning, Msg: fmt.Sprintf("cannot replug %s: it is %s", n, st.State), Hint: st.Message}
	}
	return nil
}

// names are all services of ours, guests and bridges, also those that only an
// enabled unit names.
func (e *env) names() ([]guest.Name, error) {
	names, err := guest.Names(e.house.Layout, isService)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n guest.Name) bool { return n.Kind == service.Kind && !service.Known(e.house.Layout, n) })
	files, err := units.Scan(e.house.Layout.At())
	if err != nil {
		return nil, err
	}
	for _, enabled := range files.Instances() {
		if n, err := guest.ParseName(enabled); err == nil && isService(n.Kind) {
			names = append(names, n)
		}
	}
	guest.SortNames(names)
	return slices.Compact(names), nil
}

func isService(kind string) bool { return kind == service.Kind || isKind(kind) }

func serviceKinds(separator string) string {
	return strings.Join(append(strings.Split(kindNames(separator), separator), service.Kind), separator)
}
