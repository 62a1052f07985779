package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/guestrc/guestrc/bridge/netifrc"
	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/check"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/host"
	"github.com/guestrc/guestrc/units"
)

// doctor is one check.
type doctor struct {
	e       *env
	systems *systems
	files   *units.Files
	shelves []check.Shelf
	limits  check.Limits
	all     []guest.Name // that are described, enabled or running
	names   []guest.Name // that are asked about
	whole   bool         // all are, and the host
	known   func(string) bool
	reaches *reaches

	found []finding.Finding
}

// patient is one guest, as it was examined.
type patient struct {
	name    guest.Name
	x       guest.Examination
	service guest.Service
	holds   []guest.Hold
	found   []finding.Finding
}

func (e *env) newDoctor(names []guest.Name) (*doctor, error) {
	s, err := e.systems()
	if err != nil {
		return nil, err
	}
	d := &doctor{e: e, systems: s, names: names, whole: len(names) == 0, reaches: &reaches{known: map[string]bool{e.root: true}}}
	d.files, err = units.Scan(e.house.Layout.At())
	if err != nil {
		e.out.warn(err)
	}
	d.all, err = d.everything()
	if err != nil {
		return nil, errors.Join(err, s.tree.Close())
	}
	if d.whole {
		d.names = d.all
	}
	d.shelves = e.shelves()
	d.known = e.servicesBeside(nil)
	settings, warnings, err := host.Load(e.house.Layout)
	d.limits = check.Limits{Budget: settings.Budget, Battery: settings.BatteryBudget}
	if d.whole {
		d.found = check.Shared(err, warnings, check.Shelves(d.shelves, hostConf))
	}
	return d, nil
}

// everything is what names has, and what is in a runlevel of OpenRC's as ours.
func (d *doctor) everything() ([]guest.Name, error) {
	names, err := d.e.names()
	if err != nil {
		return nil, err
	}
	levels := d.e.house.Layout.At("etc", "runlevels")
	entries, _ := os.ReadDir(levels) // no OpenRC, no runlevels
	for _, level := range entries {
		services, _ := os.ReadDir(filepath.Join(levels, level.Name()))
		for _, s := range services {
			if n, err := guest.ParseName(s.Name()); err == nil && isKind(n.Kind) && !d.foreign(n) {
				names = append(names, n)
			}
		}
	}
	guest.SortNames(names)
	return slices.Compact(names), nil
}

// foreign tells whether an init script of a guest's name is another's.
func (d *doctor) foreign(n guest.Name) bool {
	link, err := d.systems.openrc.Look(n.String())
	return err != nil || link.Target != "" && !link.Ours
}

// shelves are all sorts of conf.d files.
func (e *env) shelves() []check.Shelf {
	all := []check.Shelf{{Kind: hostConf, Of: "all guests together", File: e.house.Layout.HostConf(), Vars: host.Vars}}
	for _, k := range kinds() {
		all = append(all, check.Shelf{Kind: k.Name(), Of: k.Name() + " guests", File: filepath.Join(e.house.Layout.ConfDir(), k.Name()+".NAME"), Vars: k.Vars()})
	}
	return append(all, check.Shelf{Kind: service.Kind, Of: "bridges", File: filepath.Join(e.house.Layout.ConfDir(), "net.NAME"), Vars: netifrc.Vars("NAME")})
}

// examine looks at all, as many at a time as there are processors.
func (d *doctor) examine(ctx context.Context) []finding.Finding {
	services, _ := d.e.services(d.names) // what is wrong with them, their examination tells
	patients := make([]patient, len(d.names))
	look := d.e.house.Examiner()
	guest.Each(len(d.names), runtime.NumCPU(), func(i int) {
		patients[i] = d.one(ctx, d.names[i], services[i], look)
	})
	held := make([]check.Held, 0, len(d.all))
	for _, p := range patients {
		d.found = append(d.found, p.found...)
		held = append(held, check.Held{Guest: p.name.String(), Holds: p.holds, Loads: d.loads(p)})
	}
	if !d.whole {
		held = append(held, d.others(ctx)...)
	}
	clashes := check.Clashes(held, func(name string) bool {
		return slices.ContainsFunc(d.names, func(n guest.Name) bool { return n.String() == name })
	})
	d.found = append(without(d.found, clashes), clashes...)
	if d.whole {
		d.found = append(d.found, check.Sums(held, memoryFor(held))...)
		d.host()
	}
	d.found = withoutDoubt(d.found)
	d.mendable(ctx)
	return d.found
}

// withoutDoubt leaves out what cannot be told because of permissions that are too
// loose: that is told of the directory.
func withoutDoubt(found []finding.Finding) []finding.Finding {
	var loose []string
	for _, f := range found {
		if f.ID == "GR701" {
			loose = append(loose, "cannot trust "+f.Pos.File+":")
		}
	}
	return slices.DeleteFunc(found, func(f finding.Finding) bool {
		return f.ID == "GR705" && slices.ContainsFunc(loose, func(text string) bool { return strings.Contains(f.Message, text) })
	})
}

// others are what guests hold that nobody asked about.
func (d *doctor) others(ctx context.Context) []check.Held {
	rest := slices.DeleteFunc(slices.Clone(d.all), func(n guest.Name) bool { return slices.Contains(d.names, n) || !isKind(n.Kind) })
	held := make([]check.Held, len(rest))
	holds := d.e.house.Holder()
	guest.Each(len(rest), runtime.NumCPU(), func(i int) {
		held[i].Guest = rest[i].String()
		held[i].Holds, _ = inTime(ctx, func(ctx context.Context) ([]guest.Hold, error) { return holds(ctx, rest[i]), nil })
	})
	return held
}

// without leaves out what a clash tells better: which guest it is that runs, and
// where its files say so.
func without(found, clashes []finding.Finding) []finding.Finding {
	type key struct {
		id, subject string
		at          confd.Pos
	}
	of := func(f finding.Finding) key { return key{f.ID, f.Subject, f.Pos} }
	told := map[key]bool{}
	for _, c := range clashes {
		told[of(c)] = true
	}
	return slices.DeleteFunc(found, func(f finding.Finding) bool { return told[of(f)] })
}

// lookTime is for files on a dead network file system: one guest whose disks hang
// is not to keep the others from being told of.
const lookTime = 10 * time.Second

// inTime does what may hang, and goes on without it then.
func inTime[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, &guest.Error{Msg: fmt.Sprintf("cannot look at it within %s", lookTime), Hint: "does a file that it needs lie on a file system that hangs?", ID: "GR100"}
	}
}

func (d *doctor) one(ctx context.Context, n guest.Name, s guest.Service, look func(context.Context, guest.Name) (guest.Examination, error)) patient {
	p := patient{name: n, service: s}
	if n.Kind == service.Kind {
		faults, err := inTime(ctx, func(ctx context.Context) ([]*confd.Error, error) { return service.Examine(ctx, d.e.house.Layout, n) })
		p.found = append(check.Bridge(n.String(), faults, check.Shelves(d.shelves, n.Kind)), check.Faults(n.String(), err)...)
	} else {
		x, err := inTime(ctx, func(ctx context.Context) (guest.Examination, error) { return look(ctx, n) })
		p.x, p.holds = x, x.Holds
		p.found = append(check.Guest(x, check.Shelves(d.shelves, n.Kind)), check.Faults(n.String(), err)...)
		if x.Nothing && err == nil {
			p.found = d.undescribed(n, x, p.found)
		}
		limits := d.limits
		limits.Unit = d.unitTime(n)
		p.found = append(p.found, check.Schedule(n.String(), x.Plan.Schedule, stands(x.Config, "stop_schedule"), limits)...)
		p.found = append(p.found, d.access(d.places(x))...)
	}
	p.found = append(p.found, check.Dependencies(n.String(), s, check.Services{Ours: d.described, Known: d.known})...)
	return p
}

// stands is where the files set a variable.
func stands(c *confd.Config, name string) confd.Pos {
	if c == nil {
		return confd.Pos{}
	}
	v, _ := c.Get(name)
	return v.Pos
}

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

// reaches remembers which directories every user may pass through, from the root
// on.
type reaches struct {
	mu    sync.Mutex
	known map[string]bool
}

func (r *reaches) everyone(dir string) bool {
	r.mu.Lock()
	open, known := r.known[dir]
	r.mu.Unlock()
	if known {
		return open
	}
	info, err := os.Stat(dir)
	open = err == nil && info.Mode().Perm()&0o001 != 0
	if parent := filepath.Dir(dir); open && parent != dir {
		open = r.everyone(parent)
	}
	r.mu.Lock()
	r.known[dir] = open
	r.mu.Unlock()
	return open
}

// secrets are the files of a guest that hold a password, and the variable.
func secrets(x guest.Examination) map[string]string {
	found := map[string]string{}
	if x.Config == nil {
		return nil
	}
	for _, v := range x.Config.Values {
		if known, _, _, ok := x.Vars.Lookup(v.Name); ok && known.Secret && v.Text != "" && v.Pos.File != "" {
			found[v.Pos.File] = v.Name
		}
	}
	return found
}

// sortedKeys are those of a map of files.
func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
