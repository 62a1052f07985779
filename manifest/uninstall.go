package manifest

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// PlanRemoval tells what Uninstall would do with a path, or why it would
// refuse.
func (m *Manifest) PlanRemoval(path string) (Step, error) {
	e := m.record.Files[path]
	now, _, err := m.tree.look(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot remove %s: %w", m.tree.Path(path), err)
	case now == mark{}:
		return Forget, nil
	case e.is(now):
		return Remove, nil
	case e.Sample:
		return Leave, nil
	}
	return "", &Error{Msg: fmt.Sprintf("cannot remove %s: it was changed since guestrc installed it", m.tree.Path(path)),
		Hint: "look at it, and remove it yourself"}
}

// Uninstall removes those of the manifest's files that paths names, and the
// directories that were made for them and are empty. One that is refused stays,
// and stays in the manifest; all errors are joined. said hears of each file
// whose step is done.
func (m *Manifest) Uninstall(paths []string, said func(path string, s Step)) error {
	var errs []error
	for _, path := range paths {
		step, err := m.PlanRemoval(path)
		if err == nil && step == Remove {
			if err = m.tree.Remove(path); err != nil {
				err = fmt.Errorf("cannot remove %s: %w", m.tree.Path(path), err)
			}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		delete(m.record.Files, path)
		said(path, step)
	}
	errs = append(errs, m.removeDirs(), m.save())
	return errors.Join(errs...)
}

// removeDirs removes the directories that we made and that are empty.
func (m *Manifest) removeDirs() error {
	var stay []string
	var errs []error
	for _, dir := range slices.Backward(m.record.Dirs) {
		err := m.tree.RemoveDir(dir)
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot remove %s: %w", m.tree.Path(dir), err))
		}
		if err != nil || m.tree.Exists(dir) && m.needs(dir) {
			stay = append(stay, dir)
		}
	}
	slices.Reverse(stay)
	m.record.Dirs = stay
	return errors.Join(errs...)
}

// needs tells whether one of the manifest's files lies below dir.
func (m *Manifest) needs(dir string) bool {
	for path := range m.record.Files {
		for above := filepath.Dir(path); above != "/"; above = filepath.Dir(above) {
			if above == dir {
				return true
			}
		}
	}
	return false
}
