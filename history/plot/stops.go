package plot

import (
	"fmt"
	"slices"
	"time"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/shutdown"
)

// slack is what may pass between a request and the first rung without a
// segment of its own: locking, reading records.
const slack = 50 * time.Millisecond

// scene draws up the bars of the guests named, or of all.
func (o *occasion) scene(only []string) Scene {
	s := Scene{What: o.what, ID: o.id, Began: o.began, End: o.began, Deadline: o.deadline, Battery: o.battery}
	if first := o.entries[0]; first.Uptime > 0 {
		s.Uptime = max(0, seconds(first.Uptime)-first.At.Sub(o.began))
	}
	guests := map[string][]history.Entry{}
	for _, e := range o.entries {
		if len(only) == 0 || slices.Contains(only, e.Guest) {
			guests[e.Guest] = append(guests[e.Guest], e)
		}
	}
	users := map[string][]string{}
	for _, e := range o.entries {
		for _, needed := range e.Needs {
			users[needed] = append(users[needed], e.Guest)
		}
	}
	for name, entries := range guests {
		var b Bar
		if s.Starts() {
			b = o.startBar(name, entries)
		} else {
			b = o.stopBar(name, entries)
		}
		after := users[name]
		for _, e := range entries {
			after = append(after, e.After...)
		}
		for _, a := range after {
			if a != name && guests[a] != nil && !slices.Contains(b.After, a) {
				b.After = append(b.After, a)
			}
		}
		slices.Sort(b.After)
		s.Bars = append(s.Bars, b)
		if b.End.After(s.End) {
			s.End = b.End
		}
	}
	s.Bars = rows(s.Bars, s.Began, s.Took())
	return s
}

// stopBar is a guest's end; entries has at least one. A stop that was
// interrupted and the one that went on with it are one bar.
func (o *occasion) stopBar(guest string, entries []history.Entry) Bar {
	b := Bar{Guest: guest}
	for _, e := range entries {
		from, at := o.within(begun(e), e.At)
		switch {
		case e.Event == history.End && b.over():
		case e.Event == history.End: // by itself, before the first stop or between two
			b.begin(o.began, at, false)
			b.add(Segment{What: Gone, Begin: at, End: at})
			b.Result, b.By = Down, ""
			if e.Crashed {
				b.Result = Died
			}
		case e.Stop == nil:
			b.begin(o.began, from, true)
			b.add(Segment{What: Preparing, Begin: from, End: at})
			b.Took += at.Sub(from)
			b.Result = Failed
		default:
			b.rungs(o, from, at, *e.Stop)
			b.judge(e)
		}
		b.end(at)
		b.note(e)
	}
	return b
}

// over tells whether a stop has seen the guest's end.
func (b *Bar) over() bool {
	return slices.Contains([]Result{Down, Killed, Forced, Died}, b.Result)
}

// rungs adds what one stop did, from when it was asked for.
func (b *Bar) rungs(o *occasion, from, at time.Time, r shutdown.Record) {
	took := min(max(0, time.Duration(r.Took)), at.Sub(from))
	climb := from
	if late := at.Sub(from) - took; late > slack {
		climb = from.Add(late)
	}
	b.begin(o.began, from, true)
	if climb.After(from) {
		b.add(Segment{What: Preparing, Begin: from, End: climb})
	}
	for _, rung := range r.Rungs {
		if rung.Result == shutdown.Skipped {
			continue
		}
		end := climb.Add(min(max(0, time.Duration(rung.Took)), max(0, at.Sub(climb))))
		b.add(Segment{What: rung.Verb, Begin: climb, End: end, Result: rung.Result})
		climb = end
	}
	if len(r.Rungs) == 0 {
		b.add(Segment{What: Gone, Begin: at, End: at})
	}
	b.Took += at.Sub(from)
}

// judge says what became of the guest in the stop e.
func (b *Bar) judge(e history.Entry) {
	r := e.Stop
	b.By, b.Before = r.By, nil
	for _, rung := range r.Rungs {
		if rung.Result != shutdown.Down {
			text := rung.Verb + " " + string(rung.Result)
			if rung.Cut > 0 && rung.Result != shutdown.Absent && rung.Result != shutdown.Skipped {
				text += fmt.Sprintf(" (%s of %s)", rung.Took, rung.Cut)
			}
			b.Before = append(b.Before, text)
		}
	}
	last := len(r.Rungs) - 1
	switch {
	case r.Down && r.Died:
		b.Result = Died
	case r.Down && r.Forced && r.By == "KILL":
		b.Result = Killed
	case r.Down && r.Forced:
		b.Result = Forced
	case r.Down:
		b.Result = Down
	case last >= 0 && r.Rungs[last].Result == shutdown.Interrupted:
		b.Result = Interrupted
	default:
		b.Result = Running
	}
}

// within keeps an entry's times in order and behind the beginning.
func (o *occasion) within(from, at time.Time) (time.Time, time.Time) {
	if from.Before(o.began) {
		from = o.began
	}
	if at.Before(from) {
		at = from
	}
	return from, at
}

// begin notes when it was the guest's turn first; from the beginning of the
// occasion until then it waited.
func (b *Bar) begin(zero, from time.Time, waited bool) {
	if len(b.Segments) > 0 {
		return
	}
	b.Begin = from
	if waited && from.Sub(zero) > slack {
		b.Waited = from.Sub(zero)
		b.add(Segment{What: Waiting, Begin: zero, End: from})
	}
}

func (b *Bar) add(s Segment) {
	if n := len(b.Segments); n > 0 && s.Begin.Before(b.Segments[n-1].End) { // two stops at the same time
		s.Begin = b.Segments[n-1].End
		if s.End.Before(s.Begin) {
			s.End = s.Begin
		}
	}
	b.Segments = append(b.Segments, s)
}

func (b *Bar) end(at time.Time) {
	if at.After(b.End) {
		b.End = at
	}
}

// note keeps what e says in words.
func (b *Bar) note(e history.Entry) {
	for _, text := range []string{e.Text, e.Error, e.Cause} {
		if text != "" && !slices.Contains(b.Notes, text) {
			b.Notes = append(b.Notes, text)
		}
	}
}
