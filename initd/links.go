package initd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/guestrc/guestrc/manifest"
)

// TakenError says that a service's name belongs to a script that is not
// guestrc's.
type TakenError struct {
	Path   string
	Target string // of a symlink; empty for something else
}

// Error names the file and what it is.
func (e *TakenError) Error() string {
	switch {
	case e.Target == "":
		return e.Path + " is no symlink to guestrc"
	case LSB(e.Target):
		return fmt.Sprintf("%s is a symlink to %s, an LSB script and no service of OpenRC's", e.Path, e.Target)
	}
	return fmt.Sprintf("%s is a symlink to %s, not to guestrc", e.Path, e.Target)
}

// RefusedError says that a service's symlink is not what was asked about.
type RefusedError struct{ Msg, Hint string }

// Error gives the message; the hint is left to whoever prints.
func (e *RefusedError) Error() string { return e.Msg }

// HintText returns the fix.
func (e *RefusedError) HintText() string { return e.Hint }

// noScript says that there is nothing to link to.
func (h Host) noScript() error {
	return &manifest.Error{Msg: h.Tree.Path(scriptPath) + " is not there", Hint: "guestrc install --init openrc"}
}

// Link is what lies under a service's name.
type Link struct {
	Target string // of a symlink, as it is written; empty when there is nothing
	Ours   bool   // it leads to guestrc's script
}

// LSB tells whether a symlink of the directory, by its target, makes the program
// itself an init script, as sysvinit runs it (guestrc(8), "As an init script").
func LSB(target string) bool {
	return filepath.Base(target) == scriptName && !Leads(target, scriptName)
}

// Look tells what lies under a service's name; what is no symlink is a
// TakenError.
func (h Host) Look(name string) (Link, error) {
	path := filepath.Join(Dir, name)
	target, err := h.Tree.ReadLink(path)
	path = h.Tree.Path(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Link{}, nil
	case errors.Is(err, manifest.ErrNoLink):
		return Link{}, &TakenError{Path: path}
	case err != nil:
		return Link{}, fmt.Errorf("cannot look at %s: %w", path, err)
	}
	return Link{Target: target, Ours: Leads(target, scriptName)}, nil
}

// Leads tells whether a symlink of the directory, by its target, is one to the
// script of that name there.
func Leads(target, script string) bool {
	if !filepath.IsAbs(target) {
		target = filepath.Join(Dir, target)
	}
	return filepath.Clean(target) == filepath.Join(Dir, script)
}

// Links are the services that are symlinks to guestrc's script, sorted.
func (h Host) Links() ([]string, error) {
	names, err := h.Tree.List(Dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list services: %w", err)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		link, err := h.Look(name)
		return err != nil || !link.Ours
	}), nil
}

// Change is what was done to one service.
type Change struct {
	Link      bool     // its symlink was made or removed
	Runlevels []string // that it came into, or has left
}

// Enable makes a service of guestrc's: its symlink, and its place in a
// runlevel. What is there already is left as it is. A symlink that was made is
// taken back when the rest fails.
func (h Host) Enable(ctx context.Context, name, runlevel string) (c Change, err error) {
	err = h.locked(ctx, func() error {
		c, err = h.enable(ctx, name, runlevel)
		return err
	})
	return c, err
}

func (h Host) enable(ctx context.Context, name, runlevel string) (c Change, err error) {
	if !h.Tree.Exists(scriptPath) {
		return c, h.noScript()
	}
	link, err := h.Look(name)
	if err != nil {
		return c, err
	}
	path := filepath.Join(Dir, name)
	switch {
	case link.Target == "":
		c.Link, err = true, h.Tree.Link(path, scriptName)
	case !link.Ours:
		err = &TakenError{Path: h.Tree.Path(path), Target: link.Target}
	case link.Target != scriptName && !filepath.IsAbs(link.Target): // OpenRC would call it by another name
		c.Link, err = true, h.Tree.Relink(path, scriptName)
	}
	if err != nil {
		return Change{}, err
	}
	c.Runlevels, err = h.add(ctx, name, runlevel)
	switch {
	case err == nil && link.Target == "": // whatever was adopted under this name is gone
		return c, h.forget(name)
	case err == nil:
		return c, nil
	case !c.Link:
		return Change{}, err
	}
	takeBack := func() error { return h.Tree.Relink(path, link.Target) }
	if link.Target == "" {
		takeBack = func() error { return h.Tree.Remove(path) }
	}
	if failed := takeBack(); failed != nil {
		err = errors.Join(err, failed)
	}
	return Change{}, err
}

// Disable takes a service out of all runlevels, and removes its symlink unless
// it is to be kept. One that is not enabled is success; the symlink of another
// script is a TakenError, and nothing is done.
func (h Host) Disable(ctx context.Context, name string, keep bool) (c Change, err error) {
	err = h.locked(ctx, func() error {
		c, err = h.disable(ctx, name, keep)
		return err
	})
	return c, err
}

func (h Host) disable(ctx context.Context, name string, keep bool) (c Change, err error) {
	link, err := h.Look(name)
	if err != nil {
		return c, err
	}
	path := filepath.Join(Dir, name)
	if link.Target != "" && !link.Ours {
		return c, &TakenError{Path: h.Tree.Path(path), Target: link.Target}
	}
	if c.Runlevels, err = h.remove(ctx, name); err != nil || keep || !link.Ours {
		return c, err
	}
	err = h.Tree.Remove(path)
	c.Link = err == nil
	return c, err
}

// lockPatience is for others at work on services, who may wait for rc-update.
const lockPatience = time.Minute

// locked calls do while nobody else changes services.
func (h Host) locked(ctx context.Context, do func() error) error {
	if !h.Tree.Exists(Dir) {
		return do() // there are none
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	unlock, err := h.Tree.Await(ctx, Dir)
	if err != nil {
		return err
	}
	err = do()
	if failed := unlock(); failed != nil {
		err = errors.Join(err, failed)
	}
	return err
}
