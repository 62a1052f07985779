package guest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// Kind is a sort of guest, such as "qemu". Its methods look at configuration,
// record and host, never at a guest's process.
type Kind interface {
	Name() string
	Vars() confd.Table
	// Configure understands the files of one guest, and refuses faulty ones. To
	// those who only look (OnlyLooks) it may give what it understood all the same.
	Configure(ctx context.Context, l Layout, n Name, c *confd.Config) (Instance, error)
	// Described tells whether n exists although no conf.d file is its own: some
	// kinds have configuration of their own. where it would be is for a hint.
	Described(l Layout, n Name) (where string, yes bool)
	// Strays tells whether a guest may run that we did not start: those kinds'
	// instances look for it (Find) where nothing is on record.
	Strays() bool
	// Times are what a start and a stop may take, from the files alone;
	// math.MaxInt64 for one without an end.
	Times(n Name, c *confd.Config) (start, stop time.Duration, err error)
	// Depends is what a guest's service depends on besides what deps.Stated
	// finds, and which files besides conf.d's say so. Only configuration is
	// read. What a faulty file still tells is returned with the error.
	Depends(l Layout, n Name, c *confd.Config) (deps.Set, error)
	// Recall makes the instance that is running from the memo it left when it
	// started, with the stop policy of c where c is not nil: files may have
	// been edited, broken or deleted while the guest ran.
	Recall(l Layout, n Name, memo json.RawMessage, c *confd.Config) (Instance, error)
}

// Instance is one guest as configured or as recalled.
type Instance interface {
	Plan() Plan
	// Warnings are about what does no harm but was surely not meant.
	Warnings() []*confd.Error
	// Memo is what Recall needs; it holds no secret.
	Memo() (json.RawMessage, error)
	Claim() Claim

	// Preflight holds the configuration against the host and against what the
	// other running guests claim. It changes nothing.
	Preflight(ctx context.Context, others []Claim) error
	// Start creates the process, which inherits lease, and returns once it
	// exists; nothing of it is left when Start fails.
	Start(ctx context.Context, lease *os.File) (*pidfile.Process, error)
	// Settle brings a new process to the point where its guest runs, and does
	// no harm to one that is there already: an adopted process may have lost
	// its starter at any point.
	Settle(ctx context.Context, p *pidfile.Process) error
	// Ready returns nil once the guest is ready in the configured sense; a *Flaw
	// when it is, and something is wrong with it.
	Ready(ctx context.Context, p *pidfile.Process) error

	// Expect is what a process must show to be this guest's.
	Expect() pidfile.Expect
	// Find looks for the guest's process without a record: one that was started
	// by other means, or whose starter was killed. Nil when there is none.
	Find(ctx context.Context) (*pidfile.Process, error)
	// Inspect asks a running guest how it is, briefly.
	Inspect(ctx context.Context, p *pidfile.Process) Condition
	// Target is what a stop acts on; it wakes the guest first if need be.
	Target(p *pidfile.Process) Target
	// Leftovers names what an ended process failed to clean up: proof that it
	// did not end in order.
	Leftovers() []string
	// Sweep removes leftovers. It is called only when the process is gone. The
	// error wraps ErrAlive when other processes of the guest cannot be ended.
	Sweep(ctx context.Context) error
}

// Flaw is what is wrong with a guest that is ready: a start is complete, with a
// warning.
type Flaw struct{ Err error }

func (f *Flaw) Error() string { return f.Err.Error() }
func (f *Flaw) Unwrap() error { return f.Err }

// ErrAlive says that the guest's process is gone while others of it live on.
var ErrAlive = errors.New("processes of it live on")

// Speaker is an Instance whose guest may tell how far its boot is.
type Speaker interface {
	// Heard has what it tells passed to say, from within Ready.
	Heard(say func(text string))
}

// Resetter is an Instance with a reset button.
type Resetter interface {
	// Reset restarts the guest's machine at once.
	Reset(ctx context.Context, p *pidfile.Process) error
}

// Rebooter is an Instance that can be asked to shut down and come up again
// while its process goes on.
type Rebooter interface {
	// Reboot returns once the guest has gone down in order.
	Reboot(ctx context.Context, p *pidfile.Process, note func(string)) error
}

// Freezer is an Instance that can be stopped in mid-air.
type Freezer interface {
	Freeze(ctx context.Context, p *pidfile.Process) error
	Thaw(ctx context.Context, p *pidfile.Process) error
}

// Plugger is a Kind whose guests have interfaces of the host's plugged into
// bridges.
type Plugger interface {
	// Plugs are those of running guests, and where they belong, whether or not
	// they are plugged in now. What cannot be told of one is in the error, and
	// those of the others are returned.
	Plugs(ctx context.Context, running []RunningInstance) ([]Plug, error)
}

// Ephemeral is an Instance that can leave its disks as they are, whatever its
// guest writes.
type Ephemeral interface {
	// Forget has the next start keep what the guest writes below scratch, a
	// directory that the caller has made and removes, or nowhere. An error says
	// which disk cannot be spared.
	Forget(scratch string) error
}

// RunningInstance is a guest as recalled, and its process.
type RunningInstance struct {
	Instance Instance
	Process  *pidfile.Process
}

// Plug is one interface of a guest's on the host.
type Plug struct {
	Guest  string `json:"guest"`
	Link   string `json:"link"`   // "qdb-0", "vethX"
	Index  int    `json:"index"`  // of the link, in our network namespace
	Bridge string `json:"bridge"` // empty: nothing says; it is wherever it is plugged in
}

// Enterable is an Instance that one can be inside of. Both give the argv of a
// program that does it on the caller's terminal, or without one, and whose exit
// status is the command's.
type Enterable interface {
	Enter(ctx context.Context, p *pidfile.Process, argv []string, force bool) ([]string, error)
	Console(ctx context.Context, p *pidfile.Process) ([]string, error)
}

// Measurer is an Instance that can tell what a running guest uses of the host.
type Measurer interface {
	// Measure asks the kernel, never the guest. links is asked only for a guest
	// that has links on record.
	Measure(ctx context.Context, p *pidfile.Process, links Links) (Usage, error)
}

// Glancer is an Instance whose Inspect takes something of the guest's own time.
type Glancer interface {
	// Glance is Inspect as far as the guest does not notice it.
	Glance(ctx context.Context, p *pidfile.Process) Condition
}

// Links tells what the host's links have counted at one moment, by their names.
type Links func() map[string]LinkCount

// LinkCount is what one link has counted, as the host sees it: what it receives
// there, the guest has sent.
type LinkCount struct {
	Index          int
	Received, Sent uint64 // bytes
}

// Usage is what a guest uses of the host, all of its processes together.
type Usage struct {
	CPU      shutdown.Duration `json:"cpu_seconds"` // processor time since its start
	Percent  float64           `json:"cpu_percent"` // of one processor, on average since its start
	Memory   uint64            `json:"memory"`      // resident bytes, without caches that could be dropped
	Limit    uint64            `json:"limit"`       // most memory that it may use, in bytes; 0: no limit is known
	Read     uint64            `json:"read"`        // bytes read from block devices; 0 where nothing tells
	Written  uint64            `json:"written"`     // bytes written to them
	Received uint64            `json:"received"`    // bytes that came in by its interfaces, as far as the host has an end of them
	Sent     uint64            `json:"sent"`        // bytes that went out
	Procs    int               `json:"processes"`   // of a container; 0 where nothing tells
}

// RungChecker is an Instance that knows of rungs that do not exist for its guest
// whatever state that is in, and that a stop therefore passes over at once.
type RungChecker interface {
	Lacks(rung string) bool
}

// Explainer is an Instance that knows why a stop of its guest would not be a
// clean one.
type Explainer interface {
	// Explain looks at the guest as it is now (p) without asking it for
	// anything that it would notice as a request, and changes nothing. p is nil
	// for one that does not run: then it looks at its files alone.
	Explain(ctx context.Context, p *pidfile.Process) []Reason
}

// Reason is one answer to why a guest would not stop cleanly.
type Reason struct {
	Rung     string `json:"rung,omitempty"` // that it concerns; empty: all
	Severity string `json:"severity"`       // Good, Doubtful, Bad or Forced
	Text     string `json:"text"`           // "no agent answers on its channel"
	Hint     string `json:"hint,omitempty"` // what to do about it
}

// The severities of a Reason.
const (
	Good     = "good"     // the rung will work, as far as can be seen
	Doubtful = "doubtful" // it may not
	Bad      = "bad"      // it will not
	Forced   = "forced"   // it will end the guest, which has no part in it
)

// Ender is an Instance that can tell how a guest ended that nobody watched.
type Ender interface {
	// Ended is from traces such as the times of files, of a run that began at
	// since; what there is no trace of stays zero.
	Ended(since time.Time) Ending
}

// Target is a shutdown.Target that prepares itself and knows afterwards why it
// ended.
type Target interface {
	shutdown.Target
	// Wake makes a guest that cannot react able to (paused, suspended, stopped
	// by a signal). For one that is past reacting (halted, panicked) it returns
	// the schedule to use instead of the configured one.
	Wake(ctx context.Context, note func(string)) shutdown.Schedule
	// Cause is why the process ended, as far as it was seen: "guest-shutdown".
	Cause() string
	Close()
}

// Plan is what a start would do, for people and for --json.
type Plan struct {
	Guest    string            `json:"guest"`
	Files    []string          `json:"files"` // conf.d files read
	Argv     []string          `json:"argv"`
	Notes    []string          `json:"notes,omitempty"` // what the argv does not show
	Schedule shutdown.Schedule `json:"-"`
	Stop     string            `json:"stop_schedule"`
	Ready    string            `json:"ready"`
	Patience time.Duration     `json:"-"` // ready_timeout
}

// Claim is what a running guest has to itself.
type Claim struct {
	Guest string   `json:"guest"`
	Disks []DevIno `json:"disks,omitempty"`
	MACs  []string `json:"macs,omitempty"`
	Ports []string `json:"ports,omitempty"` // "tcp:127.0.0.1:5901"
	Taps  []string `json:"taps,omitempty"`
}

// DevIno names a file or block device whatever its path: st_dev and st_ino, or
// for a device node 0 and st_rdev (stat(2)).
type DevIno struct {
	Dev, Ino uint64
	Path     string // as configured, for messages
}

// Condition is how a running guest is.
type Condition struct {
	State string `json:"state"`          // "running", "paused", … ; "unknown" when it did not answer
	Why   string `json:"why,omitempty"`  // for unknown: what is in the way
	Init  string `json:"init,omitempty"` // what PID 1 is, where that can be told: "systemd"
	OS    string `json:"os,omitempty"`   // the guest's operating system, where that can be told: "Debian GNU/Linux 12"
}

// Progress is told what goes on; cmd turns it into words and notifications.
type Progress interface {
	Say(text string)
	Warn(err error)
	// Started: the guest's process runs and is on record, and gets patience to
	// become ready; not fresh: it ran before.
	Started(pid int, fresh bool, patience time.Duration)
	// Unready: it runs, and was not ready in time.
	Unready(why error)
	Rung(shutdown.Event) // during a stop
}
