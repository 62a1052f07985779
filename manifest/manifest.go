// Package manifest keeps the files that guestrc put onto a host: it writes
// them, knows them again and removes them. It refuses to replace or remove a
// file that somebody else made or changed, whatever the record says: what a
// file is known by is its content. A run that was killed is completed by the
// next one.
package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
)

// File is one file to be installed, with its path below the root.
type File struct {
	Path    string
	Content string
	Mode    fs.FileMode
	Target  string // of a symbolic link, which has no content and no mode
	// Sample says that the file is meant to be edited: one that is there and is
	// not as we made it is left alone, which is no error.
	Sample bool
}

func (f File) mark() mark {
	if f.Target != "" {
		return mark{Target: f.Target}
	}
	return sum([]byte(f.Content))
}

// Step is what becomes of a file.
type Step string

// Steps.
const (
	Write   Step = "write"   // there is nothing yet
	Replace Step = "replace" // it is ours, of another version
	Keep    Step = "keep"    // it is as it should be, whoever made it
	Leave   Step = "leave"   // a sample that somebody has edited
	Remove  Step = "remove"  // it is ours
	Forget  Step = "forget"  // it is gone already
)

// Manifest is what is installed below one root.
type Manifest struct {
	tree   *Tree
	record record
	unlock func() error
}

// Read is for those who only look: it takes no lock and changes nothing.
func Read(t *Tree) (*Manifest, error) {
	r, err := load(t)
	if err != nil {
		return nil, err
	}
	return &Manifest{tree: t, record: r, unlock: func() error { return nil }}, nil
}

// Open is Read under the lock that keeps other changes off until Close. It
// removes what a run that was killed has left half done.
func Open(t *Tree) (*Manifest, error) {
	unlock, err := t.Lock(filepath.Dir(RecordPath))
	if err != nil {
		return nil, err
	}
	m, err := Read(t)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	m.unlock = unlock
	errs := []error{t.removeAside(RecordPath)}
	for path, e := range m.record.Files {
		if e.Pending {
			errs = append(errs, t.removeAside(path))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return m, nil
}

// Close gives the lock up; the tree stays open.
func (m *Manifest) Close() error { return m.unlock() }

// Empty tells whether nothing is left of what was installed.
func (m *Manifest) Empty() bool { return len(m.record.Files) == 0 && len(m.record.Dirs) == 0 }

// Paths lists what the manifest holds, sorted.
func (m *Manifest) Paths() []string { return slices.Sorted(maps.Keys(m.record.Files)) }

// Plan tells what Install would do with f, or why it would refuse.
func (m *Manifest) Plan(f File) (Step, error) {
	now, mode, err := m.tree.look(f.Path)
	if err != nil {
		return "", fmt.Errorf("cannot install %s: %w", m.tree.Path(f.Path), err)
	}
	e, known := m.record.Files[f.Path]
	switch {
	case now == mark{}:
		return Write, nil
	case now == f.mark() && (f.Target != "" || mode == f.Mode):
		return Keep, nil
	case known && (now == f.mark() || e.is(now)):
		return Replace, nil
	case f.Sample:
		return Leave, nil
	case known:
		return "", &Error{Msg: fmt.Sprintf("cannot install %s: it was changed since guestrc installed it", m.tree.Path(f.Path)),
			Hint: "move it away, and compare it with the new one afterwards"}
	}
	return "", &Error{Msg: fmt.Sprintf("cannot install %s: it is there, and is not guestrc's", m.tree.Path(f.Path)),
		Hint: "move it away if nothing else needs it"}
}

// is tells whether e is a file with the mark, before or after its replacement.
func (e entry) is(m mark) bool { return e.mark == m || e.Before != nil && *e.Before == m }

// look tells what is at path; the zero mark for nothing. What is neither a
// regular file nor a link is of no one's making here.
func (t *Tree) look(path string) (m mark, mode fs.FileMode, err error) {
	target, err := t.ReadLink(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return mark{}, 0, nil
	case err == nil:
		return mark{Target: target}, 0, nil
	case !errors.Is(err, ErrNoLink):
		return mark{}, 0, err
	}
	content, mode, err := t.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) { // by now
		return mark{}, 0, nil
	}
	return sum(content), mode, err
}
