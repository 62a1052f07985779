// Package fleet does the same with many, at once, each as soon as those that
// must be done before it are. It refuses to wait in a circle: it leaves out what
// closes one, and tells. What is done, and with what, is the caller's business.
package fleet

import (
	"context"
	"slices"
)

// Member is one of the many.
type Member struct {
	Name  string
	After []string // names that must be done before it; those of no member count for nothing
}

// Cut is an order that was not kept, because it closes a circle.
type Cut struct{ Name, After string }

// Run calls do with the index of each member, as soon as all in its After are
// done: all at once, or with parallel > 0 at most so many, the earlier ones in
// the list first. It returns when every call has.
//
// Once ctx has ended, no further call begins; skipped has the indices of those
// that were not begun, in order. The calls that are under way see the same ctx.
//
// What is cut of circles depends on nothing but the members: seen from the
// first of them on the circle, the order that leads back to it.
func Run(ctx context.Context, members []Member, parallel int, do func(ctx context.Context, i int)) (cut []Cut, skipped []int) {
	waits, followers, cut := order(members)
	var ready []int // ascending
	for i, n := range waits {
		if n == 0 {
			ready = append(ready, i)
		}
	}
	done := make(chan int)
	begun, running := make([]bool, len(members)), 0
	for {
		for len(ready) > 0 && ctx.Err() == nil && (parallel <= 0 || running < parallel) {
			i := ready[0]
			ready = ready[1:]
			begun[i] = true
			running++
			go func() {
				do(ctx, i)
				done <- i
			}()
		}
		if running == 0 {
			break
		}
		for _, f := range followers[<-done] {
			if waits[f]--; waits[f] == 0 {
				at, _ := slices.BinarySearch(ready, f)
				ready = slices.Insert(ready, at, f)
			}
		}
		running--
	}
	for i, b := range begun {
		if !b {
			skipped = append(skipped, i)
		}
	}
	return cut, skipped
}

// order counts for each member how many it waits for, and lists who waits for
// it. Without what it cuts there are no circles.
func order(members []Member) (waits []int, followers [][]int, cut []Cut) {
	called := map[string][]int{}
	for i, m := range members {
		called[m.Name] = append(called[m.Name], i)
	}
	waits, followers = make([]int, len(members)), make([][]int, len(members))
	const (
		unseen = iota
		onPath
		seen
	)
	state := make([]int, len(members))
	var visit func(i int)
	visit = func(i int) {
		state[i] = onPath
		for _, name := range members[i].After {
			for _, before := range called[name] {
				if state[before] == unseen {
					visit(before)
				}
				if state[before] == onPath {
					cut = append(cut, Cut{members[i].Name, name})
					continue
				}
				waits[i]++
				followers[before] = append(followers[before], i)
			}
		}
		state[i] = seen
	}
	for i := range members {
		if state[i] == unseen {
			visit(i)
		}
	}
	return waits, followers, cut
}
