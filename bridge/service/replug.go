package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
)

// Replug puts the interfaces of running guests back into the bridges that they
// belong to, and returns what it did. An interface that is plugged into another
// bridge by now stays there: somebody wanted that.
func Replug(ctx context.Context, plugs []guest.Plug) (done []string, err error) {
	var errs []error
	for _, p := range plugs {
		if ctx.Err() != nil {
			return done, errors.Join(append(errs, ctx.Err())...)
		}
		did, err := replug(p)
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot replug %s: %w", p.Guest, err))
		} else if did {
			done = append(done, fmt.Sprintf("plugged %s (%s) into %s", p.Guest, p.Link, p.Bridge))
		}
	}
	return done, errors.Join(errs...)
}

func replug(p guest.Plug) (did bool, err error) {
	link, ok, err := bridge.Lookup(p.Link)
	if err != nil || !ok || link.Index != p.Index {
		return false, err // it went with its guest, or is another's by now
	}
	if link.Master != "" || p.Bridge == "" { // it is plugged in, there or elsewhere, or nothing says where to
		return false, nil
	}
	return true, bridge.Plug(link, p.Bridge)
}
