package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/check"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/initd"
	"github.com/guestrc/guestrc/manifest"
)

// host looks at what is of no guest alone.
func (d *doctor) host() {
	d.found = append(d.found, d.access(d.sharedPlaces())...)
	d.installed()
	d.links()
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

// links looks at the init scripts that have names of ours.
func (d *doctor) links() {
	entries, _ := os.ReadDir(d.e.house.Layout.InitDir()) // none without OpenRC
	for _, entry := range entries {
		n, err := guest.ParseName(entry.Name())
		if err != nil || !isService(n.Kind) {
			continue
		}
		link, err := d.systems.openrc.Look(n.String())
		if taken := new(initd.TakenError); errors.As(err, &taken) {
			d.copied(n)
		} else if err == nil {
			d.link(n, link)
		}
	}
}

func (d *doctor) link(n guest.Name, link initd.Link) {
	name, path := n.String(), d.e.script(n)
	_, missing := os.Stat(path)
	switch {
	case link.Ours && link.Target != initd.Gate && !filepath.IsAbs(link.Target):
		d.add("GR607", name, path, "guestrc enable "+name+" makes it one to "+initd.Gate, "it is a symlink to %s: OpenRC would call the service %s", link.Target, initd.Gate)
	case link.Ours && missing != nil:
		d.add("GR606", "", filepath.Join(d.e.house.Layout.InitDir(), initd.Gate), "guestrc install", "it is missing, and is what services such as %s lead to", name)
	case link.Ours:
	case initd.LSB(link.Target):
		if d.systems.openrc.Installed() {
			d.add("GR607", name, path, "guestrc adopt --write "+name, "it is a symlink to %s: OpenRC knows neither its state nor what it depends on", link.Target)
		}
	case initd.Leads(link.Target, predecessors[n.Kind]) && missing == nil:
		if n.Kind != service.Kind { // netifrc's are netifrc's
			d.add("GR607", name, path, "guestrc adopt "+name+" shows what would differ", "it is a symlink to %s, another program's script", link.Target).Severity = finding.Info
		}
	case missing != nil:
		d.add("GR607", name, path, "rm "+path+", then: guestrc enable "+name, "it is a symlink to %s, which does not exist", link.Target)
	case n.Kind != service.Kind:
		d.add("GR607", name, path, "rm "+path+", then: guestrc enable "+name, "it is a symlink to %s, not to %s", link.Target, initd.Gate)
	}
}

// copied is about an init script that is no link: one that runs guestrc is a copy
// of ours, and any other is somebody else's.
func (d *doctor) copied(n guest.Name) {
	path := d.e.script(n)
	text, err := readScript(path)
	if err == nil && strings.Contains(string(text), "guestrc") {
		d.add("GR607", n.String(), path, "rm "+path+", then: guestrc enable "+n.String(), "it is a copy of a script of guestrc's: no update reaches it")
	}
}

// memoryFor is what the host has, and what the hugetlbfs have that guests name.
func memoryFor(held []check.Held) check.Memory {
	m := check.Memory{Huge: map[string]uint64{}}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Total = uint64(info.Totalram) * uint64(info.Unit)
	}
	for _, h := range held {
		for _, hold := range h.Holds {
			if hold.Sort == guest.HoldMemory && hold.Key != "" {
				if size, ok := hugePages(hold.Key); ok {
					m.Huge[hold.Key] = size
				}
			}
		}
	}
	return m
}

// hugePages is the size of all pages that a hugetlbfs can have: those of its pool,
// with what may be added when they are wanted, or fewer by its own limit
// (Documentation/admin-guide/mm/hugetlbpage.rst).
func hugePages(dir string) (uint64, bool) {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil || fs.Type != unix.HUGETLBFS_MAGIC {
		return 0, false
	}
	pages := uint64(0)
	for _, name := range []string{"nr_hugepages", "nr_overcommit_hugepages"} {
		text, err := os.ReadFile(fmt.Sprintf("/sys/kernel/mm/hugepages/hugepages-%dkB/%s", fs.Bsize>>10, name))
		n, errNumber := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || errNumber != nil {
			return 0, false
		}
		pages += n
	}
	if fs.Blocks > 0 && fs.Blocks < math.MaxInt64 {
		pages = min(pages, fs.Blocks)
	}
	return pages * uint64(fs.Bsize), true
}
