package initd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

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
	if e.Target == "" {
		return e.Path + " is no symlink to guestrc"
	}
	return fmt.Sprintf("%s is a symlink to %s, not to guestrc", e.Path, e.Target)
}

// errNoScript says that there is nothing to link to.
func errNoScript() error {
	return &manifest.Error{Msg: scriptPath + " is not there", Hint: "guestrc install --init openrc"}
}

// Link is what lies under a service's name.
type Link struct {
	Target string // of a symlink, as it is written; empty when there is nothing
	Ours   bool   // it leads to guestrc's script
}

// Look tells what lies under a service's name; what is no symlink is a
// TakenError.
func (h Host) Look(name string) (Link, error) {
	path := filepath.Join(Dir, name)
	target, err := h.Tree.ReadLink(path)
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
	if !h.Tree.Exists(scriptPath) {
		return c, errNoScript()
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
		err = &TakenError{Path: path, Target: link.Target}
	case link.Target != scriptName && !filepath.IsAbs(link.Target): // OpenRC would call it by another name
		c.Link, err = true, h.Tree.Relink(path, scriptName)
	}
	if err != nil {
		return Change{}, err
	}
	added, err := h.add(ctx, name, runlevel)
	if err == nil {
		c.Runlevels = added
		return c, nil
	}
	if !c.Link {
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
	link, err := h.Look(name)
	if err != nil {
		return c, err
	}
	path := filepath.Join(Dir, name)
	if link.Target != "" && !link.Ours {
		return c, &TakenError{Path: path, Target: link.Target}
	}
	if c.Runlevels, err = h.remove(ctx, name); err != nil || keep || !link.Ours {
		return c, err
	}
	c.Link = true
	return c, h.Tree.Remove(path)
}
