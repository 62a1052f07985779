package guest

import (
	"context"

	"github.com/guestrc/guestrc/pidfile"
)

// Explain tells what would stand in the way of a clean stop of n, as far as its
// kind sees it; running is false where nothing runs, and then the plan is that
// of its files. It takes no lock and changes nothing.
func (h *House) Explain(ctx context.Context, n Name) (plan Plan, reasons []Reason, running bool, err error) {
	dir, s, err := h.look(n)
	if err != nil {
		return plan, nil, false, err
	}
	defer dir.Close() // of nil: says so, and does nothing
	if h.idle(n, dir, s) {
		_, i, err := h.configure(ctx, n)
		if err != nil {
			return plan, nil, false, err
		}
		return i.Plan(), explain(ctx, i, nil), false, nil
	}
	i, err := h.recall(ctx, n, s, discard{})
	if err != nil {
		return plan, nil, false, err
	}
	proc, err := find(ctx, dir, s, i)
	if err != nil {
		return plan, nil, false, err
	}
	if proc != nil {
		defer proc.Close()
	}
	return i.Plan(), explain(ctx, i, proc), proc != nil, nil
}

func explain(ctx context.Context, i Instance, p *pidfile.Process) []Reason {
	if e, ok := i.(Explainer); ok {
		return e.Explain(ctx, p)
	}
	return nil
}
