package units

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Files are the unit files of a host, as the manager finds them, and which of
// them are enabled. The directories are read once.
type Files struct {
	root    string
	paths   map[string]string // of the file that counts, below root
	enabled map[string]bool
	atBoot  map[string]bool // of these, by the templates' own target or ours
	devices bool
	places  sync.Map // of units by name: each file is read once
}

// Scan reads the directories below root. What generators make is left out: it
// is being made anew as we look. What cannot be read counts as absent, and the
// error tells of it.
func Scan(root string) (*Files, error) {
	f := &Files{root: root, paths: map[string]string{}, enabled: map[string]bool{}, atBoot: map[string]bool{}}
	var errs []error
	list := func(dir string, each func(path string, e fs.DirEntry)) {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("cannot list units: %w", err))
		}
		for _, e := range entries {
			each(filepath.Join(dir, e.Name()), e)
		}
	}
	for i, dir := range unitDirs {
		list(dir, func(path string, e fs.DirEntry) {
			name := e.Name()
			if filepath.Ext(name) == ".wants" || filepath.Ext(name) == ".requires" {
				if i < 2 { // the administrator's; a vendor's belong to the unit itself
					by := strings.TrimSuffix(name, filepath.Ext(name))
					list(path, func(_ string, e fs.DirEntry) {
						f.enabled[e.Name()] = true
						f.atBoot[e.Name()] = f.atBoot[e.Name()] || by == bootTarget || by == Target
					})
				}
			} else if _, known := f.paths[name]; !known && isUnit(name) {
				f.paths[name] = path
			}
		})
	}
	if slices.ContainsFunc(sysvGenerators, func(path string) bool { return exists(filepath.Join(root, path)) }) {
		list("etc/init.d", f.script)
	}
	f.devices = f.Exists("systemd-udevd.service") && writable(filepath.Join(root, "sys"))
	return f, errors.Join(errs...)
}

// masks tells whether a unit's file masks it: it is empty, or a link to such a
// file or to /dev/null (systemd.unit(5)).
func (f *Files) masks(path string) bool {
	path = filepath.Join(f.root, path)
	if target, err := os.Readlink(path); err == nil && filepath.IsAbs(target) {
		if target == os.DevNull {
			return true
		}
		path = filepath.Join(f.root, target)
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// sysvGenerators make a service of every init script that has no unit, where
// systemd still knows of such (systemd-sysv-generator(8), up to version 259).
var sysvGenerators = []string{"usr/lib/systemd/system-generators/systemd-sysv-generator", "lib/systemd/system-generators/systemd-sysv-generator"}

func (f *Files) script(path string, e fs.DirEntry) {
	unit := strings.TrimSuffix(e.Name(), ".sh") + ".service"
	if _, known := f.paths[unit]; !known && e.Type().IsRegular() && isUnit(unit) {
		f.paths[unit] = path
	}
}

// writable is systemd-udevd's own condition (ConditionPathIsReadWrite=/sys):
// without udev, in a container, no device's unit ever becomes active, and
// whoever waits for one waits for nothing.
func writable(path string) bool {
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Flags&unix.ST_RDONLY == 0
}

// Devices tells whether there will be units of devices, to be waited for.
func (f *Files) Devices() bool { return f.devices }

// Exists tells whether there is a unit of that name, or a template for it, that
// is not masked.
func (f *Files) Exists(unit string) bool {
	path, known := f.path(unit)
	return known && !f.masks(path)
}

func (f *Files) path(unit string) (path string, known bool) {
	path, known = f.paths[unit]
	at, dot := strings.IndexByte(unit, '@'), strings.LastIndexByte(unit, '.')
	if !known && at > 0 && dot > at+1 {
		path, known = f.paths[unit[:at+1]+unit[dot:]]
	}
	return path, known
}

// Enabled tells whether an administrator has enabled a unit.
func (f *Files) Enabled(unit string) bool { return f.enabled[unit] }

// AtBoot tells whether an administrator has enabled a unit for every boot, by the
// target that the templates name or by ours; not for one of his own.
func (f *Files) AtBoot(unit string) bool { return f.atBoot[unit] }

// Instances are our own units that are enabled, as KIND.NAME and sorted: some
// have no file of their own.
func (f *Files) Instances() []string {
	var names []string
	for unit := range f.enabled {
		if name, ours := guestOf(unit); ours {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
