package check

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
)

// Limits are what others give a stop; 0: nothing.
type Limits struct {
	Budget, Battery time.Duration // of the host
	Unit            time.Duration // TimeoutStopSec; math.MaxInt64 for one without an end
}

// Schedule holds a guest's stop schedule, which stands at a place, against the
// time that others give it.
func Schedule(subject string, s shutdown.Schedule, at confd.Pos, l Limits) (all []finding.Finding) {
	if len(s) == 0 {
		return nil
	}
	add := func(id, hint, format string, args ...any) {
		all = append(all, Rules().New(id, subject, at, fmt.Sprintf(format, args...), hint))
	}
	total := s.Total()
	long := "stop_schedule takes up to " + seconds(total)
	if total == math.MaxInt64 {
		long = "stop_schedule waits for ever"
	}
	for _, b := range []struct {
		name string
		time time.Duration
	}{{"host_shutdown_budget", l.Budget}, {"host_shutdown_budget_battery", l.Battery}} {
		if b.time > 0 && total > b.time {
			add("GR601", "a longer "+b.name+", or shorter times in stop_schedule", "%s, %s is %s: when the host goes down it becomes %s", long, b.name, seconds(b.time), s.Within(b.time))
		}
	}
	if l.Unit > 0 && total > l.Unit {
		add("GR602", "", "%s, its unit's TimeoutStopSec is %s", long, seconds(l.Unit))
	}
	switch {
	case l.Budget > 0: // whoever has a budget has an end
	case total == math.MaxInt64:
		add("GR603", "host_shutdown_budget= in /etc/conf.d/guestrc ends such waiting when the host goes down", "%s", long)
	case s[len(s)-1].Verb != "KILL":
		add("GR603", "", "stop_schedule ends in %s: a guest that ignores it stays up", s[len(s)-1].Verb)
	}
	return all
}

func seconds(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }

// Services tells what there is to depend on.
type Services struct {
	// Ours tells whether a guest or bridge of that name is described, or a service
	// of that name is somebody else's; mine is false for a name that is no guest's.
	Ours func(name string) (known, mine bool)
	// Known tells whether OpenRC has a service of that name; nil where it is not
	// there to ask.
	Known func(name string) bool
}

// Dependencies are the findings of services that a guest's files name and that do
// not exist.
func Dependencies(subject string, s guest.Service, there Services) (all []finding.Finding) {
	for _, d := range s.Dependencies {
		if d.Sort != deps.Service || !strings.HasPrefix(d.Why, "rc_") || strings.ContainsAny(d.Name, "*?[") {
			continue
		}
		known, mine := there.Ours(d.Name)
		optional := d.Relation != deps.Need && d.Relation != deps.Want // OpenRC passes over an order of what is not there
		if known || !mine && (optional || there.Known == nil || there.Known(d.Name)) {
			continue
		}
		text, hint := fmt.Sprintf("%s names the service %s, which does not exist", d.Why, d.Name), "mend the name; ls /etc/init.d shows those that there are"
		if mine {
			text, hint = fmt.Sprintf("%s names %s, which nothing describes", d.Why, d.Name), ""
		}
		all = append(all, Rules().New("GR604", subject, d.Pos, text, hint))
	}
	return all
}
