package manifest

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Install puts the files where they belong. One that is refused is left as it
// is and does not keep the others from being installed; all errors are joined.
// said hears of each file whose step is done.
func (m *Manifest) Install(files []File, said func(path string, s Step)) error {
	steps := make([]Step, len(files))
	var errs []error
	for i, f := range files {
		step, err := m.Plan(f)
		if err == nil && (step == Write || step == Replace || step == Keep && m.known(f.Path)) {
			err = m.intend(f, step)
		}
		if err != nil {
			errs, step = append(errs, err), ""
		}
		steps[i] = step
	}
	if err := m.save(); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for i, f := range files {
		if steps[i] == "" {
			continue
		}
		if err := m.install(f, steps[i]); err != nil {
			errs = append(errs, err)
			continue
		}
		said(f.Path, steps[i])
	}
	return errors.Join(append(errs, m.save())...)
}

// known tells whether we installed what is at path; what is as it should be may
// be a package's.
func (m *Manifest) known(path string) bool {
	_, known := m.record.Files[path]
	return known
}

// intend notes what f will be, what it was, and which directories it needs.
func (m *Manifest) intend(f File, step Step) error {
	lacks, err := m.tree.missing(filepath.Dir(f.Path))
	if err != nil {
		return fmt.Errorf("cannot install %s: %w", m.tree.Path(f.Path), err)
	}
	for _, dir := range lacks {
		if !slices.Contains(m.record.Dirs, dir) {
			m.record.Dirs = append(m.record.Dirs, dir)
		}
	}
	e := entry{mark: f.mark(), Sample: f.Sample, Pending: step != Keep}
	if now, _, err := m.tree.look(f.Path); err == nil && step == Replace {
		e.Before = &now
	}
	m.record.Files[f.Path] = e
	return nil
}

func (m *Manifest) install(f File, s Step) error {
	var err error
	switch {
	case s == Write && f.Target != "":
		err = m.tree.Link(f.Path, f.Target)
	case s == Write:
		err = m.tree.write(f.Path, []byte(f.Content), f.Mode, false)
	case s == Replace && f.Target != "":
		err = m.tree.Relink(f.Path, f.Target)
	case s == Replace:
		err = m.tree.WriteFile(f.Path, []byte(f.Content), f.Mode)
	}
	if err != nil {
		return fmt.Errorf("cannot install %s: %w", m.tree.Path(f.Path), err)
	}
	if e, ok := m.record.Files[f.Path]; ok && s != Leave {
		e.Pending, e.Before = false, nil
		m.record.Files[f.Path] = e
	}
	return nil
}
