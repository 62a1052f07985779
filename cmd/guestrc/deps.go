package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/initd"
)

// services is what the files of each say to an init system.
func (e *env) services(names []guest.Name) ([]guest.Service, []error) {
	services, errs := e.house.Services(names)
	for i, n := range names {
		if n.Kind == service.Kind {
			services[i], errs[i] = e.bridgeService(n)
		}
	}
	return services, errs
}

// bridgeTime is what making a bridge may take. Spanning tree keeps a new port shut
// for twice the forward delay, of at most 30 s; all else the kernel does at once.
const bridgeTime = guest.LockPatience + 70*time.Second

func (e *env) bridgeService(n guest.Name) (guest.Service, error) {
	s := guest.Service{Set: deps.Set{Inputs: service.Inputs(e.house.Layout, n)}, Start: bridgeTime, Stop: bridgeTime}
	b, err := service.Open(e.house.Layout, n)
	if err == nil {
		s.Set = b.Depends()
	}
	return s, err
}

func showDeps(ctx context.Context, e *env, args []string) error {
	names, err := e.guestNames(args)
	if err != nil {
		return err
	}
	services, errs := e.services(names)
	if e.wantJSON() {
		err = e.printJSON(map[string]any{"version": 1, "guests": dependenciesJSON(names, services)})
		return errors.Join(append(errs, err)...)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 8, 2, ' ', 0)
	for i, n := range names {
		if len(services[i].Dependencies) == 0 && errs[i] == nil {
			fmt.Fprintf(w, "%s\tdepends on nothing that its files name\n", n)
		}
		for _, d := range services[i].Dependencies {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n, d.Relation, line(strings.TrimPrefix(string(d.Sort)+" "+d.Name, "service ")), line(because(d)))
		}
	}
	return errors.Join(append(errs, w.Flush())...)
}

// because is "net0_br (/etc/conf.d/qemu.db:7:1)".
func because(d deps.Dependency) string {
	if at := d.Pos.String(); at != "" {
		return d.Why + " (" + at + ")"
	}
	return d.Why + " (a default)"
}

func dependenciesJSON(names []guest.Name, services []guest.Service) any {
	type one struct {
		Guest        string            `json:"guest"`
		Dependencies []deps.Dependency `json:"dependencies"`
		Files        []string          `json:"files"` // whose change may change them
	}
	all := make([]one, len(names))
	for i, n := range names {
		all[i] = one{n.String(), append([]deps.Dependency{}, services[i].Dependencies...), append([]string{}, services[i].Inputs...)}
	}
	return all
}

// dependVerb is what depend() of the OpenRC script calls, with the name of the
// calculation.
const dependVerb = "__depend"

// writeDepends makes the cache that depend() reads. A service whose files are
// faulty says so at its start; here a warning must do.
func writeDepends(_ context.Context, e *env, args []string) error {
	dir, began := e.house.Layout.RunBase(), e.now()
	if err := initd.Mark(dir, args[0], began); err != nil {
		return err
	}
	names, err := guest.ScriptedNames(e.house.Layout, isService)
	if err != nil {
		return err
	}
	services, errs := e.services(names)
	all := make([]initd.Depends, len(names))
	for i, n := range names {
		all[i] = openrcDepends(e.house.Layout, n, services[i])
		if errs[i] != nil {
			e.out.warn(fmt.Errorf("not all dependencies of %s are known: %w", n, errs[i]))
		}
	}
	return initd.WriteCache(dir, began, all)
}

// openrcDepends says it in OpenRC's words. What rc_need and its like say is
// OpenRC's own business; of mounts it knows no more than localmount.
func openrcDepends(l guest.Layout, n guest.Name, s guest.Service) initd.Depends {
	d := initd.Depends{Service: n.String(), Inputs: s.Inputs}
	names := map[string][]string{}
	words := []string{string(deps.Need), string(deps.Use), string(deps.Want), string(deps.After), string(deps.Before), "provide"}
	add := func(word deps.Relation, name string) { names[string(word)] = append(names[string(word)], name) }
	for _, dep := range s.Dependencies {
		switch {
		case strings.HasPrefix(dep.Why, "rc_"):
		case dep.Sort == deps.Service:
			add(dep.Relation, dep.Name)
		case dep.Sort == deps.Bridge:
			add(dep.Relation, service.Kind+"."+dep.Name)
		case dep.Sort == deps.Interface:
			add(dep.Relation, service.Kind+"."+dep.Name)
			if n.Kind == service.Kind { // a bridge with a way out is a network
				names["provide"] = []string{"net"}
			}
		}
	}
	for _, word := range words {
		if len(names[word]) > 0 {
			d.Lines = append(d.Lines, initd.Line{Word: word, Names: names[word]})
		}
	}
	for _, path := range s.Inputs {
		if !slices.Contains(l.ConfFiles(n), path) { // at those, and at conf.d itself, OpenRC looks anyway
			d.Config = append(d.Config, path)
		}
	}
	return d
}
