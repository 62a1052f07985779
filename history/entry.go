package history

import (
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// The events of a guest's life.
const (
	Start  = "start"  // a start of ours ended, well or badly
	Stop   = "stop"   // a stop or kill of ours ended, well or badly
	End    = "end"    // the guest ended by itself, or its process died
	Reset  = "reset"  // its reset button was pressed
	Reboot = "reboot" // it was asked to reboot, and did
)

// The occasions on which many guests are started or stopped together.
const (
	HostShutdown = "host-shutdown"
	StopAll      = "stop-all"
	StartAll     = "start-all"
)

// Entry is one event. Its JSON form is stable: fields are added, never renamed.
type Entry struct {
	Version  int       `json:"v"`
	Guest    string    `json:"guest"`
	Event    string    `json:"event"`
	Began    time.Time `json:"began"`           // when it was asked for; of an End: when the run had started, if known
	At       time.Time `json:"at"`              // when it was over
	About    bool      `json:"about,omitempty"` // At is when it was noticed, not when it was
	BootID   string    `json:"boot_id,omitempty"`
	Uptime   float64   `json:"uptime,omitempty"` // seconds from the host's boot to At (CLOCK_BOOTTIME)
	Occasion *Occasion `json:"occasion,omitempty"`
	After    []string  `json:"after,omitempty"` // guests that this one was to follow: of a start what it depends on, of a stop what depends on it
	Needs    []string  `json:"needs,omitempty"` // of a stop of one guest on an occasion: the guests that it depends on, which were to follow
	PID      int       `json:"pid,omitempty"`
	Error    string    `json:"error,omitempty"` // why a start or stop failed

	Up    time.Time `json:"up,omitzero"`     // of a start: when its process ran
	Ready bool      `json:"ready,omitempty"` // of a start: it became ready, at At
	Fresh bool      `json:"fresh,omitempty"` // of a start: this one made the process

	Crashed  bool                `json:"crashed,omitempty"` // of an End: its process died and left its traces
	Cause    string              `json:"cause,omitempty"`   // "guest-shutdown", "poweroff", "guest-panic", "host-signal", …
	Text     string              `json:"text,omitempty"`    // "down in 12.3 s by acpi"
	Schedule string              `json:"schedule,omitempty"`
	Stop     *shutdown.Record    `json:"stop,omitempty"` // its rungs began Stop.Took before At, one right after the other
	Exit     *pidfile.ExitStatus `json:"exit,omitempty"` // how its process ended, where the kernel or a supervisor told
}

// Occasion is what several entries have in common: one shutdown of the host,
// or one command for all guests.
type Occasion struct {
	ID       string    `json:"id"`   // the same for all that belong together
	What     string    `json:"what"` // HostShutdown, StopAll, StartAll
	Began    time.Time `json:"began"`
	Deadline time.Time `json:"deadline,omitzero"` // zero: no budget
	Battery  bool      `json:"battery,omitempty"` // the budget is the one for battery power
}
