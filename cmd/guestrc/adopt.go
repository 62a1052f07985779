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
	err = e.each(ctx, args, func(n guest.Name) error {
		if undo {
			return e.cannotUnless(n, e.undo(ctx, s, n))
		}
		return e.cannotUnless(n, e.adoptOne(ctx, s, n, write))
	})
	if write || undo {
		err = errors.Join(err, s.openrc.Refresh(ctx))
	}
	return err
}

func (e *env) cannotUnless(n guest.Name, err error) error {
	if err == nil {
		return nil
	}
	return e.cannot(n, err)
}

// adoptOne shows what would differ, or adopts.
func (e *env) adoptOne(ctx context.Context, s *systems, n guest.Name, write bool) error {
	script := predecessors[n.Kind]
	target, err := s.openrc.Adoptable(n.String(), script)
	if err != nil {
		return err
	}
	busy := e.mustStop(s, n)
	if !write {
		return e.compare(ctx, s, n, target, busy)
	}
	if busy != nil {
		return busy
	}
	if err := e.configured(ctx, n); err != nil {
		return err
	}
	if err := s.openrc.Adopt(n.String(), script); err != nil {
		return err
	}
	e.out.info(fmt.Sprintf("%s: adopted; to take that back: guestrc adopt --undo %s", n, n))
	return nil
}

// mustStop is an error while what the old script started could not be found by
// guestrc: of a QEMU that qemu-openrc started nothing is on record. LXC's
// monitor answers whoever asks, and a bridge is a bridge.
func (e *env) mustStop(s *systems, n guest.Name) error {
	if n.Kind != "qemu" || !s.openrc.Started(n.String()) {
		return nil
	}
	return &guest.Error{Status: guest.StatusRefused, Msg: fmt.Sprintf("cannot adopt %s: it runs under the old script, which alone knows its process", n),
		Hint: fmt.Sprintf("stop it first: rc-service %s stop", n)}
}

// undo points the symlink back. A QEMU of ours would be lost to the old script.
func (e *env) undo(ctx context.Context, s *systems, n guest.Name) error {
	if n.Kind == "qemu" && e.runs(ctx, s, n) {
		return &guest.Error{Status: guest.StatusRefused, Msg: fmt.Sprintf("cannot give %s back: it runs, and the old script would not find its process", n),
			Hint: fmt.Sprintf("stop it first: rc-service %s stop", n)}
	}
	target, err := s.openrc.Undo(n.String())
	if err != nil {
		return err
	}
	e.out.info(fmt.Sprintf("%s: %s is a symlink to %s again", n, path.Join(initd.Dir, n.String()), target))
	return nil
}

// compare prints what --write would change, and changes nothing.
func (e *env) compare(ctx context.Context, s *systems, n guest.Name, target string, busy error) error {
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
	differences, err := e.differences(ctx, s, n)
	if err != nil {
		return err
	}
	for _, d := range differences {
		if d.old != "" {
			say("-%s: %s", d.what, d.old)
		}
		say("+%s: %s", d.what, d.now)
	}
	if n.Kind != service.Kind && !s.openrc.Started(n.String()) {
		if err := e.house.Check(ctx, n); err != nil {
			e.out.warn(fmt.Errorf("a start would be refused now: %w", err))
		}
	}
	if busy != nil {
		e.out.warn(busy)
	}
	say("nothing is changed yet: guestrc adopt --write %s", n)
	return nil
}
