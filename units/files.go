package units

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Files are the unit files of a host, as the manager finds them, and which of
// them are enabled. The directories are read once.
type Files struct {
	there   map[string]bool // false: masked
	enabled map[string]bool
	devices bool
}

// Scan reads the directories below root. What generators make is left out: it
// is being made anew as we look. What cannot be read counts as absent, and the
// error tells of it.
func Scan(root string) (*Files, error) {
	f := &Files{there: map[string]bool{}, enabled: map[string]bool{}}
	var errs []error
	list := func(dir string, each func(fs.DirEntry)) {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("cannot list units: %w", err))
		}
		for _, e := range entries {
			each(e)
		}
	}
	for i, dir := range unitDirs {
		list(dir, func(e fs.DirEntry) {
			name := e.Name()
			if filepath.Ext(name) == ".wants" || filepath.Ext(name) == ".requires" {
				if i < 2 { // the administrator's; a vendor's belong to the unit itself
					list(filepath.Join(dir, name), func(e fs.DirEntry) { f.enabled[e.Name()] = true })
				}
			} else if _, known := f.there[name]; !known && isUnit(name) {
				f.there[name] = e.Type()&fs.ModeSymlink == 0 || !masks(filepath.Join(root, dir, name))
			}
		})
	}
	if slices.ContainsFunc(sysvGenerators, func(path string) bool { return exists(filepath.Join(root, path)) }) {
		list("etc/init.d", func(e fs.DirEntry) { f.script(e) })
	}
	f.devices = f.Exists("systemd-udevd.service") && writable(filepath.Join(root, "sys"))
	return f, errors.Join(errs...)
}

// masks tells whether a link masks the unit of its name.
func masks(link string) bool {
	target, err := os.Readlink(link)
	return err == nil && target == "/dev/null"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// sysvGenerators make a service of every init script that has no unit, where
// systemd still knows of such (systemd-sysv-generator(8), up to version 259).
var sysvGenerators = []string{"usr/lib/systemd/system-generators/systemd-sysv-generator", "lib/systemd/system-generators/systemd-sysv-generator"}

func (f *Files) script(e fs.DirEntry) {
	unit := strings.TrimSuffix(e.Name(), ".sh") + ".service"
	if _, known := f.there[unit]; !known && e.Type().IsRegular() && isUnit(unit) {
		f.there[unit] = true
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
	if there, known := f.there[unit]; known {
		return there
	}
	at, dot := strings.IndexByte(unit, '@'), strings.LastIndexByte(unit, '.')
	return at > 0 && dot > at+1 && f.there[unit[:at+1]+unit[dot:]]
}

// Enabled tells whether an administrator has enabled a unit.
func (f *Files) Enabled(unit string) bool { return f.enabled[unit] }

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
