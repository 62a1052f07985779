package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/guestrc/guestrc/bridge/owner"
	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/units"
)

// This file is the generator's translation of dependencies into units.

// draft is a unit that is being put together.
type draft struct {
	units.Service
	said map[side]deps.Dependency // which dependency has named another unit, the first that did
	last bool                     // it is to stop last
}

func (s *draft) unit() string { return units.Name(s.Kind, s.Instance) }

// side is a place beside a unit.
type side struct {
	unit   string
	before bool
}

// add takes one dependency into a unit.
func (g *generator) add(s *draft, d deps.Dependency) error {
	switch d.Sort {
	case deps.Path:
		if d.Relation == deps.Need { // systemd 252 has no word for a mount that may fail
			s.Mounts = append(s.Mounts, d.Name)
		}
	case deps.Device:
		if g.files.Devices() && announced(d.Name) {
			s.Devices = append(s.Devices, d.Name)
		}
	case deps.Interface:
		who, err := g.relateLink(s, d)
		if g.files.Devices() && (who != nobody || s.Kind == service.Kind) {
			s.Interfaces = append(s.Interfaces, d.Name)
		}
		return err
	case deps.Bridge:
		_, err := g.relateLink(s, d)
		return err
	case deps.Service:
		return g.addService(s, d)
	}
	return nil
}

// stopLast orders guests after those that are to stop last, which so start first;
// but not what these depend on, nor these themselves.
func stopLast(drafts []*draft) {
	waits := waitsFor(drafts)
	first := map[string]bool{}
	var mark func(unit string)
	mark = func(unit string) {
		if !first[unit] {
			first[unit] = true
			for _, other := range waits[unit] {
				mark(other)
			}
		}
	}
	var last []*draft
	for _, s := range drafts {
		if s.last {
			last = append(last, s)
			mark(s.unit())
		}
	}
	for _, s := range drafts {
		if !isKind(s.Kind) || first[s.unit()] {
			continue
		}
		for _, l := range last {
			s.After = append(s.After, l.unit())
			if at := (side{unit: l.unit()}); s.said[at].Why == "" {
				s.said[at] = deps.Dependency{Why: "stop_last of " + l.Kind + "." + l.Instance}
			}
		}
	}
}

// waitsFor is who waits for whom, by what their own drafts say.
func waitsFor(drafts []*draft) map[string][]string {
	waits := map[string][]string{}
	for _, s := range drafts {
		waits[s.unit()] = slices.Concat(waits[s.unit()], s.Requires, s.Wants, s.After)
		for _, other := range s.Before {
			waits[other] = append(waits[other], s.unit())
		}
	}
	return waits
}

// announced tells whether udev has a unit for a device node, so far as can be
// told: of those that are there, for block devices.
func announced(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().Type() == os.ModeDevice
}

func (g *generator) addService(s *draft, d deps.Dependency) error {
	if strings.ContainsAny(d.Name, "*?[") {
		return fmt.Errorf("%s: %s: systemd cannot order by the pattern %q: it is ignored", d.Pos, d.Why, d.Name)
	}
	if n, err := guest.ParseName(d.Name); err == nil && isKind(n.Kind) {
		return g.relate(s, d, units.Counterpart{Units: []string{units.Name(n.Kind, n.Instance)}})
	}
	if name, ok := strings.CutPrefix(d.Name, service.Kind+"."); ok && name != "lo" {
		link := d
		link.Name = name
		if who, err := g.relateLink(s, link); who != nobody {
			return err
		}
	}
	if c, ok := g.files.Counterpart(d.Name); ok {
		return g.relate(s, d, c)
	}
	if d.Relation != deps.Need { // OpenRC says nothing of it either
		return nil
	}
	s.Requires = append(s.Requires, units.Unknown(d.Name)) // as under OpenRC it will fail, and systemd says why
	return fmt.Errorf("%s: %s: there is no unit for %q, without which it will not start", d.Pos, d.Why, d.Name)
}

// relate says OpenRC's words in systemd's. A bridge goes before the network,
// which most services come after: it waits for none that does not say otherwise.
func (g *generator) relate(s *draft, d deps.Dependency, c units.Counterpart) error {
	var err error
	if s.Kind == service.Kind && d.Relation != deps.Before {
		late := func(unit string) bool { return !g.files.BeforeNetwork(unit) }
		all := slices.Concat(c.Units, c.Order)
		if i := slices.IndexFunc(all, late); i >= 0 {
			err = fmt.Errorf("%s: %s: bridges go before %s: it is ignored", d.Pos, d.Why, all[i])
		}
		c.Units = slices.DeleteFunc(slices.Clone(c.Units), late)
		c.Order = slices.DeleteFunc(slices.Clone(c.Order), late)
	}
	for _, unit := range slices.Concat(c.Units, c.Order) {
		at := side{unit, d.Relation == deps.Before}
		if _, said := s.said[at]; !said {
			s.said[at] = d
		}
	}
	switch d.Relation {
	case deps.Need, deps.Want:
		for _, unit := range c.Units {
			if d.Relation == deps.Need && !units.IsTarget(unit) {
				s.Requires = append(s.Requires, unit)
			} else {
				s.Wants = append(s.Wants, unit)
			}
		}
		s.After = append(s.After, c.Order...)
	case deps.Use, deps.After:
		s.After = append(s.After, c.Ordering()...)
	case deps.Before:
		s.Before = append(s.Before, c.Ordering()...)
	}
	return err
}

// charge is who brings up an interface.
type charge int

const (
	nobody charge = iota // that we know of
	other
	us
)

// relateLink orders a unit by whoever brings an interface up. Another tool's
// unit does much else besides: to require it would have guests stop with it, and
// one that an administrator has not enabled is not ours to start.
func (g *generator) relateLink(s *draft, d deps.Dependency) (charge, error) {
	who, unit := g.whose(d.Name)
	if unit == "" {
		return who, nil
	}
	if who == other && (d.Relation == deps.Need || d.Relation == deps.Want) {
		d.Relation = deps.After
		if g.files.Enabled(unit) {
			d.Relation = deps.Want
		}
	}
	return who, g.relate(s, d, units.Counterpart{Units: []string{unit}})
}

// whose tells who brings up an interface, and its unit if there is one. Many
// guests share a bridge, so it is looked up once.
func (g *generator) whose(name string) (charge, string) {
	g.mu.Lock()
	look := g.links[name]
	if look == nil {
		look = sync.OnceValues(func() (charge, string) { return g.look(name) })
		g.links[name] = look
	}
	g.mu.Unlock()
	return look()
}

// look: a bridge is ours if files describe it or its unit is enabled, and no
// other tool has it.
func (g *generator) look(name string) (charge, string) {
	owners, err := owner.Of(g.layout.At(), name)
	if err != nil {
		g.say("", err)
	}
	for _, o := range owners {
		if g.files.Exists(o.Unit) {
			return other, o.Unit
		}
	}
	if len(owners) > 0 {
		return other, ""
	}
	n, err := guest.ParseName(service.Kind + "." + name)
	if err != nil {
		return nobody, "" // no bridge of ours can have that name
	}
	unit := units.Name(n.Kind, n.Instance)
	if _, err := service.Open(g.layout, n); err == nil || service.Ours(g.layout, n) || g.files.Enabled(unit) {
		return us, unit
	}
	return nobody, ""
}

// bridges are those of ours that something depends on.
func (g *generator) bridges() []guest.Name {
	var names []guest.Name
	for name := range g.links { // nobody else is at work
		if who, _ := g.whose(name); who == us {
			names = append(names, guest.Name{Kind: service.Kind, Instance: name})
		}
	}
	guest.SortNames(names)
	return names
}
