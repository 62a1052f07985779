package guest

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// chronicle adds e to the history of n. That it cannot is worth a warning and
// never a failure. A guest that is nobody's service has no history.
func (h *House) chronicle(ctx context.Context, n Name, e history.Entry, p Progress) {
	dir := h.Layout.HistoryDir()
	if dir == "" {
		return
	}
	e.Guest, e.Occasion, e.After = n.String(), h.Occasion, h.predecessors(n, e.Event)
	if e.Event == history.Stop && h.After == nil && h.Occasion != nil {
		e.Needs = h.dependsOn(n)
	}
	if e.At.IsZero() {
		e.At = h.Now()
	}
	boot, err := pidfile.BootID()
	if e.BootID == "" && err == nil {
		e.BootID = boot
	}
	if e.BootID == boot {
		e.Uptime = h.uptime(e.At)
	}
	err = history.Store{Dir: dir}.Append(context.WithoutCancel(ctx), e)
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return // the action itself has failed for the same reason
	}
	if err != nil {
		p.Warn(err)
	}
}

// uptime is how long the host had been up at a moment, in seconds.
func (h *House) uptime(at time.Time) float64 {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0
	}
	return (time.Duration(now.Nano()) - h.Now().Sub(at)).Round(time.Millisecond).Seconds()
}

// predecessors are the guests that n was to follow: those that the caller knows
// of, or, at a start, those that its own files name.
func (h *House) predecessors(n Name, event string) []string {
	switch {
	case event != history.Start && event != history.Stop:
		return nil
	case h.After != nil:
		return h.After[n.String()]
	case event == history.Stop:
		return nil
	}
	return h.dependsOn(n)
}

// dependsOn are the guests that the files of n name.
func (h *House) dependsOn(n Name) []string {
	s, _ := h.Service(n) // what a faulty file still tells
	var found []string
	for _, d := range s.Dependencies {
		other, err := ParseName(d.Name)
		if d.Sort != deps.Service || d.Relation == deps.Before || err != nil || other == n || slices.Contains(found, d.Name) {
			continue
		}
		if _, err := h.kind(other); err == nil {
			found = append(found, d.Name)
		}
	}
	return found
}

// chronicleStart notes how a start went, if it was an event.
func (h *House) chronicleStart(ctx context.Context, n Name, e history.Entry, err error, p Progress) {
	if e.Event == "" {
		return
	}
	if err != nil {
		e.Error = err.Error()
	}
	h.chronicle(ctx, n, e, p)
}

// catchUp adds the last stop on record to the history where it is missing: whoever
// stopped the guest may have been killed in between.
func (h *House) catchUp(ctx context.Context, g *handle, p Progress) {
	last := g.state.LastStop
	if last == nil || h.Layout.HistoryDir() == "" {
		return
	}
	told, _ := history.Store{Dir: h.Layout.HistoryDir()}.Last(g.name.String(), 3) // what is damaged is told elsewhere
	for _, e := range told {
		if e.At.Equal(last.At) || e.At.After(last.At) {
			return
		}
	}
	e := history.Entry{Event: history.Stop, Began: last.At.Add(-time.Duration(last.Stop.Took)), At: last.At, About: last.About,
		BootID: g.state.BootID, Cause: last.Cause, Text: last.Text, Stop: &last.Stop}
	if last.Own {
		e.Event, e.Stop, e.Crashed = history.End, nil, last.Stop.Died
	}
	h.chronicle(ctx, g.name, e, p)
}

// toldAlready tells whether the end of a process is in the history: a kill does
// not wait for the stop that is under way, which then sees it die.
func (h *House) toldAlready(n Name, proc *pidfile.Process, r *StopRecord) bool {
	if !r.Stop.Down || h.Layout.HistoryDir() == "" {
		return false
	}
	told, _ := history.Store{Dir: h.Layout.HistoryDir()}.Last(n.String(), 1)
	return len(told) == 1 && told[0].Event == history.Stop && told[0].PID == proc.Pid() && told[0].BootID == proc.Identity().BootID &&
		told[0].Stop != nil && told[0].Stop.Down
}

// chronicleStop notes how a stop went that had something to stop.
func (h *House) chronicleStop(ctx context.Context, n Name, began time.Time, schedule string, proc *pidfile.Process, r *StopRecord, err error, p Progress) {
	e := history.Entry{Event: history.Stop, Began: began, At: r.At, PID: proc.Pid(), Cause: r.Cause, Text: r.Text, Schedule: schedule, Stop: &r.Stop}
	if exit, ok := proc.Exit(); ok {
		e.Exit = &exit
	}
	if err != nil {
		e.Error = err.Error()
	}
	write := func() {
		if !h.toldAlready(n, proc, r) {
			h.chronicle(ctx, n, e, p)
		}
	}
	if h.Aside == nil {
		write()
	} else {
		h.Aside(write)
	}
}

// The causes of an end that nobody of ours brought about, beside those that a
// kind's traces tell.
const (
	CauseGuest = "guest" // it ended in order, by itself
	CauseStop  = "stop"  // in order, after a stop of it that was interrupted
	CauseCrash = "crash" // its process died
	CauseHost  = "host"  // the host was restarted while it ran
)

// Ending is how a guest ended, as far as somebody can tell.
type Ending struct {
	At    time.Time // zero: unknown
	Cause string
	Text  string              // by whom or what: "signal 15 from pid 312 (bash)"
	Exit  *pidfile.ExitStatus // of its process
}

// ended puts on record, and into the history, how a run ended that nobody of ours
// brought down, unless that was done before. It is called under the lock, and
// only when the guest's process is gone; how is what the caller knows. It returns
// nil when the guest was stopped already.
func (h *House) ended(ctx context.Context, g *handle, i Instance, how Ending, p Progress) *EndRecord {
	s := g.state
	if s.over() {
		return s.End
	}
	if s.Process == nil && s.Phase == PhaseStarting { // its start was killed before there was anything to end
		return nil
	}
	r := h.judge(s, i, how)
	e := history.Entry{Event: history.End, Began: s.StartedAt, At: r.At, About: r.About, BootID: s.BootID,
		Crashed: r.Crashed, Cause: r.Cause, Text: r.Text, Exit: r.Exit}
	if s.Process != nil {
		e.PID = s.Process.Pid
	}
	h.chronicle(ctx, g.name, e, p)
	last := &StopRecord{At: r.At, Text: r.Text, Cause: r.Cause, Own: true, About: r.About, Stop: shutdown.Record{Down: true, Died: r.Crashed}}
	if err := g.save(func(s *State) { s.End, s.LastStop = r, last }); err != nil {
		p.Warn(err)
	}
	return r
}

// judge is how the run on record ended: by what the caller knows, else by the
// traces that it left.
func (h *House) judge(s State, i Instance, how Ending) *EndRecord {
	now := h.Now()
	boot, _ := pidfile.BootID() // unknown: the leftovers decide
	if s.BootID != boot {
		return &EndRecord{At: now, About: true, Cause: CauseHost, Text: "the host was restarted while it ran"}
	}
	if ender, ok := i.(Ender); ok {
		traces := ender.Ended(s.StartedAt)
		if how.At.IsZero() {
			how.At = traces.At
		}
		if how.Cause == "" {
			how.Cause, how.Text = traces.Cause, traces.Text
		}
	}
	r := &EndRecord{At: how.At, Cause: how.Cause, Text: "it ended by itself", Exit: how.Exit}
	if r.At.Before(s.StartedAt) || r.At.After(now) {
		r.At, r.About = now, true
	}
	left := i.Leftovers()
	if len(left) > 0 {
		r.Left = left[0]
	}
	r.Crashed = len(left) > 0 || how.Exit != nil && *how.Exit != pidfile.ExitStatus{Late: how.Exit.Late}
	switch {
	case r.Crashed && how.Exit != nil:
		r.Text = "its process died: " + how.Exit.String()
	case r.Crashed:
		r.Text = "its process died"
	case s.Stopping:
		r.Text, r.Cause = "it ended after a stop that was interrupted", cmp.Or(r.Cause, CauseStop)
	}
	switch {
	case how.Text == "":
	case r.Crashed:
		r.Text += ", by " + how.Text
	default:
		r.Text = "it was ended by " + how.Text
	}
	if r.Crashed {
		r.Cause = cmp.Or(r.Cause, CauseCrash)
	}
	r.Cause = cmp.Or(r.Cause, CauseGuest)
	if s.Phase == PhaseStarting {
		r.Text += "; its start was never completed"
	}
	return r
}
