package main

import (
	"context"
	"errors"
	"fmt"
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

// everything is what names has without copies, and what is in a runlevel of
// OpenRC's as ours.
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
	return slices.DeleteFunc(slices.Compact(names), d.isCopy), nil
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
	abreast(len(d.names), func(i int) {
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
	clashes := check.Clashes(held, d.asked)
	d.found = append(without(d.found, clashes), clashes...)
	d.circles(services)
	if d.whole {
		d.found = append(d.found, check.Sums(held, memoryFor(held))...)
		d.host()
	}
	d.links()
	d.found = withoutDoubt(d.found)
	d.mendable(ctx)
	if os.Geteuid() != 0 {
		check.Refused(d.found)
	}
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
	abreast(len(rest), func(i int) {
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

// slowLook is when a look no longer counts among those that are under way: what it
// waits for is no processor.
const slowLook = 100 * time.Millisecond

// abreast does n things, as many at a time as there are processors. Those that
// hang do so together.
func abreast(n int, do func(i int)) {
	slots := make(chan struct{}, runtime.NumCPU())
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			leave := sync.OnceFunc(func() { <-slots })
			defer leave()
			defer time.AfterFunc(slowLook, leave).Stop()
			do(i)
		})
	}
	all.Wait()
}

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
		return none, &guest.Error{Msg: fmt.Sprintf("cannot look at it within %s", lookTime), Hint: "does a file that it needs lie on a file system that hangs?"}
	}
}

// asked tells whether a guest or bridge is one that is asked about.
func (d *doctor) asked(name string) bool {
	return slices.ContainsFunc(d.names, func(n guest.Name) bool { return n.String() == name })
}

// circles looks along the services that are asked about, and all others too, as
// a circle needs two.
func (d *doctor) circles(services []guest.Service) {
	names := d.names
	if !d.whole {
		names = d.all
		services, _ = d.e.services(names) // what is wrong with them is told when one asks about them
	}
	waiters := make([]check.Waiter, len(names))
	for i, n := range names {
		waiters[i] = check.Waiter{Name: n.String(), Dependencies: services[i].Dependencies}
	}
	d.found = append(d.found, check.Circles(waiters, d.asked)...)
}

func (d *doctor) one(ctx context.Context, n guest.Name, s guest.Service, look func(context.Context, guest.Name) (guest.Examination, error)) patient {
	p := patient{name: n, service: s}
	if n.Kind == service.Kind {
		faults, err := inTime(ctx, func(ctx context.Context) ([]*confd.Error, error) { return service.Examine(ctx, d.e.house.Layout, n) })
		p.found = append(check.Bridge(n.String(), faults, check.Shelves(d.shelves, n.Kind)), check.Unseen(n.String(), err)...)
	} else {
		x, err := inTime(ctx, func(ctx context.Context) (guest.Examination, error) { return look(ctx, n) })
		p.x, p.holds = x, x.Holds
		p.found = append(check.Guest(x, check.Shelves(d.shelves, n.Kind)), check.Unseen(n.String(), err)...)
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
