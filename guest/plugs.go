package guest

import (
	"context"
	"errors"
)

// looks is how many guests are looked at at once; some answer slowly.
const looks = 16

// Plugs are the interfaces on the host of all running guests. Guests that
// cannot be looked at are told of by the error, which does not keep the others
// from being listed.
func (h *House) Plugs(ctx context.Context) (all []Plug, err error) {
	names, err := h.Names()
	if err != nil {
		return nil, err
	}
	found, errs := make([]RunningInstance, len(names)), make([]error, len(names))
	Each(len(names), looks, func(i int) { found[i], errs[i] = h.running(ctx, names[i]) })
	running := map[string][]RunningInstance{}
	for i, r := range found {
		if r.Process != nil {
			defer r.Process.Close()
			running[names[i].Kind] = append(running[names[i].Kind], r)
		}
	}
	for _, k := range h.Kinds {
		if p, ok := k.(Plugger); ok && len(running[k.Name()]) > 0 {
			plugs, err := p.Plugs(ctx, running[k.Name()])
			all, errs = append(all, plugs...), append(errs, err)
		}
	}
	return all, errors.Join(errs...)
}

// running finds n as its record has it; without one, nothing says where its
// interfaces belong.
func (h *House) running(ctx context.Context, n Name) (RunningInstance, error) {
	dir, s, err := h.look(n)
	if err != nil || dir == nil {
		return RunningInstance{}, err
	}
	defer dir.Close()
	if s.Memo == nil {
		return RunningInstance{}, nil
	}
	i, err := h.recorded(ctx, n, s)
	if err != nil {
		return RunningInstance{}, err
	}
	p, err := find(ctx, dir, s, i)
	return RunningInstance{i, p}, err
}
