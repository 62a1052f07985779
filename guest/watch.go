package guest

import (
	"context"
	"errors"
	"time"

	"github.com/guestrc/guestrc/pidfile"
)

// How a run of a guest came to its end: Crashed, or one of these.
const (
	ByItself = "by-itself" // in order, and nobody had told it to
	Told     = "told"      // a command of ours stopped or killed it, or was about to
)

// End is the end of a run.
type End struct {
	How string // Crashed, ByItself or Told
	Why string // in words, where it was not told
}

// Watch waits until n, which was started, has ended, and tells how. It returns
// ctx's error when that ended first. A guest that was restarted meanwhile is
// watched on.
func (h *House) Watch(ctx context.Context, n Name) (End, error) {
	for {
		dir, s, err := h.look(n)
		if err != nil {
			return End{}, err
		}
		if dir == nil {
			return End{How: Told}, nil
		}
		if err := dir.Close(); err != nil {
			return End{}, err
		}
		exit, err := awaitEnd(ctx, s)
		if err != nil {
			return End{}, err
		}
		if end, over, err := h.endOf(ctx, n, s, exit); over || err != nil {
			return end, err
		}
	}
}

// awaitEnd waits for the process on record, if it is there.
func awaitEnd(ctx context.Context, s State) (*pidfile.ExitStatus, error) {
	if s.Process == nil {
		return nil, ctx.Err()
	}
	p, err := pidfile.Recall(*s.Process)
	if errors.Is(err, pidfile.ErrNotRunning) {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := p.Wait(ctx); err != nil {
		return nil, err
	}
	if exit, told := p.Exit(); told {
		return &exit, nil
	}
	return nil, nil
}

// endOf tells how the run that was on record came to its end, once no other
// command has to do with it. It is not over when another run has taken its place.
func (h *House) endOf(ctx context.Context, n Name, was State, exit *pidfile.ExitStatus) (end End, over bool, err error) {
	g, err := h.open(ctx, n, h.patience(ctx, n))
	if err != nil {
		return End{}, false, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	s := g.state
	switch {
	case s.Process != nil && (was.Process == nil || *s.Process != *was.Process):
		return End{}, false, nil
	case s.Phase == PhaseStopped || s.Phase == "":
		return stoppedBy(s), true, nil
	}
	i, err := h.recorded(ctx, n, s)
	if err != nil {
		return End{}, false, err
	}
	r := h.ended(ctx, g, i, Ending{At: h.Now(), Exit: exit}, discard{})
	switch {
	case s.Stopping:
		end = End{How: Told}
	case r.Crashed: // whoever starts it, or stops it, clears up
		return End{How: Crashed, Why: r.Text}, true, nil
	default:
		end = End{How: ByItself, Why: r.Text}
	}
	return end, true, g.clear(ctx, i, nil)
}

// StoppedSince tells whether a command has stopped n after some moment, and
// nobody has started it since.
func (h *House) StoppedSince(n Name, t time.Time) (bool, error) {
	dir, s, err := h.look(n)
	if err != nil || dir == nil {
		return false, err
	}
	last := s.LastStop
	return s.Phase == PhaseStopped && last != nil && !last.Own && last.At.After(t), dir.Close()
}

// stoppedBy tells who stopped a guest that is stopped on record. One that
// somebody noticed to have gone down in order was not told to; of one that has
// crashed, only a command removes the traces.
func stoppedBy(s State) End {
	if last := s.LastStop; last != nil && last.Own && !last.Stop.Died {
		return End{How: ByItself, Why: last.Text}
	}
	return End{How: Told}
}
