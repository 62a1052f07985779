// Package plot finds in the history what became of all guests when the host
// went down or came up, and draws it as SVG: a bar for each guest over one time
// axis. It refuses to guess: what no entry says is not drawn. It reads no files.
package plot

import (
	"time"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/shutdown"
)

// Boot is the occasion of a boot of the host, beside those of package history:
// its starts have no occasion of their own, as the init system asks for each.
const Boot = "boot"

// What a segment is when it is no rung of a stop.
const (
	Waiting   = "waiting"   // it was not its turn: others came first
	Preparing = "preparing" // asked for, and nothing done to the guest yet
	Starting  = "starting"  // of a start: until its process ran
	Readying  = "readying"  // of a start: from then until it was ready
	Gone      = "gone"      // it had ended before it was asked to
)

// Result is what became of a guest.
type Result string

// The results. The first four are ends.
const (
	Down        Result = "down"        // it ended itself, as it was asked to
	Killed      Result = "killed"      // SIGKILL ended it
	Forced      Result = "forced"      // something else than KILL ended it, and it had no part in that
	Died        Result = "died"        // it ended of something else while it was asked
	Running     Result = "running"     // of a stop: it outlived the schedule
	Interrupted Result = "interrupted" // the stop was cancelled, and none has gone on with it
	Ready       Result = "ready"       // of a start
	Unready     Result = "not-ready"   // of a start: it runs, and was not ready in time
	Failed      Result = "failed"      // the stop or start could not be done
)

// Scene is one occasion: when all guests were stopped, or started.
type Scene struct {
	What     string        // history.HostShutdown, StopAll, StartAll, or Boot
	ID       string        // of the occasion; of a boot, the kernel's boot ID
	Began    time.Time     // zero of the time axis
	End      time.Time     // when the last guest was done
	Deadline time.Time     // zero: no budget
	Battery  bool          // the budget was the one for battery power
	Uptime   time.Duration // of the host when it began; 0: unknown
	Bars     []Bar         // in the order of the rows
}

// Bar is one guest.
type Bar struct {
	Guest    string
	After    []string  // those of the scene that it was to follow
	Begin    time.Time // when it was its turn
	End      time.Time
	Took     time.Duration // without Waited
	Waited   time.Duration
	Segments []Segment // in order; between two attempts is a gap
	Result   Result
	By       string   // the rung that ended it; empty: none did
	Before   []string // rungs that did not, such as "acpi ignored"
	Notes    []string // what is known beyond that: errors, causes
}

// Segment is a part of a bar: a rung, or one of Waiting, Preparing, Starting,
// Readying, Gone.
type Segment struct {
	What       string
	Begin, End time.Time
	Result     shutdown.Result // of a rung
}

// Starts tells whether guests came up in it.
func (s Scene) Starts() bool { return s.What == Boot || s.What == history.StartAll }

// Took is how long it took from the beginning until the last guest was done.
func (s Scene) Took() time.Duration { return s.End.Sub(s.Began) }

// Budget is how long it might have taken; 0: no limit.
func (s Scene) Budget() time.Duration {
	if s.Deadline.IsZero() {
		return 0
	}
	return max(0, s.Deadline.Sub(s.Began))
}

// Count tells how many guests had one of these results.
func (s Scene) Count(results ...Result) (n int) {
	for _, b := range s.Bars {
		for _, r := range results {
			if b.Result == r {
				n++
			}
		}
	}
	return n
}
