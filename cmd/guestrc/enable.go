package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/initd"
)

// defaultRunlevel is where rc-update(8) adds a service as well.
const defaultRunlevel = "default"

func enable(ctx context.Context, e *env, args []string) error {
	return e.eachInCharge(ctx, args, e.enableOpenRC, e.enableSystemd)
}

func disable(ctx context.Context, e *env, args []string) error {
	return e.eachInCharge(ctx, args, e.disableOpenRC, e.disableSystemd)
}

// change is what a verb does to one guest under one init system; it returns
// what there is to say.
type change func(ctx context.Context, s *systems, n guest.Name) (said string, err error)

// eachInCharge changes all guests named, under the init systems in charge.
func (e *env) eachInCharge(ctx context.Context, args []string, openrc, systemd change) error {
	s, err := e.systems()
	if err != nil {
		return err
	}
	defer s.tree.Close()
	which, err := e.inCharge(s)
	if err != nil {
		return err
	}
	if e.flags.Changed("runlevel") && !slices.Contains(which, openrcName) {
		return usage("cannot use --runlevel: systemd has none", "--init openrc, if that is what you mean")
	}
	err = e.each(ctx, args, func(n guest.Name) error {
		var errs []error
		for _, name := range which {
			do := openrc
			if name == systemdName {
				do = systemd
			}
			said, err := do(ctx, s, n)
			if err != nil {
				errs = append(errs, e.cannot(n, err))
				continue
			}
			e.out.info(fmt.Sprintf("%s: %s", n, said))
		}
		return errors.Join(errs...)
	})
	if slices.Contains(which, openrcName) {
		err = errors.Join(err, s.openrc.Refresh(ctx))
	}
	return err
}

// cannot says what was to be done, with a hint where a name is taken.
func (e *env) cannot(n guest.Name, err error) error {
	var known interface{ ExitStatus() int }
	if errors.As(err, &known) {
		return err
	}
	failure := &guest.Error{Status: guest.StatusFailed, Msg: fmt.Sprintf("cannot %s %s", e.verb.name, n), Err: err}
	if taken := new(initd.TakenError); errors.As(err, &taken) {
		failure.Status, failure.Hint = guest.StatusRefused, "move it away if nothing else needs it"
		if initd.Leads(taken.Target, predecessors[n.Kind]) {
			failure.Hint = "guestrc adopt " + n.String()
		}
	}
	if denied(err) {
		failure.Status, failure.Hint = guest.StatusRefused, "run as root"
	}
	return failure
}

// configured is an error unless the files of n describe it well.
func (e *env) configured(ctx context.Context, n guest.Name) error {
	if n.Kind == service.Kind {
		_, err := e.openBridge(n)
		return err
	}
	_, err := e.house.Configure(ctx, n, &progress{e: e, name: n})
	return err
}

func (e *env) enableOpenRC(ctx context.Context, s *systems, n guest.Name) (string, error) {
	if err := e.configured(ctx, n); err != nil {
		return "", err
	}
	link, err := s.openrc.Look(n.String())
	if err == nil && n.Kind == service.Kind && (link.Target == "" || link.Ours) {
		err = service.Owned(e.house.Layout, n)
	}
	if err != nil {
		return "", err
	}
	runlevel, _ := e.flags.GetString("runlevel")
	if runlevel == "" {
		runlevel = defaultRunlevel
	}
	c, err := s.openrc.Enable(ctx, n.String(), runlevel)
	var said []string
	if c.Link {
		said = append(said, path.Join(initd.Dir, n.String())+" made")
	}
	if len(c.Runlevels) > 0 {
		said = append(said, "added to the runlevel "+runlevel)
	}
	if len(said) == 0 {
		said = []string{"is in the runlevel " + runlevel + " already"}
	}
	return strings.Join(said, ", "), err
}

func (e *env) enableSystemd(ctx context.Context, s *systems, n guest.Name) (string, error) {
	if err := e.configured(ctx, n); err != nil {
		return "", err
	}
	if n.Kind == service.Kind {
		if err := service.Owned(e.house.Layout, n); err != nil {
			return "", err
		}
	}
	done, err := s.systemd.Enable(ctx, n.Kind, n.Instance)
	if !done {
		return "is enabled already", err
	}
	return "enabled", err
}

func (e *env) disableOpenRC(ctx context.Context, s *systems, n guest.Name) (string, error) {
	was, err := s.openrc.Adopted(n.String())
	if err != nil {
		return "", err
	}
	running := e.runs(ctx, s, n)
	c, err := s.openrc.Disable(ctx, n.String(), running || was != "")
	var said []string
	if len(c.Runlevels) > 0 {
		said = append(said, "taken out of the runlevel "+strings.Join(c.Runlevels, ", "))
	}
	link, _ := s.openrc.Look(n.String())
	switch {
	case c.Link:
		said = append(said, path.Join(initd.Dir, n.String())+" removed")
	case link.Ours && was != "":
		said = append(said, fmt.Sprintf("%s stays, as it was adopted: guestrc adopt --undo %s", path.Join(initd.Dir, n.String()), n))
	case link.Ours && running:
		said = append(said, fmt.Sprintf("%s stays, as it runs: stop it, then disable it again", path.Join(initd.Dir, n.String())))
	}
	if len(said) == 0 {
		said = []string{"was not enabled"}
	}
	return strings.Join(said, ", "), err
}

// runs tells whether n is up, or may be. For a bridge that is OpenRC's word: it
// may be there without a service.
func (e *env) runs(ctx context.Context, s *systems, n guest.Name) bool {
	if n.Kind == service.Kind {
		return s.openrc.Started(n.String())
	}
	return s.mayRun(e.statusOf(ctx, n))
}

// mayRun counts a guest in whose state is in doubt, if it was started since the
// host is up and not stopped since. The description of one that was stopped may
// be gone.
func (s *systems) mayRun(st guest.Status) bool {
	switch st.Code {
	case guest.StateRunning, guest.StateLocked:
		return true
	case guest.StateUnknown:
		stopped := st.LastStop != nil && st.LastStop.At.After(st.StartedAt)
		return !stopped && s.tree.Exists("/run/guestrc/"+st.Guest)
	}
	return false
}

func (e *env) disableSystemd(ctx context.Context, s *systems, n guest.Name) (string, error) {
	done, err := s.systemd.Disable(ctx, n.Kind, n.Instance)
	if !done {
		return "was not enabled", err
	}
	return "disabled", err
}
