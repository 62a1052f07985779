package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Names lists all guests that have a conf.d file, an init script or a run
// directory, sorted.
func (h *House) Names() ([]Name, error) {
	return Names(h.Layout, func(kind string) bool {
		return slices.ContainsFunc(h.Kinds, func(k Kind) bool { return k.Name() == kind })
	})
}

// Names lists what has a conf.d file, an init script or a run directory, and
// is of one of the kinds, sorted.
func Names(l Layout, of func(kind string) bool) ([]Name, error) {
	return namesIn(l, of, l.ConfDir(), l.InitDir(), l.RunBase())
}

// ScriptedNames is Names for those with an init script, see Scripted.
func ScriptedNames(l Layout, of func(kind string) bool) ([]Name, error) {
	return namesIn(l, of, l.InitDir())
}

func namesIn(l Layout, of func(kind string) bool, dirs ...string) ([]Name, error) {
	seen := map[Name]bool{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot list guests: %w", err)
		}
		for _, e := range entries {
			n, err := ParseName(e.Name())
			if err != nil || !of(n.Kind) || dir == l.InitDir() && !Scripted(l, n) {
				continue
			}
			seen[n] = true
		}
	}
	names := make([]Name, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	SortNames(names)
	return names, nil
}

// SortNames sorts by kind, then by name.
func SortNames(names []Name) {
	slices.SortFunc(names, func(a, b Name) int { return strings.Compare(a.String(), b.String()) })
}

// Scripted tells whether n has an init script that is a symlink to guestrc's,
// or to guestrc itself.
func Scripted(l Layout, n Name) bool {
	target, err := os.Readlink(filepath.Join(l.InitDir(), n.String()))
	return err == nil && filepath.Base(target) == "guestrc"
}
