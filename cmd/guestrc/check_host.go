package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/check"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/initd"
	"github.com/guestrc/guestrc/manifest"
)

// host looks at what is of no guest alone.
func (d *doctor) host() {
	d.found = append(d.found, d.access(d.sharedPlaces())...)
	d.installed()
	d.hidden()
	d.runnable()
}

// hidden finds units that were edited as "systemctl edit --full" does it: a file in
// the place of the installed one, for all guests or for one. Symbolic links are how
// units are enabled, renamed and masked.
func (d *doctor) hidden() {
	dir := d.e.house.Layout.At("etc", "systemd", "system")
	entries, _ := os.ReadDir(dir) // none without systemd
	ours := d.installedPaths()
	for _, entry := range entries {
		unit, instance := entry.Name(), ""
		if kind, rest, ok := strings.Cut(unit, "@"); ok {
			unit, instance = kind+"@.service", strings.TrimSuffix(rest, ".service")
		}
		if !entry.Type().IsRegular() || !slices.ContainsFunc(ours, func(path string) bool { return filepath.Base(path) == unit }) {
			continue
		}
		what := "all guests"
		if instance != "" {
			what = "that guest"
		}
		d.add("GR605", "", filepath.Join(dir, entry.Name()), "systemctl edit "+entry.Name()+" keeps a change in a drop-in; systemctl revert "+entry.Name()+" takes it back",
			"it is in the place of the unit that guestrc brings along, for %s", what)
	}
}

// runnable: script and units are of no use without what they run.
func (d *doctor) runnable() {
	program := d.program()
	there := func(path string) bool { return d.systems.tree.Exists(path) }
	if !there(program) && slices.ContainsFunc(d.installedPaths(), there) {
		path := d.systems.tree.Path(program)
		d.add("GR606", "", path, "install -D -m 755 guestrc "+path, "it is not there, and is what services run").Severity = finding.Error
	}
	script := d.systems.tree.Path(filepath.Join(initd.Dir, "guestrc"))
	if info, err := os.Stat(script); err == nil && info.Mode().Perm()&0o111 == 0 {
		d.add("GR606", "", script, "chmod 755 "+script, "it cannot be executed, and is what the guests' links lead to").Severity = finding.Error
	}
}

func (d *doctor) add(id, subject, path, hint, format string, args ...any) *finding.Finding {
	d.found = append(d.found, check.Rules().New(id, subject, confd.Pos{File: path}, fmt.Sprintf(format, args...), hint))
	return &d.found[len(d.found)-1]
}

// program is what services run: this one, or, when this one lies elsewhere, that
// which is installed.
func (d *doctor) program() string {
	if path, err := d.e.binary(); err == nil {
		return path
	}
	for _, dir := range binaryDirs {
		if path := dir + "/guestrc"; d.systems.tree.Exists(path) {
			return path
		}
	}
	return "/usr/bin/guestrc"
}

// installedPaths are the files that services consist of, by their paths below the
// root, whoever put them there.
func (d *doctor) installedPaths() []string {
	paths := []string{d.program()}
	files, err := installation(d.program())
	if err != nil {
		return paths
	}
	for _, system := range []string{openrcName, systemdName} {
		for _, f := range files[system] {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// installed holds the files that install has put somewhere against what it would
// do now. A package's are the package's.
func (d *doctor) installed() {
	m, err := manifest.Read(d.systems.tree)
	if err != nil {
		d.found = append(d.found, asOutdated(err))
		return
	}
	files, errFiles := installation(d.program())
	if m.Empty() || errFiles != nil {
		return
	}
	which, err := d.e.installed(d.systems)
	if err != nil {
		which = nil // neither init system is there: only what was installed counts
	}
	ours := m.Paths()
	var known []string
	for system, list := range files {
		for _, f := range list {
			known = append(known, f.Path)
			if slices.Contains(ours, f.Path) || slices.Contains(which, system) {
				d.file(m, f)
			}
		}
	}
	for _, path := range outdated(m, known) {
		if step, err := m.PlanRemoval(path); err == nil && step == manifest.Remove {
			d.add("GR606", "", d.systems.tree.Path(path), "", "another version of guestrc has installed it")
		}
	}
}

func (d *doctor) file(m *manifest.Manifest, f manifest.File) {
	step, err := m.Plan(f)
	path := d.systems.tree.Path(f.Path)
	switch {
	case err != nil && errors.As(err, new(*manifest.Error)):
		d.add("GR605", "", path, "put the change into conf.d or a drop-in, then: mv "+path+" /root && guestrc install", "it is not as guestrc install has made it")
	case err != nil:
		d.add("GR606", "", path, "", "%v", err)
	case f.Sample:
	case step == manifest.Write:
		d.add("GR606", "", path, "", "it is missing")
	case step == manifest.Replace:
		d.add("GR606", "", path, "", "it is of another version of guestrc")
	}
}

// asOutdated is about a record of installed files that cannot be read.
func asOutdated(err error) finding.Finding {
	f := check.Faults("", err)[0]
	return check.Rules().New("GR606", "", f.Pos, f.Message, f.Hint)
}
