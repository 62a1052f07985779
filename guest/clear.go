package guest

import (
	"context"
	"errors"
	"fmt"
)

// Clear puts away what a crashed run of n left, as its next start would, and puts
// its end on record. A guest that runs, one of which that cannot be told, and one
// that something is left alive of, is left as it is, with an error.
func (h *House) Clear(ctx context.Context, n Name, p Progress) (err error) {
	g, err := h.open(ctx, n, endPause)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	i, err := h.recorded(ctx, n, g.state)
	if err != nil {
		return err
	}
	proc, err := g.find(ctx, i)
	if err != nil {
		return err
	}
	if proc != nil {
		err := fmt.Errorf("it runs (pid %d)", proc.Pid())
		return errors.Join(&Error{Status: StatusRefused, Msg: "cannot clear what " + n.String() + " left", Err: err}, proc.Close())
	}
	h.catchUp(ctx, g, p)
	h.ended(ctx, g, i, Ending{}, p)
	return g.clear(ctx, i, nil)
}
