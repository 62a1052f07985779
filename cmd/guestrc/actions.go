package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/guest"
)

// each runs act for every guest named, in order, whatever becomes of the
// others, and joins the errors. When one of the names is not valid nothing is
// done.
func (e *env) each(ctx context.Context, args []string, act func(guest.Name) error) error {
	names, err := e.guestNames(args)
	if err != nil {
		return err
	}
	var errs []error
	for i, n := range names {
		if err := act(n); err != nil {
			errs = append(errs, err)
		}
		if left := names[i+1:]; ctx.Err() != nil && len(left) > 0 {
			errs = append(errs, fmt.Errorf("cannot go on with %v: %w", left, ctx.Err()))
			break
		}
	}
	return errors.Join(errs...)
}

// guestNames reads operands; nothing is done when one of them is wrong.
func (e *env) guestNames(args []string) ([]guest.Name, error) {
	names := make([]guest.Name, len(args))
	var errs []error
	for i, arg := range args {
		n, err := guest.ParseName(arg)
		switch {
		case err != nil:
		case !isService(n.Kind):
			err = usage(fmt.Sprintf("cannot find guest %s: there is no kind %q", n, n.Kind), "kinds: "+serviceKinds(", "))
		case n.Kind == service.Kind && !e.verb.bridges:
			err = usage(fmt.Sprintf("cannot %s %s: it is a bridge", e.verb.name, n), "what bridges have: "+verbNames(func(v verb) bool { return v.bridges }))
		}
		names[i], errs = n, append(errs, err)
	}
	return names, errors.Join(errs...)
}

func start(ctx context.Context, e *env, args []string) error {
	if all, err := e.all(args); all || err != nil {
		if err == nil {
			err = e.startAll(ctx)
		}
		return err
	}
	return e.each(ctx, args, func(n guest.Name) error {
		if n.Kind == service.Kind {
			return e.startBridge(ctx, n)
		}
		if done, err := e.kept(ctx, n); done {
			return err
		}
		began := e.now()
		p := e.progress(n, "Starting")
		if err := e.startOne(ctx, n, p); err != nil {
			return err
		}
		e.notify.Ready(p.pid, "running")
		switch {
		case p.fresh && p.unready:
			p.done(fmt.Sprintf("%s runs, and is not ready, after %s (pid %d)", n, seconds(e.now().Sub(began)), p.pid))
		case p.fresh:
			p.done(fmt.Sprintf("%s is up after %s (pid %d)", n, seconds(e.now().Sub(began)), p.pid))
		default:
			p.done(fmt.Sprintf("%s is already running (pid %d)", n, p.pid))
		}
		return nil
	})
}

func stop(ctx context.Context, e *env, args []string) error {
	if all, err := e.all(args); all || err != nil {
		if err == nil {
			err = e.stopAll(ctx)
		}
		return err
	}
	e.join(ctx, args)
	return e.each(ctx, args, func(n guest.Name) error {
		if n.Kind == service.Kind {
			return e.stopBridge(ctx, n)
		}
		p := e.progress(n, "Stopping")
		asking, finish := e.letGo(ctx, n, p.Warn)
		p.asking = asking
		record, err := e.house.Stop(ctx, n, p)
		return e.stopped(p, record, errors.Join(err, finish()))
	})
}

func kill(ctx context.Context, e *env, args []string) error {
	return e.each(ctx, args, func(n guest.Name) error {
		p := e.progress(n, "Killing")
		asking, finish := e.letGo(ctx, n, p.Warn)
		p.asking = asking
		record, err := e.house.Kill(ctx, n, p)
		return e.stopped(p, record, errors.Join(err, finish()))
	})
}

// stopped says how a stop went; its line is the last one of the verb.
func (e *env) stopped(p *progress, record *guest.StopRecord, err error) error {
	switch {
	case err != nil:
		p.clear()
		return err
	case record == nil:
		p.done(fmt.Sprintf("%s was not running", p.name))
	case record.Stop.Forced:
		p.warned(fmt.Sprintf("%s: %s", p.name, record.Text))
	default:
		p.done(fmt.Sprintf("%s: %s", p.name, record.Text))
	}
	e.notify.Status("stopped")
	return nil
}

func restart(ctx context.Context, e *env, args []string) error {
	return e.each(ctx, args, func(n guest.Name) error {
		if n.Kind == service.Kind { // it stays where it is, and so do the guests on it
			return e.startBridge(ctx, n)
		}
		// A guest that could not start again is not stopped.
		if k := e.keeperOf(n); k != nil {
			return k.restart(ctx)
		}
		if err := e.house.Check(ctx, n); err != nil {
			return err
		}
		if err := stop(ctx, e, []string{n.String()}); err != nil {
			return err
		}
		return start(ctx, e, []string{n.String()})
	})
}

func reset(ctx context.Context, e *env, args []string) error {
	return e.act(ctx, args, "Resetting", "was reset", (*guest.House).Reset)
}

func reboot(ctx context.Context, e *env, args []string) error {
	return e.act(ctx, args, "Rebooting", "went down and comes up again", (*guest.House).Reboot)
}

func freeze(ctx context.Context, e *env, args []string) error {
	return e.act(ctx, args, "Freezing", "is frozen", (*guest.House).Freeze)
}

func thaw(ctx context.Context, e *env, args []string) error {
	return e.act(ctx, args, "Thawing", "goes on", (*guest.House).Thaw)
}

// act does something to running guests and says that it was done.
func (e *env) act(ctx context.Context, args []string, doing, done string, do func(*guest.House, context.Context, guest.Name, guest.Progress) error) error {
	return e.each(ctx, args, func(n guest.Name) error {
		p := e.progress(n, doing)
		if err := do(e.house, ctx, n, p); err != nil {
			p.clear()
			return err
		}
		p.done(fmt.Sprintf("%s %s", n, done))
		return nil
	})
}
