package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/initd"
)

// predecessors are the scripts whose symlinks guestrc's can take over: those
// of qemu-openrc, of Gentoo's and Alpine's lxc, and netifrc's.
var predecessors = map[string]string{"qemu": "qemu", "lxc": "lxc", service.Kind: "net.lo"}

func adopt(ctx context.Context, e *env, args []string) error {
	write, _ := e.flags.GetBool("write")
	undo, _ := e.flags.GetBool("undo")
	if write && undo {
		return usage("cannot adopt: --write and --undo are opposites", "guestrc help adopt")
	}
	s, err := e.systems()
	if err != nil {
		return err
	}
	defer s.tree.Close()
	verb, act := e.verb.name, func(n guest.Name) error { return e.showAdoption(ctx, s, n) }
	switch {
	case write:
		act = func(n guest.Name) error { return e.adoptOne(ctx, s, n) }
	case undo:
		verb, act = "give back", func(n guest.Name) error { return e.undo(ctx, s, n) }
	}
	stale := false // what OpenRC knows of services
	advise := false
	err = e.each(ctx, args, func(n guest.Name) error {
		if err := act(n); err != nil {
			return e.cannot(verb, n, err)
		}
		stale = write || undo
		advise = advise || write && n.Kind != service.Kind
		return nil
	})
	if stale {
		err = errors.Join(err, s.openrc.Refresh(ctx))
	}
	if advise {
		err = errors.Join(err, e.adviseGate(s))
	}
	return err
}

func (e *env) adoptOne(ctx context.Context, s *systems, n guest.Name) error {
	script := predecessors[n.Kind]
	target, err := s.openrc.Adoptable(n.String(), script)
	if err != nil {
		return err
	}
	if err := e.mustStop(s, n, target); err != nil {
		return err
	}
	if err := e.configured(ctx, n); err != nil {
		return err
	}
	if err := s.openrc.Adopt(ctx, n.String(), script); err != nil {
		return err
	}
	e.out.info(fmt.Sprintf("%s: adopted; to take that back: guestrc adopt --undo %s", n, n))
	if initd.LSB(target) && !s.openrc.Started(n.String()) && s.mayRun(n, e.statusOf(ctx, n)) {
		e.out.info(fmt.Sprintf("%s: it runs, and OpenRC learns that by: rc-service %s start", n, n))
	}
	return nil
}

// adviseGate says how all guests are stopped together, unless that is so: an
// adoption leaves runlevels as they are.
func (e *env) adviseGate(s *systems) error {
	levels, err := s.openrc.Runlevels(initd.Gate)
	if err == nil && len(levels) == 0 {
		e.out.info(fmt.Sprintf("to have all guests stopped together when the host shuts down: rc-update add %s %s", initd.Gate, defaultRunlevel))
	}
	return err
}

// mustStop is an error while what the old script started could not be found by
// guestrc: of a QEMU that qemu-openrc started nothing is on record. LXC's
// monitor answers whoever asks, a bridge is a bridge, and what an LSB script of
// ours has started is guestrc's.
func (e *env) mustStop(s *systems, n guest.Name, target string) error {
	if n.Kind != "qemu" || initd.LSB(target) || !s.openrc.Started(n.String()) {
		return nil
	}
	return &guest.Error{Status: guest.StatusRefused, Msg: fmt.Sprintf("cannot adopt %s: it runs under the old script, which alone knows its process", n),
		Hint: fmt.Sprintf("stop it first: rc-service %s stop", n)}
}

// undo points the symlink back. A QEMU of ours would be lost to the old script.
func (e *env) undo(ctx context.Context, s *systems, n guest.Name) error {
	was, err := s.openrc.Adopted(n.String())
	if err != nil {
		return err
	}
	if n.Kind == "qemu" && was != "" && !initd.LSB(was) && e.runs(ctx, s, n) {
		return &guest.Error{Status: guest.StatusRefused, Msg: fmt.Sprintf("cannot give %s back: it runs, and the old script would not find its process", n),
			Hint: fmt.Sprintf("stop it first: rc-service %s stop", n)}
	}
	target, err := s.openrc.Undo(ctx, n.String())
	if err != nil {
		return err
	}
	e.out.info(fmt.Sprintf("%s: %s is a symlink to %s again", n, e.script(n), target))
	return nil
}

// showAdoption prints what --write would change, and changes nothing.
func (e *env) showAdoption(ctx context.Context, s *systems, n guest.Name) error {
	target, err := s.openrc.Adoptable(n.String(), predecessors[n.Kind])
	if err != nil {
		return err
	}
	file := path.Join(initd.Dir, n.String())
	levels, err := s.openrc.Runlevels(n.String())
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintln(e.stdout, clean(fmt.Sprintf(format, args...))) }
	say("-%s -> %s", file, target)
	say("+%s -> guestrc", file)
	if len(levels) > 0 {
		say(" runlevels, as before: %s", strings.Join(levels, ", "))
	}
	differences, err := e.differences(ctx, s, n, target)
	if err != nil {
		return err
	}
	for _, d := range differences {
		if d.old != "" {
			say("-%s: %s", d.what, d.old)
		}
		say("+%s: %s", d.what, d.now)
	}
	if e.root == "/" && n.Kind != service.Kind && !s.openrc.Started(n.String()) {
		if err := e.house.Check(ctx, n); err != nil {
			e.out.warn(fmt.Errorf("a start would be refused now: %w", err))
		}
	}
	if busy := e.mustStop(s, n, target); busy != nil {
		e.out.warn(busy)
	}
	say("nothing is changed yet: guestrc adopt --write %s", n)
	return nil
}
