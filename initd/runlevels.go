package initd

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/guestrc/guestrc/manifest"
)

// levelsDir has a directory for each runlevel, with a symlink for each service
// in it (rc-update(8)).
const levelsDir = "/etc/runlevels"

// levelPattern is what a runlevel may be called here: it becomes a path.
var levelPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// Runlevels are those that a service is in, sorted.
func (h Host) Runlevels(name string) ([]string, error) {
	levels, err := h.Tree.List(levelsDir)
	if err != nil {
		return nil, fmt.Errorf("cannot list runlevels: %w", err)
	}
	var in []string
	for _, level := range levels {
		if !h.alias(level) && h.Tree.Exists(filepath.Join(levelsDir, level, name)) {
			in = append(in, level)
		}
	}
	return in, nil
}

// alias tells whether a runlevel is another one under a second name.
func (h Host) alias(level string) bool {
	target, err := h.Tree.ReadLink(filepath.Join(levelsDir, level))
	if err == nil && !filepath.IsAbs(target) {
		target = filepath.Join(levelsDir, target)
	}
	return err == nil && filepath.Dir(filepath.Clean(target)) == levelsDir
}

// HasRunlevel tells whether there is such a runlevel.
func (h Host) HasRunlevel(level string) bool {
	return levelPattern.MatchString(level) && h.Tree.Exists(filepath.Join(levelsDir, level))
}

func (h Host) add(ctx context.Context, name, level string) (added []string, err error) {
	if !h.HasRunlevel(level) {
		return nil, &manifest.Error{Msg: fmt.Sprintf("there is no runlevel %q", level), Hint: "ls " + h.Tree.Path(levelsDir)}
	}
	path := filepath.Join(levelsDir, level, name)
	if h.Tree.Exists(path) {
		return nil, nil
	}
	if h.Run != nil {
		err = h.Run(ctx, "rc-update", "add", name, level)
	} else {
		err = h.Tree.Link(path, filepath.Join(Dir, name))
	}
	return []string{level}, err
}

func (h Host) remove(ctx context.Context, name string) (left []string, err error) {
	if left, err = h.Runlevels(name); err != nil || len(left) == 0 {
		return nil, err
	}
	if h.Run != nil { // not with --all, which fails for each runlevel that the service is not in
		return left, h.Run(ctx, append([]string{"rc-update", "del", name}, left...)...)
	}
	for _, level := range left {
		if err := h.Tree.Remove(filepath.Join(levelsDir, level, name)); err != nil {
			return nil, fmt.Errorf("cannot take %s out of the runlevel %s: %w", name, level, err)
		}
	}
	return left, nil
}
