package guest

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Notice looks after a guest that st says is down, and that is not on record as
// stopped: it ended without our doing. How it ended goes into its history, once,
// and one that ended in order is stopped on record from then on; a crashed one
// stays crashed until it is started or stopped. Nothing is done while another
// action is under way, or by somebody who may not write. The error says what
// could not be kept; the Status holds in any case.
func (h *House) Notice(ctx context.Context, n Name, st Status) (Status, error) {
	if !st.unseen {
		return st, nil
	}
	var p warned
	s, err := h.notice(ctx, n, Ending{}, 0, &p)
	if err != nil || s == nil {
		return st, errors.Join(append(p.errs, err)...)
	}
	next := Status{Guest: st.Guest, StartedAt: s.StartedAt, ReadyAt: s.ReadyAt, LastStop: s.LastStop}
	next.over(*s)
	return next, errors.Join(p.errs...)
}

// endPause is how long whoever watched a guest's process end waits for an action
// that is under way: most likely the one that ended it.
const endPause = 5 * time.Second

// Ended is told by whoever watched the guest's process end, such as an init
// system, how it did. An end that is on record already, as that of a stop, and a
// guest that runs are no news.
func (h *House) Ended(ctx context.Context, n Name, how Ending, p Progress) error {
	dir, s, err := h.look(n)
	if err != nil || dir == nil {
		return err
	}
	dir.Close()
	if s.over() {
		return nil
	}
	_, err = h.notice(ctx, n, how, endPause, p)
	return err
}

// notice gives the record that it has changed, nil when there was nothing to
// note.
func (h *House) notice(ctx context.Context, n Name, how Ending, patience time.Duration, p Progress) (*State, error) {
	g, err := h.open(ctx, n, patience)
	if errors.Is(err, errBusy) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer g.close()
	if g.state.over() {
		return nil, nil
	}
	i, err := h.recorded(ctx, n, g.state)
	if err != nil {
		return nil, err
	}
	proc, err := g.find(ctx, i)
	if err != nil { // in doubt: status says so
		return nil, nil
	}
	if proc != nil {
		return nil, proc.Close()
	}
	h.ended(ctx, g, i, how, p)
	if end := g.state.End; end != nil && !end.Crashed {
		err = g.clear(ctx, i, nil)
	}
	return &g.state, err
}

// warned is a Progress that keeps warnings.
type warned struct {
	discard
	errs []error
}

func (w *warned) Warn(err error) { w.errs = append(w.errs, err) }
