package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/check"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/initd"
	"github.com/guestrc/guestrc/units"
)

// undescribed is about a guest that no file describes: it may be a service all
// the same, or was one.
func (d *doctor) undescribed(n guest.Name, x guest.Examination, found []finding.Finding) []finding.Finding {
	name := n.String()
	linked := guest.Scripted(d.e.house.Layout, n)
	add := func(id, hint, format string, args ...any) {
		found = append(found, check.Rules().New(id, name, confd.Pos{}, fmt.Sprintf(format, args...), hint))
	}
	levels, _ := d.systems.openrc.Runlevels(name)
	switch {
	case len(levels) > 0:
		add("GR608", "describe it in "+d.own(n)+", or: guestrc disable --init openrc "+name, "it is in the runlevel %s, and nothing describes it", strings.Join(levels, ", "))
	case d.files.Enabled(units.Name(n.Kind, n.Instance)):
		add("GR608", "describe it in "+d.own(n)+", or: guestrc disable --init systemd "+name, "its unit is enabled, and nothing describes it")
	case linked:
		add("GR608", "describe it in "+d.own(n)+", or: guestrc disable --init openrc "+name, "%s is there, and nothing describes it", d.e.script(n))
		found[len(found)-1].Severity = finding.Info // nobody starts it
	case len(found) > 0:
	case d.leadsNowhere(n):
		add("GR100", "name the file that is meant, or: rm "+d.own(n), "%s is a symlink to a file that does not exist", d.own(n))
	case d.whole:
		add("GR703", "rm -r "+d.e.house.Layout.RunDir(n)+", or leave it to the next boot", "%s is left of a guest that nothing describes any more", d.e.house.Layout.RunDir(n))
		found[len(found)-1].Severity = finding.Info
	default:
		found = append(found, check.Faults(name, x.Err)...)
	}
	return found
}

// leadsNowhere tells whether what would describe a guest is a dangling symlink.
func (d *doctor) leadsNowhere(n guest.Name) bool {
	_, err := os.Readlink(d.own(n))
	return err == nil
}

func (d *doctor) own(n guest.Name) string { return d.e.house.Layout.ConfFiles(n)[1] }

// loads tells whether a guest counts for what all of them need together.
func (d *doctor) loads(p patient) bool {
	if p.x.Status.Code == guest.StateRunning && p.x.Status.PID != 0 || d.files.AtBoot(units.Name(p.name.Kind, p.name.Instance)) {
		return true
	}
	levels, err := d.systems.openrc.Runlevels(p.name.String())
	return err == nil && len(levels) > 0
}

// unitTime is the TimeoutStopSec of a guest's unit, where systemd is there that
// would act by it.
func (d *doctor) unitTime(n guest.Name) time.Duration {
	if !d.systems.systemd.Running() {
		return 0
	}
	return d.files.StopTime(units.Name(n.Kind, n.Instance))
}

// described tells whether a name is a guest's or bridge's, and whether there is
// such a one. An init script of that name is enough, whosever it is.
func (d *doctor) described(name string) (known, mine bool) {
	n, err := guest.ParseName(name)
	if err != nil || !isService(n.Kind) {
		return false, false
	}
	l := d.e.house.Layout
	if _, err := os.Stat(filepath.Join(l.InitDir(), name)); err == nil && !guest.Scripted(l, n) {
		return true, true
	}
	if n.Kind == service.Kind {
		_, err := service.Open(l, n)
		return err == nil || service.Known(l, n) || service.Owned(l, n) != nil || n.Instance == "lo", true
	}
	_, err = d.e.house.Load(n)
	return err == nil || !errors.Is(err, os.ErrNotExist), true
}

// links looks at the init scripts that have names of ours: at all, or at those
// that are asked about.
func (d *doctor) links() {
	names := d.names
	if d.whole {
		names = nil
		entries, _ := os.ReadDir(d.e.house.Layout.InitDir()) // none without OpenRC
		for _, entry := range entries {
			if n, err := guest.ParseName(entry.Name()); err == nil && isService(n.Kind) {
				names = append(names, n)
			}
		}
	}
	d.scriptless(names)
	for _, n := range names {
		link, err := d.systems.openrc.Look(n.String())
		if taken := new(initd.TakenError); errors.As(err, &taken) {
			d.copied(n)
		} else if err == nil && link.Target != "" {
			d.link(n, link)
		}
	}
}

// scriptless is about services of ours without what they lead to.
func (d *doctor) scriptless(names []guest.Name) {
	script := filepath.Join(d.e.house.Layout.InitDir(), initd.Gate)
	if _, err := os.Stat(script); err == nil {
		return
	}
	told := func(f finding.Finding) bool { return f.Pos.File == script && f.ID == "GR606" }
	for _, n := range names {
		if link, err := d.systems.openrc.Look(n.String()); err == nil && link.Ours && !slices.ContainsFunc(d.found, told) {
			d.add("GR606", "", script, "", "it is missing, and is what services such as %s lead to", n)
		}
	}
}

func (d *doctor) link(n guest.Name, link initd.Link) {
	name, path := n.String(), d.e.script(n)
	_, missing := os.Stat(path)
	switch {
	case link.Ours && link.Target != initd.Gate && !filepath.IsAbs(link.Target):
		d.add("GR607", name, path, "guestrc enable "+name+" makes it one to "+initd.Gate, "it is a symlink to %s: OpenRC would call the service %s", link.Target, initd.Gate)
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
