// Package explain tells whether a guest would stop cleanly, and why not: what
// its kind sees of it now, what its last stops did, and how its schedule fits
// into the time that host and init system give. It asks nobody anything: facts
// go in, reasons come out.
package explain

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/shutdown"
)

// Facts are what is known of one guest.
type Facts struct {
	Guest    string
	Schedule shutdown.Schedule
	Seen     []guest.Reason  // by its kind, now
	Past     []history.Entry // the newest last
	Unit     time.Duration   // TimeoutStopSec of its systemd unit; 0: none is known
	Budget   time.Duration   // of the host's shutdown; 0: none
	Battery  time.Duration   // the same on battery; 0: none
}

// stops is how many of the last stops count.
const stops = 5

// Reasons are all that is to be said, in the order of the rungs: first what
// concerns them all.
func (f Facts) Reasons() []guest.Reason {
	return f.ordered(slices.Concat(f.Seen, f.remembered(), f.limits()))
}

// Rows are the Reasons, and a row for each rung of which nothing is known.
func (f Facts) Rows() []guest.Reason {
	rows := f.Reasons()
	for _, step := range f.once() {
		if !slices.ContainsFunc(rows, func(r guest.Reason) bool { return r.Rung == step.Verb }) {
			rows = append(rows, guest.Reason{Rung: step.Verb, Severity: guest.Doubtful, Text: "nothing is known of it: no stop on record has come to it"})
		}
	}
	return f.ordered(rows)
}

func (f Facts) ordered(all []guest.Reason) []guest.Reason {
	rank := func(r guest.Reason) int {
		return slices.IndexFunc(f.Schedule, func(s shutdown.Step) bool { return s.Verb == r.Rung })
	}
	var ordered []guest.Reason
	for i := -1; i < len(f.Schedule); i++ {
		for _, r := range all {
			if rank(r) == i {
				ordered = append(ordered, r)
			}
		}
	}
	return ordered
}

// past counts what became of one rung at the last stops.
type past struct {
	tried, down, ignored, failed int
	cut                          int // it was given less than its time, and not tried otherwise
	slowest                      time.Duration
	last                         string // error of the newest failure
}

// remembered is what the last stops tell of the rungs.
func (f Facts) remembered() (reasons []guest.Reason) {
	for _, step := range f.once() {
		p := f.pastOf(step.Verb)
		r := guest.Reason{Rung: step.Verb}
		switch {
		case p.tried+p.cut == 0:
			continue
		case p.tried == 0:
			r.Severity, r.Text = guest.Doubtful, fmt.Sprintf("it was cut short at the last %s that came to it", count(p.cut, "stop"))
			r.Hint = "a longer budget for all guests, or shorter times in stop_schedule"
		case p.down == p.tried && f.forces(step.Verb):
			continue // it would be no merit
		case p.down == p.tried:
			r.Severity, r.Text = guest.Good, fmt.Sprintf("it ended the guest at the last %s that came to it, after %s at most", count(p.tried, "stop"), shutdown.Duration(p.slowest))
		case p.down > 0:
			r.Severity, r.Text = guest.Doubtful, fmt.Sprintf("it ended the guest at %d of the last %s that came to it", p.down, count(p.tried, "stop"))
		case p.ignored > 0:
			r.Severity, r.Text = guest.Bad, fmt.Sprintf("the guest ignored it at the last %s that came to it", count(p.tried, "stop"))
			r.Hint = ignoredHints[step.Verb]
		default:
			r.Severity, r.Text = guest.Bad, fmt.Sprintf("it failed at the last %s that came to it", count(p.tried, "stop"))
			if p.last != "" {
				r.Text += ": " + p.last
			}
		}
		reasons = append(reasons, r)
	}
	return reasons
}

// ignoredHints are the usual reasons why guests ignore a request.
var ignoredHints = map[string]string{
	"acpi": "in the guest: is acpid, systemd-logind or elogind running, and set to power off (HandlePowerKey=poweroff)? Windows: may it be shut down without a user who is logged on?",
	"ssh":  "does the command power off when it is run by hand?",
	"halt": "is its init waiting for a service that does not end? look at its console",
}

// once is the schedule with each verb once, without those that have no say.
func (f Facts) once() (steps shutdown.Schedule) {
	for _, step := range f.Schedule {
		known := slices.ContainsFunc(steps, func(s shutdown.Step) bool { return s.Verb == step.Verb })
		if !known && step.Verb != "KILL" && step.Verb != shutdown.Forever {
			steps = append(steps, step)
		}
	}
	return steps
}

func (f Facts) pastOf(verb string) (p past) {
	seen := 0
	for _, e := range slices.Backward(f.Past) {
		if e.Event != history.Stop || e.Stop == nil {
			continue
		}
		if seen++; seen > stops {
			break
		}
		for _, rung := range e.Stop.Rungs {
			if rung.Verb == verb {
				p.add(rung)
			}
		}
	}
	return p
}

func (p *past) add(o shutdown.Outcome) {
	switch o.Result {
	case shutdown.Down:
		p.down++
		p.slowest = max(p.slowest, time.Duration(o.Took))
	case shutdown.Ignored:
		if o.Cut > 0 { // with all of its time it might have helped
			p.cut++
			return
		}
		p.ignored++
	case shutdown.Failed:
		p.failed++
		if p.last == "" {
			p.last = o.Error
		}
	default: // absent costs nothing, and what was interrupted tells nothing
		return
	}
	p.tried++
}

// forces tells whether a rung ends the guest without any part of its own in it.
func (f Facts) forces(verb string) bool {
	return slices.ContainsFunc(f.Seen, func(r guest.Reason) bool { return r.Rung == verb && r.Severity == guest.Forced })
}

// limits hold the schedule against the time that others give.
func (f Facts) limits() (reasons []guest.Reason) {
	total := f.Schedule.Total()
	add := func(severity, hint, format string, args ...any) {
		reasons = append(reasons, guest.Reason{Severity: severity, Text: fmt.Sprintf(format, args...), Hint: hint})
	}
	long := "its schedule takes up to " + total.String()
	if total == math.MaxInt64 {
		long = "its schedule waits for ever"
		if f.Budget == 0 {
			add(guest.Doubtful, "host_shutdown_budget ends such waiting when the host goes down", "%s", long)
		}
	} else if n := len(f.Schedule); n == 0 || f.Schedule[n-1].Verb != "KILL" {
		add(guest.Doubtful, "KILL/5 at the end", "its schedule does not end in KILL: a guest that ignores everything stays up")
	}
	if f.Unit > 0 && total > f.Unit {
		add(guest.Doubtful, "systemctl daemon-reload has the generator set the unit's time anew",
			"%s, its unit's TimeoutStopSec is %s: the stop asks systemd for more as it goes", long, f.Unit)
	}
	for _, b := range []struct {
		name string
		time time.Duration
	}{{"host_shutdown_budget", f.Budget}, {"host_shutdown_budget_battery", f.Battery}} {
		if b.time > 0 && total > b.time {
			add(guest.Doubtful, "a longer "+b.name+", or shorter times in stop_schedule",
				"%s, %s is %s: when the host goes down it becomes %s", long, b.name, b.time, f.Schedule.Within(b.time))
		}
	}
	return reasons
}

// Verdict is one sentence: which rung will end the guest, as far as anybody
// can tell. Forced is the severity of a guest that has no part in its end any
// more, however it is asked.
func (f Facts) Verdict(running bool) (severity, text string) {
	o := f.outlook()
	if o.over != "" {
		return guest.Forced, o.over
	}
	var hopes []string
	for _, step := range f.once() {
		switch o.of(step.Verb) {
		case guest.Good:
			if len(hopes) == 0 {
				return guest.Good, "would stop cleanly by " + step.Verb
			}
			return guest.Good, fmt.Sprintf("would stop cleanly by %s, if not by %s before", step.Verb, strings.Join(hopes, " or "))
		case guest.Doubtful:
			hopes = append(hopes, step.Verb)
		}
	}
	switch {
	case len(hopes) > 0 && !running:
		return guest.Doubtful, fmt.Sprintf("may stop cleanly by %s: more can be told while it runs", strings.Join(hopes, " or "))
	case len(hopes) > 0:
		return guest.Doubtful, fmt.Sprintf("may stop cleanly by %s, or else %s", strings.Join(hopes, " or "), f.end(o))
	}
	return guest.Bad, f.end(o)
}

// end is what becomes of a guest that no request helps.
func (f Facts) end(o outlook) string {
	var before time.Duration
	for _, step := range f.Schedule {
		if step.Verb == "KILL" || !o.deaf && o.rungs[step.Verb] == guest.Forced {
			if before == 0 {
				return "would be forced down by " + step.Verb + " at once"
			}
			return fmt.Sprintf("would be forced down by %s after %s at most", step.Verb, before)
		}
		before += step.Wait
	}
	return "would stay up"
}

// outlook is what the reasons come to.
type outlook struct {
	over  string            // the guest is past being asked: why
	deaf  bool              // no rung but KILL helps
	doubt bool              // something is in the way of all rungs, and may go
	rungs map[string]string // the gravest severity of each that is known
}

func (f Facts) outlook() outlook {
	gravity := []string{"", guest.Good, guest.Doubtful, guest.Forced, guest.Bad}
	o := outlook{rungs: map[string]string{}}
	for _, r := range slices.Concat(f.Seen, f.remembered()) {
		switch {
		case r.Rung != "":
			if slices.Index(gravity, r.Severity) > slices.Index(gravity, o.rungs[r.Rung]) {
				o.rungs[r.Rung] = r.Severity
			}
		case r.Severity == guest.Forced:
			o.over = r.Text
		case r.Severity == guest.Bad:
			o.deaf = true
		case r.Severity == guest.Doubtful:
			o.doubt = true
		}
	}
	return o
}

// of is the severity of a rung.
func (o outlook) of(rung string) string {
	severity := o.rungs[rung]
	switch {
	case o.deaf:
		return guest.Bad
	case severity == "", severity == guest.Good && o.doubt:
		return guest.Doubtful
	}
	return severity
}

func count(n int, what string) string {
	if n == 1 {
		return what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
