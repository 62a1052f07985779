package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/units"
)

// generatorName is the name under which systemd runs the program at boot and
// at every daemon-reload (systemd.generator(7)).
const generatorName = "guestrc-generator"

// generatorPatience is for files on a dead network file system: a boot waits for
// its generators. What was written by then counts.
const generatorPatience = 5 * time.Second

// maxWarnings keeps a thousand guests with one fault from flooding the journal.
const maxWarnings = 20

// runGenerator writes drop-ins for all services of ours. It takes no lock, and
// what goes wrong is a warning: a service whose files are faulty will say so at
// its start, and neither the others nor the boot must suffer.
func (e *env) runGenerator(args []string) error {
	if len(args) == 0 {
		return usage("cannot generate units: no directory is given", "systemd runs this program")
	}
	e.enter(e.getenv("GUESTRC_ROOT"))
	newGenerator(e, args[0]).run(generatorPatience)
	return nil
}

// generator is one run.
type generator struct {
	dir     string
	layout  guest.Layout
	names   func() ([]guest.Name, error)
	service func(guest.Name) (guest.Service, error)
	warn    func(unit string, err error)
	files   *units.Files

	mu       sync.Mutex
	warnings int
	links    map[string]func() (charge, string)
	drafts   []*draft
}

func newGenerator(e *env, dir string) *generator {
	read := e.house.Reader()
	return &generator{
		dir: dir, layout: e.house.Layout, names: func() ([]guest.Name, error) { return guest.Names(e.house.Layout, isService) }, warn: e.warnUnit,
		service: func(n guest.Name) (guest.Service, error) {
			if n.Kind == service.Kind {
				return e.bridgeService(n)
			}
			return read(n)
		},
		links: map[string]func() (charge, string){},
	}
}

// warnUnit says it where it will be found: systemd throws away what a generator
// prints.
func (e *env) warnUnit(unit string, err error) {
	if e.getenv("SYSTEMD_SCOPE") == "" || units.Warn(e.root, generatorName, unit, clean(err.Error())) != nil {
		e.out.warn(err)
	}
}

// run does what can be done in time.
func (g *generator) run(patience time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.read()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		g.say("", fmt.Errorf("gave up after %v: not all services of guests are ordered", patience))
	}
	g.write()
}

// read drafts the units of all services.
func (g *generator) read() {
	var err error
	g.files, err = units.Scan(g.layout.At())
	g.say("", err)
	names, err := g.names()
	g.say("", err)
	for _, enabled := range g.files.Instances() {
		if n, err := guest.ParseName(enabled); err == nil && isService(n.Kind) {
			names = append(names, n)
		}
	}
	guest.SortNames(names)
	names = slices.Compact(names)
	g.all(names)
	g.all(slices.DeleteFunc(g.bridges(), func(n guest.Name) bool { return slices.Contains(names, n) }))
}

func (g *generator) all(names []guest.Name) {
	guest.Each(len(names), runtime.GOMAXPROCS(0), func(i int) { g.one(names[i]) })
}

// write writes the drop-ins of what has been read by now, without loops.
func (g *generator) write() {
	g.mu.Lock()
	drafts := slices.Clone(g.drafts)
	g.mu.Unlock()
	if len(drafts) == 0 {
		return // perhaps not even the directories of units were read
	}
	slices.SortFunc(drafts, func(a, b *draft) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Instance, b.Instance))
	})
	stopLast(drafts)
	g.untangle(drafts)
	guest.Each(len(drafts), runtime.GOMAXPROCS(0), func(i int) {
		unit := drafts[i].unit()
		defer g.survive(unit)
		g.say(unit, drafts[i].Write(g.dir))
	})
	g.say(units.Target, g.files.WriteTarget(g.dir, g.booting(drafts)))
}

// booting are the units of guests that a boot starts.
func (g *generator) booting(drafts []*draft) (names []string) {
	for _, s := range drafts {
		if isKind(s.Kind) && g.files.AtBoot(s.unit()) {
			names = append(names, s.unit())
		}
	}
	return names
}

func (g *generator) untangle(drafts []*draft) {
	defer g.survive("")
	services := make([]*units.Service, len(drafts))
	drafted := make(map[*units.Service]*draft, len(drafts))
	for i, s := range drafts {
		services[i] = &s.Service
		drafted[services[i]] = s
	}
	for _, c := range g.files.Untangle(services) {
		d := drafted[c.Service].said[side{c.Unit, c.Before}]
		g.say(units.Name(c.Service.Kind, c.Service.Instance), fmt.Errorf("%s: %w", strings.TrimPrefix(d.Pos.String()+": "+d.Why, ": "), c))
	}
}

// survive makes a fault of ours a warning.
func (g *generator) survive(unit string) {
	if fault := recover(); fault != nil {
		g.say(unit, fmt.Errorf("cannot order %s: internal error: %v", cmp.Or(unit, "services"), fault))
	}
}

// one drafts the unit of n. Whatever befalls it befalls no other.
func (g *generator) one(n guest.Name) {
	unit := units.Name(n.Kind, n.Instance)
	defer g.survive(unit)
	if n.Kind == service.Kind {
		if who, _ := g.whose(n.Instance); who != us {
			return // its start will say so
		}
	}
	s := &draft{Service: units.Service{Kind: n.Kind, Instance: n.Instance}, said: map[side]deps.Dependency{}}
	own := filepath.Join(g.layout.ConfDir(), n.String())
	if _, err := os.Stat(own); err == nil {
		s.Source = own
	}
	found, err := g.service(n)
	switch {
	case err == nil:
		s.Start, s.Stop, s.last = found.Start, found.Stop, found.StopLast
	case errors.Is(err, fs.ErrNotExist) && s.Source == "" && !g.files.Enabled(unit):
		return // it was a guest once
	default:
		s.Problem = err.Error()
		g.say(unit, fmt.Errorf("cannot tell all that %s depends on: %w", n, err))
	}
	s.Respawn = respawn(found.Policy)
	for _, d := range found.Dependencies {
		g.say(unit, g.add(s, d))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drafts = append(g.drafts, s)
}

// respawn is what a guest's files ask of systemd.
func respawn(p guest.Policy) units.Respawn {
	when := map[string]string{guest.RespawnOnCrash: "on-failure", guest.RespawnAlways: "always"}[p.Respawn]
	return units.Respawn{When: when, Delay: p.Delay, Max: p.Max, Period: p.Period}
}

// say passes warnings on, each by itself, until they are too many.
func (g *generator) say(unit string, err error) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			g.say(unit, one)
		}
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.warnings++; {
	case g.warnings <= maxWarnings:
		g.warn(unit, err)
	case g.warnings == maxWarnings+1:
		g.warn("", errors.New("there is more to warn of: guestrc deps tells it"))
	}
}
