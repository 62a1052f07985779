package main

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/guestrc/guestrc/bridge/owner"
	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/units"
)

// This file is the generator's translation of dependencies into units.

// add takes one dependency into a unit.
func (g *generator) add(s *units.Service, d deps.Dependency) error {
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
		if who := g.relateLink(s, d); g.files.Devices() && (who != nobody || s.Kind == service.Kind) {
			s.Interfaces = append(s.Interfaces, d.Name)
		}
	case deps.Bridge:
		g.relateLink(s, d)
	case deps.Service:
		return g.addService(s, d)
	}
	return nil
}

// announced tells whether udev has a unit for a device node, so far as can be
// told: of those that are there, for block devices.
func announced(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().Type() == os.ModeDevice
}

func (g *generator) addService(s *units.Service, d deps.Dependency) error {
	if n, err := guest.ParseName(d.Name); err == nil && isKind(n.Kind) {
		relate(s, d.Relation, units.Counterpart{Units: []string{units.Name(n.Kind, n.Instance)}})
		return nil
	}
	if name, ok := strings.CutPrefix(d.Name, service.Kind+"."); ok {
		d.Name = name
		g.relateLink(s, d)
		return nil
	}
	if strings.ContainsAny(d.Name, "*?[") {
		return fmt.Errorf("%s: %s: systemd cannot order by the pattern %q: it is ignored", d.Pos, d.Why, d.Name)
	}
	c, ok := g.files.Counterpart(d.Name)
	if ok {
		relate(s, d.Relation, c)
		return nil
	}
	if d.Relation == deps.Need { // as under OpenRC it will fail, and systemd says why
		s.Requires = append(s.Requires, units.Unknown(d.Name))
		return fmt.Errorf("%s: %s: there is no unit for %q, without which it will not start", d.Pos, d.Why, d.Name)
	}
	return fmt.Errorf("%s: %s: there is no unit for %q: it is ignored", d.Pos, d.Why, d.Name)
}

// relate says OpenRC's words in systemd's.
func relate(s *units.Service, r deps.Relation, c units.Counterpart) {
	switch r {
	case deps.Need, deps.Want:
		for _, unit := range c.Units {
			if r == deps.Need && !units.IsTarget(unit) {
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
}

// charge is who brings up an interface.
type charge int

const (
	nobody charge = iota // that we know of
	other
	us
)

// relateLink orders a unit by whoever brings an interface up. Another tool's
// unit does much else besides: to require it would have guests stop with it.
func (g *generator) relateLink(s *units.Service, d deps.Dependency) charge {
	who, unit := g.whose(d.Name)
	if who == other && d.Relation == deps.Need {
		d.Relation = deps.Want
	}
	if unit != "" {
		relate(s, d.Relation, units.Counterpart{Units: []string{unit}})
	}
	return who
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
