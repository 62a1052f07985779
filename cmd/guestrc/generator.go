package main

import (
	"fmt"

	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/units"
)

// generatorName is the name under which systemd runs the program at boot and
// at every daemon-reload (systemd.generator(7)).
const generatorName = "guestrc-generator"

// runGenerator writes drop-ins for all guests. A guest whose files are faulty
// is left out, with a message: its unit will fail at its start and say why,
// and the others must not suffer.
func (e *env) runGenerator(args []string) error {
	if len(args) == 0 {
		return usage("cannot generate units: no directory is given", "systemd runs this program")
	}
	e.enter(e.getenv("GUESTRC_ROOT"))
	names, err := e.house.Names()
	if err != nil {
		return err
	}
	var services []units.Service
	for _, n := range names {
		s, err := e.service(n)
		if err != nil {
			e.out.warn(fmt.Errorf("no ordering for %s: %w", n, err))
			continue
		}
		services = append(services, s)
	}
	return units.Generate(args[0], services)
}

// service is what n's files say about its unit.
func (e *env) service(n guest.Name) (units.Service, error) {
	found, err := e.house.Service(n)
	if err != nil {
		return units.Service{}, err
	}
	s := units.Service{Kind: n.Kind, Instance: n.Instance, Start: found.Start, Stop: found.Stop}
	for _, d := range found.Dependencies {
		other, err := guest.ParseName(d.Name)
		if err != nil || !isKind(other.Kind) || d.Sort != deps.Service {
			continue
		}
		unit := units.Name(other.Kind, other.Instance)
		switch d.Relation {
		case deps.Need:
			s.Requires = append(s.Requires, unit)
		case deps.Want:
			s.Wants = append(s.Wants, unit)
		case deps.Use, deps.After:
			s.After = append(s.After, unit)
		case deps.Before:
			s.Before = append(s.Before, unit)
		}
	}
	return s, nil
}
