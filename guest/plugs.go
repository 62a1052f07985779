package guest

import (
	"context"
	"errors"
	"fmt"
)

// plugTimes is how many guests are looked at at once; some answer slowly.
const plugTimes = 16

// Plugs are the interfaces on the host of all running guests. Guests that
// cannot be looked at are told of by the error, which does not keep the others
// from being listed.
func (h *House) Plugs(ctx context.Context) ([]Plug, error) {
	names, err := h.Names()
	if err != nil {
		return nil, err
	}
	found, errs := make([][]Plug, len(names)), make([]error, len(names))
	Each(len(names), plugTimes, func(i int) { found[i], errs[i] = h.plugs(ctx, names[i]) })
	var all []Plug
	for _, plugs := range found {
		all = append(all, plugs...)
	}
	return all, errors.Join(errs...)
}

func (h *House) plugs(ctx context.Context, n Name) ([]Plug, error) {
	dir, s, err := h.look(n)
	if err != nil || dir == nil { // without a record nothing says where it belongs
		return nil, err
	}
	defer dir.Close()
	if s.Memo == nil {
		return nil, nil
	}
	i, err := h.recorded(ctx, n, s)
	if err != nil {
		return nil, err
	}
	plugged, ok := i.(Plugged)
	if !ok {
		return nil, nil
	}
	p, err := find(ctx, dir, s, i)
	if err != nil || p == nil {
		return nil, err
	}
	defer p.Close()
	plugs, err := plugged.Plugs(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("cannot tell where %s is plugged in: %w", n, err)
	}
	return plugs, nil
}
