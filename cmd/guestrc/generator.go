package main

import (
	"fmt"

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
	relations, start, stop, err := e.house.Needs(n)
	if err != nil {
		return units.Service{}, err
	}
	return units.Service{
		Kind: n.Kind, Instance: n.Instance,
		Requires: unitNames(relations.Need), Wants: unitNames(relations.Want),
		After:  append(unitNames(relations.After), unitNames(relations.Use)...),
		Before: unitNames(relations.Before),
		Start:  start, Stop: stop,
	}, nil
}

// unitNames are the units of those services that are guests. Others have no
// counterpart that is known here.
func unitNames(services []string) []string {
	var names []string
	for _, s := range services {
		if n, err := guest.ParseName(s); err == nil && isKind(n.Kind) {
			names = append(names, units.Name(n.Kind, n.Instance))
		}
	}
	return names
}
