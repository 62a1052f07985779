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

// openBridge reads the files and passes their warnings on.
func (e *env) openBridge(n guest.Name) (*service.Bridge, error) {
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
	b, err := e.openBridge(n)
	if err != nil {
		return err
	}
	plugs, err := e.house.Plugs(ctx)
	if err != nil {
		p.Warn(err) // those are named by their interfaces alone
	}
	force, _ := e.flags.GetBool("force")
	was, err := b.Stop(ctx, plugs, force)
	switch {
	case err != nil:
		return err
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
	if err := service.Owned(b.Layout, n); err != nil {
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
	wanted := func(plug guest.Plug) bool {
		return len(names) == 0 || slices.ContainsFunc(names, func(n guest.Name) bool {
			return plug.Guest == n.String() || n.Kind == service.Kind && plug.Bridge == n.Instance
		})
	}
	plugs, err := e.house.Plugs(ctx)
	plugs = slices.DeleteFunc(plugs, func(plug guest.Plug) bool { return !wanted(plug) })
	done, errPlug := service.Replug(ctx, plugs)
	for _, text := range done {
		e.out.info(text)
	}
	switch {
	case len(done) > 0 || err != nil || errPlug != nil:
	case len(plugs) == 0:
		e.out.info("no running guest of these has an interface for a bridge")
	default:
		e.out.info("every interface is where it belongs")
	}
	return errors.Join(err, errPlug)
}

// names are all services of ours: guests and bridges, and those of either that
// only a unit names.
func (e *env) names() ([]guest.Name, error) {
	return guest.Names(e.house.Layout, isService)
}

func isService(kind string) bool { return kind == service.Kind || isKind(kind) }

func serviceKinds(separator string) string {
	return strings.Join(append(strings.Split(kindNames(separator), separator), service.Kind), separator)
}
