package lxc

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// Plugs are the host's ends of the container's veths that belong to bridges.
// None while the container has no init, or when its monitor has ended.
func (c *Container) Plugs(ctx context.Context, monitor *pidfile.Process) ([]guest.Plug, error) {
	if !slices.ContainsFunc(c.Links, func(l bridge.Link) bool { return l.Master != "" }) {
		return nil, nil
	}
	init, err := c.init(ctx, monitor)
	if errors.Is(err, errNoInit) || monitor.Ended() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer init.Close()
	return c.plugs(init)
}

func (c *Container) plugs(init *pidfile.Process) (plugs []guest.Plug, err error) {
	peers, err := bridge.Peers(init.Pid())
	if init.Ended() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, l := range belonging(c.Links, peers) {
		plugs = append(plugs, guest.Plug{Guest: c.Name.String(), Link: l.Name, Index: l.Index, Bridge: l.Master})
	}
	return plugs, nil
}

// belonging are the links of now that belong to bridges, each with its bridge
// as Master. The record knows it, whatever happened to the bridge since. A
// container that rebooted by itself has new links, made in the order of its
// configuration like those before, so that their numbers rise in that order;
// LXC put each into its bridge, where it is found unless that was made anew.
func belonging(recorded, now []bridge.Link) (belong []bridge.Link) {
	byIndex := func(a, b bridge.Link) int { return cmp.Compare(a.Index, b.Index) }
	recorded, now = slices.SortedFunc(slices.Values(recorded), byIndex), slices.SortedFunc(slices.Values(now), byIndex)
	known := map[int]string{}
	for _, l := range recorded {
		known[l.Index] = l.Master
	}
	anew := !slices.ContainsFunc(now, func(l bridge.Link) bool { _, ok := known[l.Index]; return ok })
	for i, l := range now {
		master, ok := known[l.Index]
		switch {
		case ok:
			l.Master = master
		case l.Master == "" && anew && len(now) == len(recorded):
			l.Master = recorded[i].Master
		}
		if l.Master != "" {
			belong = append(belong, l)
		}
	}
	return belong
}
