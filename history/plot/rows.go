package plot

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// together is the share of the whole within which bars count as begun at one
// time: those that are asked one after the other are, and their ends then put
// them in order.
const together = 40

// rows puts bars in order: by begin and end, but each below the one that it
// waited for last, so that few arrows are long.
func rows(bars []Bar, began time.Time, took time.Duration) []Bar {
	step := max(slack, took/together)
	inOrder := make([]*Bar, len(bars))
	for i := range bars {
		inOrder[i] = &bars[i]
	}
	slices.SortFunc(inOrder, func(a, b *Bar) int {
		return cmp.Or(cmp.Compare(a.Begin.Sub(began)/step, b.Begin.Sub(began)/step),
			a.End.Compare(b.End), a.Begin.Compare(b.Begin), cmp.Compare(a.Guest, b.Guest))
	})
	at := map[string]int{}
	for i, b := range inOrder {
		at[b.Guest] = i
	}
	below := make([][]int, len(bars))
	var top []int
	for i, b := range inOrder {
		parent := -1
		for _, name := range b.After {
			// What comes earlier in this order cannot close a circle.
			if a := at[name]; a < i && (parent < 0 || inOrder[a].End.After(inOrder[parent].End)) {
				parent = a
			}
		}
		if parent < 0 {
			top = append(top, i)
		} else {
			below[parent] = append(below[parent], i)
		}
	}
	ordered := make([]Bar, 0, len(bars))
	var place func(i int)
	place = func(i int) {
		ordered = append(ordered, *inOrder[i])
		for _, j := range below[i] {
			place(j)
		}
	}
	for _, i := range top {
		place(i)
	}
	return ordered
}

// How tells how it came about: "by acpi", "killed: acpi ignored", "ready".
func (b Bar) How() string {
	why := ""
	if len(b.Before) > 0 {
		why = ": " + strings.Join(b.Before, ", ")
	}
	switch b.Result {
	case Down:
		return "by " + cmp.Or(b.By, "itself")
	case Killed:
		return "killed" + why
	case Forced:
		return "forced down by " + b.By + why
	case Died:
		return "died" + why
	case Running:
		return "still running" + why
	case Interrupted:
		return "interrupted" + why
	case Unready:
		return "not ready"
	case Failed:
		if n := len(b.Notes); n > 0 {
			return "failed: " + b.Notes[n-1]
		}
		return "failed"
	}
	return string(b.Result)
}

// label is what stands at the bar's end.
func (b Bar) label() string {
	took := Span(b.Took)
	switch b.Result {
	case Down:
		if b.Took == 0 && b.By == "" {
			return "had ended by itself"
		}
		return took + " " + cmp.Or(b.By, "by itself")
	case Killed, Died, Interrupted, Failed:
		return string(b.Result) + " after " + took
	case Forced:
		return "forced after " + took + " by " + b.By
	case Running:
		return "still running after " + took
	case Unready:
		return "not ready after " + took
	}
	return took + " " + string(b.Result)
}

// story is all that is known, in one line.
func (b Bar) story(zero time.Time) string {
	parts := []string{b.Guest + ": " + b.label()}
	if len(b.Before) > 0 {
		parts = append(parts, strings.Join(b.Before, ", "))
	}
	if b.Waited > 0 {
		parts = append(parts, "waited "+Span(b.Waited)+followed(b.After))
	}
	parts = append(parts, "at +"+Span(b.End.Sub(zero)))
	for _, n := range b.Notes {
		parts = append(parts, clip(n, longest))
	}
	return strings.Join(parts, "; ")
}

// longest is how many characters of a text that others wrote are shown.
const longest = 200

func followed(names []string) string {
	const few = 5
	switch n := len(names); {
	case n == 0:
		return ""
	case n > few:
		return " for " + strings.Join(names[:few], ", ") + " and others"
	}
	return " for " + strings.Join(names, ", ")
}
