package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/fleet"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
)

// This file is the order of "stop --all" and "start --all".

// stopOrder says for each guest which others must be down before it is asked:
// those that depend on it, and for one that goes last all that do not.
func (e *env) stopOrder(names []guest.Name) []fleet.Member {
	services, errs := e.house.Services(names)
	at := make(map[string]int, len(names))
	members := make([]fleet.Member, len(names))
	for i, n := range names {
		at[n.String()], members[i].Name = i, n.String()
		if errs[i] != nil {
			e.out.warn(fmt.Errorf("not all dependencies of %s are known: %w", n, errs[i]))
		}
	}
	needs := make([][]int, len(names)) // the guests that each one depends on
	for i := range names {
		for _, d := range services[i].Dependencies {
			j, among := at[d.Name]
			switch {
			case !among || d.Sort != deps.Service || i == j:
			case d.Relation == deps.Before:
				needs[j] = append(needs[j], i)
			default:
				needs[i] = append(needs[i], j)
			}
		}
	}
	last := lastOnes(services, needs)
	for i := range names {
		for _, j := range needs[i] {
			members[j].After = append(members[j].After, members[i].Name)
		}
		for j := range names {
			if last[j] && !last[i] {
				members[j].After = append(members[j].After, members[i].Name)
			}
		}
	}
	for i := range members {
		slices.Sort(members[i].After)
		members[i].After = slices.Compact(members[i].After)
	}
	return members
}

// lastOnes are those that are to go last, and what these depend on.
func lastOnes(services []guest.Service, needs [][]int) []bool {
	last := make([]bool, len(services))
	var mark func(i int)
	mark = func(i int) {
		if !last[i] {
			last[i] = true
			for _, j := range needs[i] {
				mark(j)
			}
		}
	}
	for i, s := range services {
		if s.StopLast {
			mark(i)
		}
	}
	return last
}

// turnTime is what a guest that comes after others is to have left of the
// budget, when it is long enough.
const turnTime = 10 * time.Second

// deadlines are earlier for guests that others wait for: one that ignores
// everything shall not cost those their own shutdown. more: there are some that
// wait for all of these.
func deadlines(members []fleet.Member, o *history.Occasion, now time.Time, more bool) map[string]time.Time {
	if o.Deadline.IsZero() {
		return nil
	}
	if more {
		var all fleet.Member
		for _, m := range members {
			all.After = append(all.After, m.Name)
		}
		members = append(slices.Clip(members), all)
	}
	behind := fleet.Behind(members)
	most := 0
	for _, n := range behind {
		most = max(most, n)
	}
	each := min(turnTime, o.Deadline.Sub(now)/time.Duration(2*(most+1)))
	by := make(map[string]time.Time, len(members))
	for i, m := range members {
		if behind[i] > 0 && each > 0 {
			by[m.Name] = o.Deadline.Add(-time.Duration(behind[i]) * each)
		}
	}
	return by
}

// chain is names and the guests that they depend on, these on, and so forth.
func (e *env) chain(names ...guest.Name) []guest.Name {
	for i := 0; i < len(names); i++ {
		s, _ := e.house.Service(names[i]) // the stop itself warns of what cannot be read
		for _, d := range s.Dependencies {
			other, err := guest.ParseName(d.Name)
			if d.Sort == deps.Service && d.Relation != deps.Before && err == nil && isKind(other.Kind) && !slices.Contains(names, other) {
				names = append(names, other)
			}
		}
	}
	return names
}

// stopLastSet finds lines that are no comments.
var stopLastSet = regexp.MustCompile(`(?m)^[ \t]*([^#\s].*)?stop_last`)

// goLast are the guests that run and that may be marked stop_last. Only files
// that speak of it are understood: each stop of a thousand asks this.
func (e *env) goLast(ctx context.Context) []guest.Name {
	names, err := e.house.Names()
	if err != nil {
		return nil // the stop itself finds what is wrong
	}
	speaks := map[string]bool{}
	return slices.DeleteFunc(names, func(n guest.Name) bool {
		for _, path := range e.house.Layout.ConfFiles(n) {
			if _, read := speaks[path]; !read {
				text, _ := os.ReadFile(path)
				speaks[path] = stopLastSet.Match(text)
			}
			if speaks[path] {
				s, _ := e.house.Service(n) // what a faulty file still says
				return !s.StopLast || !e.mayBeUp(ctx, n)
			}
		}
		return true
	})
}
