package units

import (
	"fmt"
	"slices"
	"strings"
)

// Cut is an order that is not written: it would close a loop, which systemd
// breaks by dropping a job, and that may be anybody's.
type Cut struct {
	Service *Service
	Unit    string // that it names
	Before  bool   // it is to go before the unit, not after it

	via []string // how the loop closes without it
}

func (c Cut) Error() string {
	own := Name(c.Service.Kind, c.Service.Instance)
	word, last, first := "after", c.Unit, own
	if c.Before {
		word, last, first = "before", own, c.Unit
	}
	text := fmt.Sprintf("cannot order %s %s %s: %s waits for %s already", own, word, c.Unit, last, first)
	switch {
	case len(c.via) > maxVia:
		text += fmt.Sprintf(", by way of %d others", len(c.via))
	case len(c.via) > 0:
		text += ", by way of " + strings.Join(c.via, ", ")
	}
	return text
}

// maxVia keeps a warning within some lines.
const maxVia = 4

// Untangle finds the loops in the order of the services, their templates and
// the units that they name, and takes the weakest order out of each: what is
// required stays required, and what is wanted, wanted.
func (f *Files) Untangle(services []*Service) []Cut {
	g := graph{index: map[string]int{}}
	for _, s := range services {
		g.stated(s)
	}
	f.given(&g)
	var cuts []Cut
	for _, loop := range g.loops() {
		e := loop[0]
		if e.strength == fixed {
			continue // it is none of ours
		}
		c := Cut{Service: e.by, Unit: g.units[e.to].name, Before: e.before}
		list := &e.by.notAfter
		if e.before {
			c.Unit, list = g.units[e.from].name, &e.by.notBefore
		}
		*list = append(*list, c.Unit)
		for _, other := range loop[1 : len(loop)-1] {
			c.via = append(c.via, g.units[other.to].name)
		}
		cuts = append(cuts, c)
	}
	return cuts
}

// strength says which order of a loop is given up.
type strength int

const (
	loose    strength = iota // only an order
	wanted                   // of what is wanted
	required                 // of what is required
	fixed                    // not stated by our files
)

// edge says that one unit waits for another.
type edge struct {
	from, to int // in graph.units
	strength strength
	by       *Service
	before   bool // it is the other's word
	cut      bool
}

// node is a unit. For each list of edges it keeps which service was the last
// to state one, as the strongest word on two units is the one that counts.
type node struct {
	name            string
	waits, awaited  []*edge
	after, before   *Service
	waiting         int // edges that are not done with
	done, onTheWalk bool
}

// graph is who waits for whom.
type graph struct {
	index map[string]int
	units []*node
}

func (g *graph) at(unit string) int {
	i, known := g.index[unit]
	if !known {
		i = len(g.units)
		g.index[unit] = i
		g.units = append(g.units, &node{name: unit})
	}
	return i
}

func (g *graph) add(e edge) {
	if e.from != e.to {
		g.units[e.from].waits = append(g.units[e.from].waits, &e)
		g.units[e.to].awaited = append(g.units[e.to].awaited, &e)
	}
}

// stated adds what a service says itself.
func (g *graph) stated(s *Service) {
	own := g.at(Name(s.Kind, s.Instance))
	for _, list := range []struct {
		strength strength
		units    []string
	}{{required, s.Requires}, {wanted, s.Wants}, {loose, s.After}} {
		for _, unit := range list.units {
			other := g.at(unit)
			if g.units[other].after != s {
				g.units[other].after = s
				g.add(edge{from: own, to: other, strength: list.strength, by: s})
			}
		}
	}
	for _, unit := range s.Before {
		other := g.at(unit)
		if g.units[other].before != s {
			g.units[other].before = s
			g.add(edge{from: other, to: own, by: s, before: true})
		}
	}
}

// given adds what the templates and other units' files say about units that are
// spoken of: nobody waits for the others in a loop.
func (f *Files) given(g *graph) {
	units := slices.Clone(g.units)
	after := make([][]string, len(units))
	for i, u := range units {
		kind, ours := kindOf(u.name)
		given := order[kind]
		if !ours {
			p := f.placeOf(u.name)
			given.after, given.before = p.after, p.before
		}
		after[i] = given.after
		for _, unit := range given.before {
			g.add(edge{from: g.at(unit), to: i, strength: fixed})
		}
	}
	for i := range units {
		for _, unit := range after[i] {
			if other, known := g.index[unit]; known {
				g.add(edge{from: i, to: other, strength: fixed})
			}
		}
	}
}

// loops takes away, again and again, what waits for nothing. Where everything
// left waits there is a loop: it is cut, and returned from the cut on.
func (g *graph) loops() (loops [][]*edge) {
	var free []*node
	for _, u := range g.units {
		if u.waiting = len(u.waits); u.waiting == 0 {
			free = append(free, u)
		}
	}
	for _, u := range g.units {
		for {
			for len(free) > 0 {
				last := free[len(free)-1]
				free = g.finish(last, free[:len(free)-1])
			}
			if u.done {
				break
			}
			loop := g.loop(u)
			loop[0].cut = true
			loops = append(loops, loop)
			if from := g.units[loop[0].from]; g.met(from) {
				free = append(free, from)
			}
		}
	}
	return loops
}

// finish is done with a unit, and adds to the list who waited only for it.
func (g *graph) finish(u *node, free []*node) []*node {
	u.done = true
	for _, e := range u.awaited {
		if from := g.units[e.from]; !e.cut && g.met(from) {
			free = append(free, from)
		}
	}
	return free
}

// met counts down what a unit waits for, and tells whether that was the last.
func (g *graph) met(u *node) bool {
	u.waiting--
	return u.waiting == 0
}

// loop follows what waits until it comes to a unit again, and returns that
// loop, its weakest edge first: of several such the last.
func (g *graph) loop(u *node) []*edge {
	var walk []*edge
	for !u.onTheWalk {
		u.onTheWalk = true
		i := slices.IndexFunc(u.waits, func(e *edge) bool { return !e.cut && !g.units[e.to].done })
		walk = append(walk, u.waits[i])
		u = g.units[u.waits[i].to]
	}
	for _, e := range walk {
		g.units[e.from].onTheWalk = false
	}
	walk = walk[slices.IndexFunc(walk, func(e *edge) bool { return g.units[e.from] == u }):]
	weakest := 0
	for i, e := range walk {
		if e.strength <= walk[weakest].strength {
			weakest = i
		}
	}
	return slices.Concat(walk[weakest:], walk[:weakest])
}
