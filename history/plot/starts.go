package plot

import (
	"slices"
	"time"

	"github.com/guestrc/guestrc/history"
)

const (
	// bootTime is how long after the host's boot a guest's first start may begin
	// to count as part of it: file systems are checked, networks come up.
	bootTime = 10 * time.Minute
	// bootPause is how long after the last of these the next may begin: an init
	// system that starts one after the other may take long for all of them.
	bootPause = time.Minute
)

// starts are boots and starts of all guests, the newest first. One with which
// the boot began is part of the boot.
func starts(entries []history.Entry) []*occasion {
	found := map[string]*occasion{}
	boots := map[string][]history.Entry{}
	for _, e := range entries {
		switch {
		case e.Guest == "" || e.Event != history.Start:
		case e.Occasion != nil && e.Occasion.What == history.StartAll && !atBoot(e):
			id := history.StartAll + " " + e.Occasion.ID
			if found[id] == nil {
				found[id] = &occasion{what: history.StartAll, id: e.Occasion.ID}
			}
			found[id].join(e)
		case e.BootID != "" && e.Uptime > 0:
			boots[e.BootID] = append(boots[e.BootID], e)
		}
	}
	for id, all := range boots {
		if o := bootOf(id, all); len(o.entries) > 0 {
			found[Boot+" "+id] = o
		}
	}
	return newestFirst(found)
}

// atBoot tells whether the occasion of e was begun while the host booted.
func atBoot(e history.Entry) bool {
	asked := e.At.Sub(e.Occasion.Began)
	return e.BootID != "" && e.Uptime > 0 && seconds(e.Uptime)-asked <= bootTime
}

// bootOf takes the first starts of guests from those of one boot of the host,
// and those that completed them.
func bootOf(id string, all []history.Entry) *occasion {
	o := &occasion{what: Boot, id: id}
	slices.SortStableFunc(all, byTime)
	onOneClock(all)
	until := bootTime
	last := map[string]history.Entry{}
	for _, e := range all {
		if e.Occasion == nil && begunUptime(e) > until {
			continue
		}
		before, again := last[e.Guest]
		if again && (before.Ready || e.Fresh) {
			continue
		}
		last[e.Guest] = e
		until = max(until, seconds(e.Uptime)+bootPause)
		o.join(e)
	}
	return o
}

// startBar is a guest's start; entries has at least one.
func (o *occasion) startBar(guest string, entries []history.Entry) Bar {
	b := Bar{Guest: guest}
	for _, e := range entries {
		from, at := o.within(begun(e), e.At)
		up := e.Up
		if up.IsZero() && e.Fresh || up.After(at) {
			up = at
		}
		if up.Before(from) {
			up = from
		}
		b.begin(o.began, from, len(e.After) > 0 || e.Occasion != nil)
		b.add(Segment{What: Starting, Begin: from, End: up})
		if up.Before(at) {
			b.add(Segment{What: Readying, Begin: up, End: at})
		}
		b.end(at)
		b.Took += at.Sub(from)
		b.note(e)
		switch {
		case e.Error != "":
			b.Result = Failed
		case e.Ready:
			b.Result = Ready
		default:
			b.Result = Unready
		}
	}
	return b
}
