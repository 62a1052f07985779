package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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
// what there is to say, and whether anything is not as it was.
type change func(ctx context.Context, s *systems, n guest.Name) (said string, changed bool, err error)

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
	if level, _ := e.flags.GetString("runlevel"); e.flags.Changed("runlevel") && !s.openrc.HasRunlevel(level) {
		return usage(fmt.Sprintf("cannot %s: there is no runlevel %q", e.verb.name, level), "ls "+e.house.Layout.At("etc", "runlevels"))
	}
	stale := false // what OpenRC knows of services
	err = e.each(ctx, args, func(n guest.Name) error {
		var errs []error
		for _, name := range which {
			do := openrc
			if name == systemdName {
				do = systemd
			}
			said, changed, err := do(ctx, s, n)
			stale = stale || changed && name == openrcName
			if err != nil {
				errs = append(errs, e.cannot(e.verb.name, n, err))
				continue
			}
			e.out.info(fmt.Sprintf("%s: %s", n, said))
		}
		return errors.Join(errs...)
	})
	if stale {
		err = errors.Join(err, s.openrc.Refresh(ctx))
	}
	return err
}

// cannot says what was to be done, with a hint where a name is taken.
func (e *env) cannot(verb string, n guest.Name, err error) error {
	var known interface{ ExitStatus() int }
	if errors.As(err, &known) {
		return err
	}
	failure := &guest.Error{Status: guest.StatusFailed, Msg: fmt.Sprintf("cannot %s %s", verb, n), Err: err}
	if errors.As(err, new(*initd.RefusedError)) {
		failure.Status = guest.StatusRefused
	}
	if taken := new(initd.TakenError); errors.As(err, &taken) {
		failure.Status, failure.Hint = guest.StatusRefused, "move it away if nothing else needs it"
		if initd.Leads(taken.Target, predecessors[n.Kind]) || initd.LSB(taken.Target) {
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
		_, err := e.readBridge(n)
		return err
	}
	if e.root != "/" {
		return e.described(n)
	}
	_, err := e.house.Configure(ctx, n, &progress{e: e, name: n})
	return err
}

// described is configured for a guest of another host, whose users, programs
// and devices are not ours: only files are looked at.
func (e *env) described(n guest.Name) error {
	c, err := e.house.Load(n)
	if err != nil {
		return err
	}
	warnings, err := kindNamed(n.Kind).Vars().Check(c)
	for _, w := range warnings {
		e.out.warn(w)
	}
	if _, wrong := e.house.Service(n); wrong != nil {
		err = errors.Join(err, wrong)
	}
	if known := interface{ ExitStatus() int }(nil); err != nil && !errors.As(err, &known) {
		err = &guest.Error{Status: guest.StatusNotConfigured, Msg: "cannot use the configuration of " + n.String(), Err: err}
	}
	return err
}

// readBridge reads the files of a bridge, whoever is in charge of it, and passes
// their warnings on.
func (e *env) readBridge(n guest.Name) (*service.Bridge, error) {
	b, err := service.Open(e.house.Layout, n)
	if err != nil {
		return nil, err
	}
	for _, w := range b.Conf.Warnings {
		e.out.warn(w)
	}
	return b, nil
}

func (e *env) enableOpenRC(ctx context.Context, s *systems, n guest.Name) (string, bool, error) {
	if err := e.configured(ctx, n); err != nil {
		return "", false, err
	}
	link, err := s.openrc.Look(n.String())
	if err == nil && n.Kind == service.Kind && (link.Target == "" || link.Ours) {
		err = service.Owned(e.house.Layout, n)
	}
	if err != nil {
		return "", false, err
	}
	runlevel, _ := e.flags.GetString("runlevel")
	if runlevel == "" {
		runlevel = defaultRunlevel
	}
	c, err := s.openrc.Enable(ctx, n.String(), runlevel)
	var said []string
	if c.Link {
		said = append(said, e.script(n)+" made")
	}
	if len(c.Runlevels) > 0 {
		said = append(said, "added to the runlevel "+runlevel)
	}
	gate := false
	if err == nil && n.Kind != service.Kind {
		gate, err = e.gate(ctx, s, runlevel)
	}
	if len(said) == 0 {
		return "is in the runlevel " + runlevel + " already", gate, err
	}
	return strings.Join(said, ", "), true, err
}

// gate adds the service that brings all guests down together to a runlevel,
// unless it is in one.
func (e *env) gate(ctx context.Context, s *systems, runlevel string) (added bool, err error) {
	added, err = s.openrc.EnableGate(ctx, runlevel)
	if added {
		e.out.info(fmt.Sprintf("%s: added to the runlevel %s: it stops all guests together when the host shuts down", initd.Gate, runlevel))
	}
	return added, err
}

// script is where the init script of n is.
func (e *env) script(n guest.Name) string { return filepath.Join(e.house.Layout.InitDir(), n.String()) }

func (e *env) enableSystemd(ctx context.Context, s *systems, n guest.Name) (string, bool, error) {
	if err := e.configured(ctx, n); err != nil {
		return "", false, err
	}
	if n.Kind == service.Kind {
		if err := service.Owned(e.house.Layout, n); err != nil {
			return "", false, err
		}
	}
	done, err := s.systemd.Enable(ctx, n.Kind, n.Instance)
	if !done {
		return "is enabled already", false, err
	}
	return "enabled", true, err
}

func (e *env) disableOpenRC(ctx context.Context, s *systems, n guest.Name) (string, bool, error) {
	was, err := s.openrc.Adopted(n.String())
	if err != nil {
		return "", false, err
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
		said = append(said, e.script(n)+" removed")
	case link.Ours && was != "":
		said = append(said, fmt.Sprintf("%s stays, as it was adopted: guestrc adopt --undo %s", e.script(n), n))
	case link.Ours && running:
		said = append(said, e.script(n)+" stays, as it runs: stop it, then disable it again")
	}
	if len(said) == 0 {
		said = []string{"was not enabled"}
	}
	return strings.Join(said, ", "), c.Link || len(c.Runlevels) > 0, err
}

// runs tells whether n is up, or may be. For a bridge that is OpenRC's word: it
// may be there without a service.
func (e *env) runs(ctx context.Context, s *systems, n guest.Name) bool {
	if n.Kind == service.Kind {
		return s.openrc.Started(n.String())
	}
	return s.mayRun(n, e.statusOf(ctx, n))
}

// mayRun counts a guest in whose state is in doubt, if it was started since the
// host is up and not stopped since. The description of one that was stopped may
// be gone.
func (s *systems) mayRun(n guest.Name, st guest.Status) bool {
	switch st.Code {
	case guest.StateRunning, guest.StateLocked:
		return true
	case guest.StateUnknown:
		stopped := st.LastStop != nil && st.LastStop.At.After(st.StartedAt)
		return !stopped && s.touched(n)
	}
	return false
}

// touched tells whether guestrc has had to do with n since the host is up.
func (s *systems) touched(n guest.Name) bool {
	var inTree guest.Layout
	return s.tree.Exists(inTree.RunDir(n))
}

func (e *env) disableSystemd(ctx context.Context, s *systems, n guest.Name) (string, bool, error) {
	done, err := s.systemd.Disable(ctx, n.Kind, n.Instance)
	if !done {
		return "was not enabled", false, err
	}
	return "disabled", true, err
}
