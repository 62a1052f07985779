package plot

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/shutdown"
)

// clockStep is the smallest step of the wall clock that is corrected. What is
// below may be NTP slewing, or the time between the readings of two clocks.
const clockStep = 2 * time.Second

// onOneClock moves entries as if the wall clock had not been set since the
// first of them: a host without a battery-backed clock boots in the past. It
// needs the time since the host's boot in all of them.
func onOneClock(entries []history.Entry) {
	for _, e := range entries {
		if e.Uptime <= 0 || e.BootID != entries[0].BootID {
			return
		}
	}
	slices.SortStableFunc(entries, func(a, b history.Entry) int { return cmp.Compare(begunUptime(a), begunUptime(b)) })
	boot := func(e history.Entry) time.Time { return e.At.Add(-seconds(e.Uptime)) }
	for i, e := range entries {
		if step := boot(e).Sub(boot(entries[0])); step.Abs() > clockStep {
			entries[i].Began, entries[i].At = e.Began.Add(-step), e.At.Add(-step)
			if !e.Up.IsZero() {
				entries[i].Up = e.Up.Add(-step)
			}
		}
	}
}

// begunUptime is the time from the host's boot until e's action began.
func begunUptime(e history.Entry) time.Duration { return seconds(e.Uptime) - e.At.Sub(begun(e)) }

// seconds keeps what a damaged entry may hold within what a Duration can.
func seconds(s float64) time.Duration {
	const most = 1e9 // 31 years
	if !(s > 0) {
		return 0
	}
	return time.Duration(min(s, most) * float64(time.Second))
}

// clock is how a moment is shown, in the zone in which it was written down.
func clock(t time.Time) string { return t.Format("2006-01-02 15:04:05 -0700") }

// Span is d for people: "85 ms", "2.3 s", "75 s", "12 min 5 s", "2 h 5 min".
func Span(d time.Duration) string {
	d = max(0, d)
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 600:
		return shutdown.Duration(d).String()
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
}

// scale is the distance of an axis' ticks and how they are written.
type scale struct {
	step time.Duration
	unit string
}

// ticks chooses a scale of at most n ticks for an axis of that length.
func ticks(length time.Duration, n int) scale {
	for _, u := range []struct {
		name  string
		per   time.Duration
		steps []time.Duration
		upTo  time.Duration // longest axis that is written in this unit
	}{
		{"ms", time.Millisecond, []time.Duration{1, 2, 5, 10, 20, 50, 100, 200, 500}, time.Second},
		{"s", time.Second / 10, []time.Duration{1, 2, 5, 10, 20, 50, 100, 150, 300, 600}, 5 * time.Minute},
		{"min", time.Second, []time.Duration{10, 15, 30, 60, 120, 300, 600, 900, 1800}, 3 * time.Hour},
		{"h", time.Minute, []time.Duration{15, 30, 60, 120, 180, 360, 720}, 96 * time.Hour},
	} {
		for _, s := range u.steps {
			if step := s * u.per; length <= u.upTo && length/step < time.Duration(n) {
				return scale{step: step, unit: u.name}
			}
		}
	}
	step := 24 * time.Hour
	for i := 0; length/step >= time.Duration(n); i++ { // 1, 2, 5, 10 … days
		step = step * []time.Duration{4, 5, 4}[i%3] / 2
	}
	return scale{step: step, unit: "d"}
}

// label writes a tick: "0", "250 ms", "1.5 s", "2:30 min", "1:15 h", "3 d".
func (s scale) label(t time.Duration) string {
	switch {
	case t == 0:
		return "0"
	case s.unit == "ms":
		return fmt.Sprintf("%d ms", t/time.Millisecond)
	case s.unit == "s" && s.step%time.Second != 0:
		return fmt.Sprintf("%.1f s", t.Seconds())
	case s.unit == "s":
		return fmt.Sprintf("%d s", t/time.Second)
	case s.unit == "min" && s.step%time.Minute != 0:
		return fmt.Sprintf("%d:%02d min", t/time.Minute, t%time.Minute/time.Second)
	case s.unit == "min":
		return fmt.Sprintf("%d min", t/time.Minute)
	case s.unit == "h" && s.step%time.Hour != 0:
		return fmt.Sprintf("%d:%02d h", t/time.Hour, t%time.Hour/time.Minute)
	case s.unit == "h":
		return fmt.Sprintf("%d h", t/time.Hour)
	}
	return fmt.Sprintf("%d d", t/(24*time.Hour))
}
