package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// The states that Status.State tells.
const (
	Running  = "running"  // State of the guest itself: Condition
	Starting = "starting" // its process exists, its start is not complete
	Stopped  = "stopped"
	Crashed  = "crashed" // its process ended without a stop and left its traces
	Unknown  = "unknown" // what is there does not fit together

	Leaving = "shutdown" // State of a guest in Condition: down, its process about to end
)

// Status is what is known of one guest. Its JSON form is stable: fields are
// added, never renamed.
type Status struct {
	Guest     string             `json:"guest"`
	State     string             `json:"state"`
	Code      int                `json:"code"` // LSB exit status of status
	PID       int                `json:"pid,omitempty"`
	StartedAt time.Time          `json:"started_at,omitzero"`
	ReadyAt   time.Time          `json:"ready_at,omitzero"`
	Condition *Condition         `json:"condition,omitempty"` // of a running guest
	Schedule  string             `json:"stop_schedule,omitempty"`
	Rung      string             `json:"next_rung,omitempty"`          // the first one of Schedule that exists for this guest
	Worst     *shutdown.Duration `json:"worst_stop_seconds,omitempty"` // the sum of Schedule; none of one that may wait forever
	Usage     *Usage             `json:"usage,omitempty"`              // of a running guest, where it was asked for
	LastStop  *StopRecord        `json:"last_stop,omitempty"`
	End       *EndRecord         `json:"end,omitempty"`     // of a crashed guest, once it was noticed
	Message   string             `json:"message,omitempty"` // why the state is what it is

	unseen bool // it ended without our doing, and nobody has taken notice
}

// look opens the run directory without a lock and reads the record. Where
// there is no directory, nothing ever ran: dir is nil.
func (h *House) look(n Name) (*os.File, State, error) {
	dir, err := pidfile.OpenDir(h.Layout.RunDir(n), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, State{}, nil
	}
	if err != nil {
		return nil, State{}, withStatus(StatusFailed, "cannot open the run directory of "+n.String(), err)
	}
	s, err := load(dir)
	if err != nil {
		dir.Close()
		return nil, State{}, &Error{Status: StatusRefused, Msg: "cannot trust the record of " + n.String(), Err: err}
	}
	return dir, s, nil
}

// Status tells how n is. deep also asks the guest's own monitor. It takes no
// lock and changes nothing. A guest that nothing describes is an error.
func (h *House) Status(ctx context.Context, n Name, deep bool) (Status, error) {
	return h.status(ctx, n, deep, nil)
}

// status is Survey where links is not nil.
func (h *House) status(ctx context.Context, n Name, deep bool, links Links) (Status, error) {
	dir, s, err := h.look(n)
	if err != nil {
		return Status{Guest: n.String(), State: Unknown, Code: StateUnknown, Message: err.Error()}, nil
	}
	defer dir.Close() // of nil: says so, and does nothing
	st := Status{Guest: n.String(), StartedAt: s.StartedAt, ReadyAt: s.ReadyAt, LastStop: s.LastStop}
	if h.idle(n, dir, s) {
		return h.stopped(n, st, dir)
	}
	i, err := h.current(ctx, n, s)
	if err != nil && dir == nil {
		if _, unknown := h.exists(n); unknown != nil {
			return st, unknown
		}
	}
	if errors.Is(err, fs.ErrNotExist) && nothingRuns(dir, s) { // nothing describes it any more
		return h.stopped(n, st, dir)
	}
	if err != nil {
		st.State, st.Code, st.Message = Unknown, StateUnknown, err.Error()
		return st, nil
	}
	proc, err := find(ctx, dir, s, i)
	switch {
	case err != nil && s.Phase == PhaseStarting && (errors.Is(err, pidfile.ErrOnlyLease) || errors.Is(err, context.DeadlineExceeded)):
		st.State, st.Code, st.Message = Starting, StateRunning, "its process is being made"
	case errors.Is(err, pidfile.ErrOnlyLease):
		st.State, st.Code, st.Message = Crashed, StateLocked, "its process is gone, but something that it started lives on: "+err.Error()
	case err != nil:
		st.State, st.Code, st.Message = Unknown, StateUnknown, err.Error()
	case proc != nil:
		defer proc.Close()
		st.running(ctx, s, i, proc, deep && links == nil)
		if links != nil {
			st.surveyed(ctx, i, proc, deep, links)
		}
	default:
		st.ended(s, i)
	}
	return st, nil
}

// stopped completes st for a guest that does not run: one that never ran must
// at least be described.
func (h *House) stopped(n Name, st Status, dir *os.File) (Status, error) {
	st.over(State{LastStop: st.LastStop})
	if dir != nil {
		return st, nil
	}
	_, err := h.exists(n)
	return st, err
}

// idle tells, before anybody understands the guest's configuration, that
// nothing of it runs.
func (h *House) idle(n Name, dir *os.File, s State) bool {
	return s.Memo == nil && !h.strays(n) && nothingRuns(dir, s)
}

// strays tells whether n may run without our having started it.
func (h *House) strays(n Name) bool {
	k, err := h.kind(n)
	return err == nil && k.Strays()
}

// nothingRuns tells that no process is on record, locks the pidfile or has the
// lease. Without a directory there is nothing of the sort.
func nothingRuns(dir *os.File, s State) bool {
	if dir == nil {
		return true
	}
	p, _, err := pidfile.Find(dir, s.Process, pidfile.Expect{})
	if p != nil {
		p.Close()
	}
	return errors.Is(err, pidfile.ErrNotRunning)
}

func (st *Status) running(ctx context.Context, s State, i Instance, proc *pidfile.Process, deep bool) {
	st.State, st.Code, st.PID = Running, StateRunning, proc.Pid()
	st.scheduled(i)
	switch {
	case s.Stopping:
		st.Message = "it is being stopped, or a stop of it was interrupted"
	case s.Phase == PhaseRunning:
	case s.Phase == PhaseStarting:
		st.State, st.Message = Starting, "its start is under way, or was interrupted"
	default:
		st.Message = "it was started by other means"
	}
	if deep {
		c := i.Inspect(ctx, proc)
		st.Condition = &c
	}
}

// ended tells apart a guest that was stopped, one that ended by itself in
// order, and one whose process died.
func (st *Status) ended(s State, i Instance) {
	st.unseen = !s.over()
	boot, _ := pidfile.BootID() // unknown: the leftovers decide
	left := i.Leftovers()
	switch {
	case s.over():
		st.over(s)
	case s.BootID != boot:
		st.State, st.Code, st.Message = Stopped, StateStopped, "the host was restarted while it ran"
	case len(left) > 0:
		st.State, st.Code = Crashed, StateCrashed
		st.Message = fmt.Sprintf("its process died and left %s", left[0])
	default:
		st.State, st.Code, st.Message = Stopped, StateStopped, "it ended by itself"
	}
}

// over is how a guest is whose end is on record.
func (st *Status) over(s State) {
	st.State, st.Code = Stopped, StateStopped
	if s.End != nil && s.End.Crashed {
		st.State, st.Code, st.End, st.Message = Crashed, StateCrashed, s.End, s.End.Text
		if s.End.Left != "" {
			st.Message += "; it left " + s.End.Left
		}
	} else if s.LastStop != nil && s.LastStop.Own {
		st.Message = s.LastStop.Text
	}
}
