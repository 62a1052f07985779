package initd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// adoptedDir has a record for each symlink that pointed to another script.
const adoptedDir = "/var/lib/guestrc/adopted"

const adoptionVersion = 1

// adoption is how a symlink was before.
type adoption struct {
	Version int    `json:"version"`
	Target  string `json:"target"`
}

func parseAdoption(text []byte) (adoption, error) {
	var a adoption
	if err := json.Unmarshal(text, &a); err != nil {
		return adoption{}, err
	}
	if a.Version != adoptionVersion || a.Target == "" {
		return adoption{}, fmt.Errorf("version %d, target %q", a.Version, a.Target)
	}
	return a, nil
}

// Adopted tells where the symlink of a service pointed before Adopt; empty for
// one that was not adopted.
func (h Host) Adopted(name string) (target string, err error) {
	path := filepath.Join(adoptedDir, name)
	text, _, err := h.Tree.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	a, errParse := parseAdoption(text)
	if err = errors.Join(err, errParse); err != nil {
		return "", fmt.Errorf("cannot read %s: %w", h.Tree.Path(path), err)
	}
	return a.Target, nil
}

// Adoptable tells where a service's symlink points, if that is to the script, or
// to the program as an LSB script; anything else is an error.
func (h Host) Adoptable(name, script string) (target string, err error) {
	if !h.Tree.Exists(scriptPath) {
		return "", h.noScript()
	}
	path := h.Tree.Path(filepath.Join(Dir, name))
	link, err := h.Look(name)
	switch {
	case err != nil:
		return "", err
	case link.Target == "":
		return "", refused("guestrc enable "+name, "%s is not there", path)
	case link.Ours:
		return "", refused("", "%s is guestrc's already", path)
	case !Leads(link.Target, script) && !LSB(link.Target):
		return "", refused("", "%s is a symlink to %s, not to %s", path, link.Target, script)
	}
	return link.Target, nil
}

// Adopt points the symlink of a service that is Adoptable to guestrc's script,
// in one step, after where it pointed was recorded. Runlevels know the service
// by its name, which stays.
func (h Host) Adopt(ctx context.Context, name, script string) error {
	return h.locked(ctx, func() error {
		target, err := h.Adoptable(name, script)
		if err != nil {
			return err
		}
		text, err := json.Marshal(adoption{adoptionVersion, target})
		if err == nil {
			err = h.Tree.WriteFile(filepath.Join(adoptedDir, name), append(text, '\n'), 0o644)
		}
		if err == nil {
			err = h.Tree.Relink(filepath.Join(Dir, name), scriptName)
		}
		return err
	})
}

// Undo points an adopted symlink to where it pointed before, exactly.
func (h Host) Undo(ctx context.Context, name string) (target string, err error) {
	target, err = h.Adopted(name)
	if err == nil && target == "" {
		err = refused("", "it was not adopted")
	}
	if err != nil {
		return "", err
	}
	err = h.locked(ctx, func() error {
		path := filepath.Join(Dir, name)
		link, err := h.Look(name)
		switch {
		case err != nil:
			return err
		case !link.Ours && link.Target != "" && link.Target != target:
			return &TakenError{Path: h.Tree.Path(path), Target: link.Target}
		case !h.leads(target):
			return refused("install what it belongs to, or keep guestrc's: rm "+h.Tree.Path(filepath.Join(adoptedDir, name)),
				"%s would point to %s, which is not there any more", h.Tree.Path(path), target)
		}
		if link.Target != target {
			if err := h.Tree.Relink(path, target); err != nil {
				return err
			}
		}
		return h.forget(name)
	})
	return target, err
}

// forget removes the record of an adoption.
func (h Host) forget(name string) error {
	err := h.Tree.Remove(filepath.Join(adoptedDir, name))
	if err == nil {
		err = h.Tree.RemoveDir(adoptedDir)
	}
	return err
}

func refused(hint, format string, args ...any) error {
	return &RefusedError{Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// leads tells whether a target names something.
func (h Host) leads(target string) bool {
	if !filepath.IsAbs(target) {
		target = filepath.Join(Dir, target)
	}
	return h.Tree.Exists(target)
}
