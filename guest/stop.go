package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// Stop brings n down by its schedule. The result is nil when there was nothing
// to stop. An error with a result means that the guest still runs, or that its
// traces could not be removed.
func (h *House) Stop(ctx context.Context, n Name, p Progress) (_ *StopRecord, err error) {
	if exists, err := h.exists(n); err != nil || !exists && !h.strays(n) {
		return nil, err
	}
	g, err := h.open(ctx, n, h.patience(ctx, n))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if h.idle(n, g.dir, g.state) {
		return nil, nil // however it is configured, it is stopped
	}
	i, err := h.recall(ctx, n, g.state, p)
	if err != nil {
		return nil, err
	}
	proc, err := g.find(ctx, i)
	if err != nil {
		return nil, err
	}
	if proc == nil {
		h.ended(ctx, g, i, Ending{}, p)
		return nil, g.clear(ctx, i, nil)
	}
	defer proc.Close()
	began := h.Now()
	if err := g.save(func(s *State) { s.Stopping = true }); err != nil {
		p.Warn(err) // it is to come down all the same
	}
	result, err := h.climb(ctx, n, i, proc, nil, p)
	defer func() { h.chronicleStop(ctx, n, began, i.Plan().Stop, proc, result, err, p) }()
	if err != nil {
		return result, err
	}
	err = g.clear(ctx, i, result)
	if err != nil && !errors.Is(err, ErrAlive) { // down it is, whatever lies about
		p.Warn(err)
		err = nil
	}
	return result, err
}

// Kill ends n at once with SIGKILL, whatever else is under way: it does not wait
// for the lock before that, only afterwards, to clear up.
func (h *House) Kill(ctx context.Context, n Name, p Progress) (_ *StopRecord, err error) {
	i, proc, err := h.peek(ctx, n, p)
	if err != nil {
		return nil, withStatus(StatusFailed, "cannot kill "+n.String(), err)
	}
	if proc == nil {
		return nil, h.sweep(ctx, n, p)
	}
	defer proc.Close()
	// With the lock, if it is free, nobody takes the end for a crash meanwhile.
	g, busy := h.open(ctx, n, 0)
	if busy == nil {
		if err := g.save(func(s *State) { s.Stopping = true }); err != nil {
			p.Warn(err)
		}
	}
	began, schedule := h.Now(), shutdown.Schedule{{Verb: "KILL", Wait: endPatience}}
	result, err := h.climb(ctx, n, i, proc, schedule, p)
	h.chronicleStop(ctx, n, began, schedule.String(), proc, result, err, p)
	if busy != nil && err == nil {
		g, err = h.open(ctx, n, h.clearing(n))
	}
	if g != nil {
		defer g.close()
	}
	if err != nil {
		return result, err
	}
	if another, err := g.find(ctx, i); err != nil || another != nil { // it was started again meanwhile
		if another != nil {
			another.Close()
		}
		return result, err
	}
	return result, g.clear(ctx, i, result)
}

// sweep clears what a guest that is gone may have left.
func (h *House) sweep(ctx context.Context, n Name, p Progress) error {
	if exists, err := h.exists(n); err != nil || !exists {
		return err
	}
	g, err := h.open(ctx, n, h.clearing(n))
	if err != nil {
		return err
	}
	defer g.close()
	if g.state.Memo == nil {
		return nil
	}
	i, err := h.recall(ctx, n, g.state, p)
	if err != nil {
		return err
	}
	if proc, err := g.find(ctx, i); err != nil || proc != nil { // it was started meanwhile
		if proc != nil {
			proc.Close()
		}
		return err
	}
	h.ended(ctx, g, i, Ending{}, p)
	return g.clear(ctx, i, nil)
}

// climb runs schedule, or the instance's own after waking the guest when it is
// nil. Without an error the process is gone.
func (h *House) climb(ctx context.Context, n Name, i Instance, proc *pidfile.Process, schedule shutdown.Schedule, p Progress) (*StopRecord, error) {
	target := i.Target(proc)
	defer target.Close()
	var deadline time.Time
	began := time.Now()
	if schedule == nil {
		deadline = h.deadline(n)
		if schedule = wake(ctx, target, deadline, p); schedule == nil {
			schedule = i.Plan().Schedule
		}
	}
	waking := time.Since(began)
	record, err := shutdown.RunUntil(ctx, schedule, deadline, target, p.Rung)
	record.Took += shutdown.Duration(waking)
	result := &StopRecord{At: h.Now(), Text: record.String(), Cause: target.Cause(), Stop: record}
	if err != nil {
		return result, fmt.Errorf("cannot complete the stop of %s: %w", n, err)
	}
	if !record.Down {
		return result, &Error{Status: StatusFailed, Msg: fmt.Sprintf("cannot stop %s: %s", n, record),
			Hint: "guestrc kill " + n.String()}
	}
	return result, nil
}

// wake leaves most of a time that is short to the rungs: a monitor that hangs
// would take all of it.
func wake(ctx context.Context, t Target, deadline time.Time, p Progress) shutdown.Schedule {
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/4)
		defer cancel()
	}
	return t.Wake(ctx, p.Say)
}

// deadline is when n is to be down; zero when nobody says.
func (h *House) deadline(n Name) time.Time {
	if by, ok := h.By[n.String()]; ok {
		return by
	}
	if h.Occasion == nil {
		return time.Time{}
	}
	return h.Occasion.Deadline
}

// exists tells whether n is known here at all: one that is not is an error,
// one that never ran is stopped.
func (h *House) exists(n Name) (bool, error) {
	dir, err := pidfile.OpenDir(h.Layout.RunDir(n), false)
	if err == nil {
		return true, dir.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, withStatus(StatusFailed, "cannot look at "+n.String(), err)
	}
	if _, err := h.kind(n); err != nil {
		return false, err
	}
	if _, err = h.Load(n); !errors.Is(err, fs.ErrNotExist) {
		err = nil // described, however badly, and never started
	}
	return false, err
}

// clear removes what the ended process left and notes the stop.
func (g *handle) clear(ctx context.Context, i Instance, result *StopRecord) error {
	ctx = context.WithoutCancel(ctx) // the guest is gone: cleaning up is due even when the caller gave up
	err := i.Sweep(ctx)
	if err != nil {
		err = fmt.Errorf("cannot remove what %s left: %w", g.name, err)
	}
	if errors.Is(err, ErrAlive) { // it is not stopped: the record stays
		return errors.Join(err, g.save(func(s *State) {
			if result != nil { // how it ended is told; what it left is not gone
				s.LastStop = result
				s.End = &EndRecord{At: result.At, Crashed: true, Cause: result.Cause, Text: err.Error()}
			}
		}))
	}
	if result == nil && (g.state.Phase == PhaseStopped || g.state.Phase == "") {
		return err
	}
	return errors.Join(err, g.save(func(s *State) {
		last := s.LastStop
		if result != nil {
			last = result
		}
		*s = State{Phase: PhaseStopped, BootID: s.BootID, LastStop: last}
	}))
}

// patience is how long a stop waits for the lock: another stop may hold it for
// the guest's whole schedule.
func (h *House) patience(ctx context.Context, n Name) time.Duration {
	dir, s, err := h.look(n)
	if err != nil {
		return LockPatience
	}
	if dir != nil {
		dir.Close()
	}
	if s.Memo == nil {
		return LockPatience
	}
	i, err := h.recorded(ctx, n, s)
	if err != nil {
		return LockPatience
	}
	total := LockPatience + min(i.Plan().Schedule.Total(), 24*time.Hour)
	if d := h.deadline(n); !d.IsZero() { // who holds the lock may not know of it
		return max(lastMoment, d.Sub(h.Now())-lastResort) // by which schedule he goes, nothing tells
	}
	return total
}

// clearing is how long a kill waits for the lock of a guest that is down: what
// is left to do can be done later.
func (h *House) clearing(n Name) time.Duration {
	if d := h.deadline(n); !d.IsZero() {
		return max(lastMoment, min(LockPatience, d.Sub(h.Now())))
	}
	return LockPatience
}

// lastResort is kept of a deadline for KILL.
const lastResort = 5 * time.Second

// Busy tells whether err is for want of a guest's lock.
func Busy(err error) bool { return errors.Is(err, errBusy) }

// discard is a Progress that tells nobody.
type discard struct{}

func (discard) Say(string)                       {}
func (discard) Warn(error)                       {}
func (discard) Started(int, bool, time.Duration) {}
func (discard) Unready(error)                    {}
func (discard) Rung(shutdown.Event)              {}
