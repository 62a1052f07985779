package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/daemon"
	"github.com/guestrc/guestrc/guest"
)

// killall signals all processes of a name in this pid namespace.
func killall(ctx context.Context, e *env, names []string) error {
	for _, name := range names {
		switch {
		case name == "":
			return e.misused("a name is empty")
		case strings.Contains(name, "/"):
			return &guest.Error{Status: guest.StatusUsage, Msg: fmt.Sprintf("cannot run killall: %q is a path, not a name", name),
				Hint: fmt.Sprintf("guestrc killall --exec %s %s", name, name[strings.LastIndexByte(name, '/')+1:])}
		}
	}
	text, _ := e.flags.GetString("signal")
	o, err := e.order(text, e.flags.Changed("signal"))
	if err != nil {
		return err
	}
	found, passed, err := daemon.ByName(names, o.want)
	if err != nil {
		return err
	}
	g := daemon.NewGroup(found, func() ([]daemon.Found, error) {
		again, _, err := daemon.ByName(names, o.want)
		return again, err
	})
	defer g.Close()
	if o.dry {
		defer e.tellPassed(passed)
	}
	missing := absent(names, found, passed)
	if len(found) > 0 {
		missing = errors.Join(e.carryOut(ctx, g, o), missing)
	}
	return e.oknodo(missing)
}

// tellPassed is the part of --dry-run about those that are left alone.
func (e *env) tellPassed(passed []daemon.Passed) {
	for _, p := range passed {
		fmt.Fprintln(e.stdout, line(fmt.Sprintf("not process %d (%s): %s", p.Pid, p.Name, p.Why)))
	}
}

// absent is of the names that nothing has, or nothing that may be signalled.
func absent(names []string, found []daemon.Found, passed []daemon.Passed) error {
	var errs []error
	for _, name := range slices.Compact(slices.Clone(names)) {
		if slices.ContainsFunc(found, func(f daemon.Found) bool { return f.As == name }) {
			continue
		}
		hint := ""
		for _, p := range passed {
			if p.As == name {
				hint = line(fmt.Sprintf("process %d has the name, but %s", p.Pid, p.Why))
				break
			}
		}
		errs = append(errs, &guest.Error{Status: guest.StatusNotRunning, Hint: hint, Msg: fmt.Sprintf("cannot find %s: no process here has that name", name)})
	}
	return errors.Join(errs...)
}
