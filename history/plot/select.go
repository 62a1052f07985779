package plot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guestrc/guestrc/history"
)

// Query says which occasion, and which of its guests.
type Query struct {
	Boot   bool     // starts, not stops
	Last   int      // 1 (or 0): the last one, 2: the one before, …
	Guests []string // only these; empty: all
}

// NotFoundError says that the history has no such occasion.
type NotFoundError struct{ Msg, Hint string }

func (e *NotFoundError) Error() string { return e.Msg }

// HintText returns what to do about it.
func (e *NotFoundError) HintText() string { return e.Hint }

// Select finds the occasion that q asks for: a shutdown of the host or a stop
// of all guests, or a boot or a start of all guests. entries may be in any
// order, and of any guests. Without such an occasion it is a *NotFoundError.
func Select(entries []history.Entry, q Query) (Scene, error) {
	find, what, hint := stops, "shutdown of all guests", "shutdowns of the host and guestrc stop --all are kept; boots are shown with --boot"
	if q.Boot {
		find, what, hint = starts, "boot", "starts within some minutes of the host's boot and guestrc start --all are kept"
	}
	all := find(entries)
	n := max(q.Last, 1)
	switch {
	case len(all) == 0:
		return Scene{}, &NotFoundError{"cannot find a " + what + ": none is on record", hint}
	case n > len(all):
		return Scene{}, &NotFoundError{fmt.Sprintf("cannot find %s %d, counted from the last: fewer are on record", what, n),
			fmt.Sprintf("--last takes 1 to %d", len(all))}
	}
	scene := all[n-1].scene(q.Guests)
	if len(scene.Bars) == 0 {
		return Scene{}, &NotFoundError{fmt.Sprintf("cannot find %s in the %s of %s", strings.Join(q.Guests, ", "), what, clock(scene.Began)),
			"without names, all guests are shown"}
	}
	return scene, nil
}

// occasion is the entries that belong together.
type occasion struct {
	what, id        string
	began, deadline time.Time
	battery         bool
	entries         []history.Entry
}

// join makes e part of it, and takes over what e knows of the whole.
func (o *occasion) join(e history.Entry) {
	o.entries = append(o.entries, e)
	if e.Occasion == nil {
		return
	}
	if b := e.Occasion.Began; !b.IsZero() && (o.began.IsZero() || b.Before(o.began)) {
		o.began = b
	}
	if d := e.Occasion.Deadline; d.After(o.deadline) {
		o.deadline, o.battery = d, e.Occasion.Battery
	}
}

// newestFirst orders occasions, each with its entries in the order of time.
func newestFirst(found map[string]*occasion) []*occasion {
	var all []*occasion
	for _, o := range found {
		slices.SortStableFunc(o.entries, byTime)
		onOneClock(o.entries)
		if first := begun(o.entries[0]); o.began.IsZero() || first.Before(o.began) {
			o.began = first
		}
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *occasion) int {
		return cmp.Or(b.began.Compare(a.began), cmp.Compare(a.id, b.id))
	})
	return all
}

func byTime(a, b history.Entry) int {
	return cmp.Or(begun(a).Compare(begun(b)), a.At.Compare(b.At), cmp.Compare(a.Guest, b.Guest))
}

// begun is when e's action began, which of an End is not its Began.
func begun(e history.Entry) time.Time {
	switch {
	case e.Event == history.End || e.Began.IsZero() && e.Stop == nil:
		return e.At
	case e.Began.IsZero():
		return e.At.Add(-max(0, time.Duration(e.Stop.Took)))
	case e.Began.After(e.At):
		return e.At
	}
	return e.Began
}

// stops are the occasions of ends, the newest first.
func stops(entries []history.Entry) []*occasion {
	found := map[string]*occasion{}
	for _, e := range entries {
		if e.Guest == "" || e.Occasion == nil || e.Event != history.Stop && e.Event != history.End {
			continue
		}
		switch e.Occasion.What {
		case history.HostShutdown, history.StopAll:
			found[e.Occasion.ID] = cmp.Or(found[e.Occasion.ID], &occasion{what: e.Occasion.What, id: e.Occasion.ID})
			found[e.Occasion.ID].join(e)
		}
	}
	return newestFirst(found)
}
