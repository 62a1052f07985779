package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/pidfile"
)

// endPatience bounds the wait for a process that was sent SIGKILL because its
// start failed half-way.
const endPatience = 10 * time.Second

// Start starts n and returns once it is ready. A guest that runs already is
// success. One that is not ready within its time is a warning: it runs, and
// slow is not broken.
func (h *House) Start(ctx context.Context, n Name, p Progress) error {
	e := history.Entry{Began: h.Now()}
	err := h.start(ctx, n, p, &e)
	h.chronicleStart(ctx, n, e, err, p)
	return err
}

// start notes in e how it goes. It is no event when the configuration is faulty,
// somebody else acts on the guest, or the work is done already.
func (h *House) start(ctx context.Context, n Name, p Progress, e *history.Entry) error {
	i, proc, fresh, err := h.bringUp(ctx, n, p, e)
	if err != nil {
		return err
	}
	defer proc.Close()
	p.Started(proc.Pid(), fresh, i.Plan().Patience)
	if !fresh {
		if h.isReady(n) || h.starterSees(ctx, n, proc, i.Plan().Patience) {
			e.Event = ""
			return nil
		}
		p.Started(proc.Pid(), fresh, i.Plan().Patience) // its time begins anew
	}
	if s, ok := i.(Speaker); ok {
		s.Heard(p.Say)
	}
	err = i.Ready(ctx, proc)
	var flaw *Flaw
	if errors.As(err, &flaw) {
		p.Warn(fmt.Errorf("%s is ready, but %w", n, flaw))
		err = nil
	}
	e.At, e.Ready = h.Now(), err == nil
	switch {
	case err == nil:
	case proc.Ended():
		if exit, ok := proc.Exit(); ok {
			e.Exit = &exit
		}
		err = &Error{Status: StatusFailed, Msg: fmt.Sprintf("cannot start %s: it ended before it was ready", n), Err: err,
			Hint: "see " + h.Layout.LogFile(n)}
		return errors.Join(err, h.forget(ctx, n, i, proc))
	case ctx.Err() != nil:
		return fmt.Errorf("cannot wait until %s is ready: %w", n, ctx.Err())
	default:
		e.Text = "not ready in time: " + late{err}.Error()
		p.Unready(fmt.Errorf("%s runs, but was not ready in time: %w", n, late{err}))
		return nil
	}
	if err := h.markReady(ctx, n, proc); err != nil {
		p.Warn(err) // it is up, and only its record does not say since when
	}
	return nil
}

// late is an error of which it is said already that it took too long.
type late struct{ error }

func (l late) Error() string {
	return strings.TrimSuffix(l.error.Error(), ": "+context.DeadlineExceeded.Error())
}
func (l late) Unwrap() error { return l.error }

// isReady looks whether an earlier start saw the guest become ready.
func (h *House) isReady(n Name) bool {
	dir, s, err := h.look(n)
	if err != nil || dir == nil {
		return false
	}
	dir.Close()
	return !s.ReadyAt.IsZero()
}

// forget clears what a guest left that ended before it was ready, unless
// another start came in between.
func (h *House) forget(ctx context.Context, n Name, i Instance, proc *pidfile.Process) error {
	g, err := h.open(context.WithoutCancel(ctx), n, LockPatience)
	if err != nil {
		return err
	}
	defer g.close()
	if g.state.Process == nil || *g.state.Process != proc.Identity() {
		return nil
	}
	return g.clear(ctx, i, nil)
}

// bringUp is the part of a start under the lock: afterwards the process runs
// and is on record. The lock is not held while the guest boots, so that it can
// be stopped meanwhile.
func (h *House) bringUp(ctx context.Context, n Name, p Progress, e *history.Entry) (_ Instance, _ *pidfile.Process, fresh bool, err error) {
	i, err := h.Configure(ctx, n, p)
	if err != nil {
		return nil, nil, false, err
	}
	g, err := h.open(ctx, n, LockPatience)
	if err != nil {
		return nil, nil, false, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	e.Event = history.Start

	running, err := g.find(ctx, i)
	if err != nil {
		return nil, nil, false, err
	}
	var how Ending
	if running != nil {
		if err := h.mine(g, running); err != nil {
			return nil, nil, false, errors.Join(err, running.Close())
		}
		gone, err := leaving(ctx, i, running)
		if err != nil {
			return nil, nil, false, errors.Join(withStatus(StatusFailed, "cannot start "+n.String(), err), running.Close())
		}
		if !gone && g.state.Stopping {
			gone = endsAfterAll(ctx, g, running, p)
		}
		if gone {
			how = h.seen(running)
			running.Close()
			running = nil
		}
	}
	if running != nil {
		if g.state.Memo != nil { // it is as it was started, not as the files are now
			if i, err = h.recall(ctx, n, g.state, p); err != nil {
				return nil, nil, false, errors.Join(err, running.Close())
			}
		}
		fresh, err := h.adopt(ctx, g, i, running, p)
		e.PID, e.Up = running.Pid(), g.state.StartedAt
		return i, running, fresh, err
	}
	if g.state.Phase == PhaseRunning || g.state.Phase == PhaseStarting {
		p.Say("the previous run ended without a stop; clearing what it left")
	}
	h.catchUp(ctx, g, p)
	h.ended(ctx, g, i, how, p)
	if err := h.sweepLast(ctx, g, i); err != nil {
		return nil, nil, false, fmt.Errorf("cannot clear what the previous run of %s left: %w", n, err)
	}
	lease, err := h.reserve(ctx, g, i)
	if err != nil {
		return nil, nil, false, err
	}
	if lease != nil {
		defer lease.Close()
	}
	proc, err := g.spawn(ctx, i, lease, h.Now)
	if err != nil {
		return nil, nil, false, withStatus(StatusFailed, "cannot start "+n.String(), err)
	}
	e.PID, e.Up, e.Fresh = proc.Pid(), g.state.StartedAt, true
	return i, proc, true, nil
}

// seen is how a process ended that we hold.
func (h *House) seen(proc *pidfile.Process) Ending {
	how := Ending{At: h.Now()}
	if exit, ok := proc.Exit(); ok {
		how.Exit = &exit
	}
	return how
}

// endsAfterAll waits for a guest that was asked to stop by a command that was
// called off or killed since: to call it running could be true for a while
// only. One that does not end has not heard, or ignores it, and goes on.
func endsAfterAll(ctx context.Context, g *handle, proc *pidfile.Process, p Progress) bool {
	p.Say(fmt.Sprintf("a stop of %s was interrupted; waiting whether it ends", g.name))
	ctx, cancel := context.WithTimeout(ctx, LockPatience)
	defer cancel()
	if proc.Wait(ctx) == nil {
		return true
	}
	p.Warn(fmt.Errorf("%s was asked to stop, and runs on", g.name))
	if err := g.save(func(s *State) { s.Stopping = false }); err != nil {
		p.Warn(err)
	}
	return false
}

// sweepLast clears what the previous run left: the record knows it better than
// the files.
func (h *House) sweepLast(ctx context.Context, g *handle, i Instance) error {
	last, err := h.recorded(ctx, g.name, g.state)
	if err != nil || g.state.Memo == nil {
		return i.Sweep(ctx) // the start will tell what is wrong
	}
	return last.Sweep(ctx)
}

// lastMoment is how long a process may take to end that is past answering.
const lastMoment = time.Second

// errLeaving says that a guest is down and its process is not.
var errLeaving = errors.New("its last run is still ending")

// leaving waits for a process that is about to end, as one is that a killed
// stop had told to, or whose guest is down: to call it running would be true
// for some moments only.
func leaving(ctx context.Context, i Instance, p *pidfile.Process) (gone bool, err error) {
	patience := lastMoment
	switch i.Inspect(ctx, p).State {
	case Unknown:
	case Leaving:
		patience, err = LockPatience, errLeaving
	default:
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if p.Wait(ctx) == nil {
		return true, nil
	}
	return false, err
}

// adopt takes over a process that runs already: usually nothing is left to do,
// but its starter may have been killed at any point.
func (h *House) adopt(ctx context.Context, g *handle, i Instance, proc *pidfile.Process, p Progress) (fresh bool, err error) {
	defer func() {
		if err != nil {
			proc.Close()
		}
	}()
	if g.state.Phase == PhaseRunning && g.state.Process != nil && g.state.Process.Pid == proc.Pid() {
		return false, nil
	}
	why := "but its start was never completed; completing it"
	if g.state.Phase != PhaseRunning && g.state.Phase != PhaseStarting {
		why = "started by other means; taking it over"
	}
	p.Say(fmt.Sprintf("%s runs (pid %d), %s", g.name, proc.Pid(), why))
	if err := i.Settle(ctx, proc); err != nil {
		return false, withStatus(StatusFailed, "cannot complete the start of "+g.name.String(), err)
	}
	return true, g.record(i, proc, h.Now())
}

// reserve holds the guest against the host and against what others have, and
// claims its own: intent on record, lease taken by the kinds that have one. Guests that start at the same
// moment take turns here, so that two cannot find the same thing free.
func (h *House) reserve(ctx context.Context, g *handle, i Instance) (lease *os.File, err error) {
	base, err := pidfile.OpenDir(h.Layout.turns(), true)
	if err != nil {
		return nil, err
	}
	defer base.Close()
	ctx, cancel := context.WithTimeout(ctx, LockPatience)
	defer cancel()
	unlock, err := pidfile.Lock(ctx, base)
	if err != nil {
		return nil, fmt.Errorf("cannot reserve what %s needs: %w", g.name, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()

	others, err := h.claims(g.name)
	if err != nil {
		return nil, err
	}
	if err := i.Preflight(ctx, others); err != nil {
		return nil, withStatus(StatusNotConfigured, "cannot start "+g.name.String(), err)
	}
	memo, err := i.Memo()
	if err != nil {
		return nil, err
	}
	boot, err := pidfile.BootID()
	if err != nil {
		return nil, err
	}
	was := g.state
	err = g.save(func(s *State) {
		*s = State{Phase: PhaseStarting, BootID: boot, StartedAt: h.Now(), Starter: self(), Claim: i.Claim(), Memo: memo, LastStop: was.LastStop}
	})
	if err != nil {
		return nil, err
	}
	if h.strays(g.name) {
		return nil, nil // what they start is not to inherit anything of ours
	}
	lease, held, err := pidfile.OpenLease(g.dir)
	if held {
		err = &Error{Status: StatusRefused, Msg: "cannot start " + g.name.String() + ": a process of its previous run still lives",
			Hint: "fuser -v " + filepath.Join(g.dir.Name(), pidfile.LeaseFile)}
	}
	if err != nil {
		return nil, errors.Join(err, g.save(func(s *State) { *s = was }))
	}
	return lease, nil
}

// spawn creates the process and records it. When anything fails, the process
// is ended and its traces are removed.
func (g *handle) spawn(ctx context.Context, i Instance, lease *os.File, now func() time.Time) (*pidfile.Process, error) {
	proc, err := i.Start(ctx, lease)
	if err == nil {
		if err = i.Settle(ctx, proc); err == nil {
			err = g.record(i, proc, now())
		}
		if err != nil {
			err = errors.Join(err, end(ctx, proc))
		}
	}
	if err != nil {
		swept := i.Sweep(context.WithoutCancel(ctx))
		if errors.Is(swept, ErrAlive) {
			return nil, errors.Join(err, swept) // the record stays, for the next one to go on
		}
		cleared := g.save(func(s *State) { *s = State{Phase: PhaseStopped, BootID: s.BootID, LastStop: s.LastStop} })
		return nil, errors.Join(err, swept, cleared)
	}
	return proc, nil
}

func (g *handle) record(i Instance, proc *pidfile.Process, now time.Time) error {
	memo, err := i.Memo()
	if err != nil {
		return err
	}
	identity := proc.Identity()
	return g.save(func(s *State) {
		if s.Phase != PhaseStarting { // else it stands there, and i may be recalled and know less
			s.Claim = i.Claim()
		}
		s.Phase, s.BootID, s.Process = PhaseRunning, identity.BootID, &identity
		s.StartedAt, s.Memo = now, memo
	})
}

// end kills a process whose start failed; it was ours from its first breath.
func end(ctx context.Context, proc *pidfile.Process) error {
	defer proc.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
	defer cancel()
	if err := proc.Signal(unix.SIGKILL); err != nil && !errors.Is(err, pidfile.ErrGone) {
		return fmt.Errorf("cannot end the half-started process %d: %w", proc.Pid(), err)
	}
	if err := proc.Wait(ctx); err != nil {
		return fmt.Errorf("cannot see the half-started process %d end: %w", proc.Pid(), err)
	}
	return nil
}

// markReady notes when the guest became ready, unless it was stopped meanwhile.
func (h *House) markReady(ctx context.Context, n Name, proc *pidfile.Process) error {
	g, err := h.open(ctx, n, time.Second)
	if errors.Is(err, errBusy) {
		return nil // it is being stopped
	}
	if err != nil {
		return err
	}
	defer g.close()
	if g.state.Process == nil || *g.state.Process != proc.Identity() || !g.state.ReadyAt.IsZero() {
		return nil
	}
	return g.save(func(s *State) { s.ReadyAt = h.Now() })
}
