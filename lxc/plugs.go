package lxc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// looks is how many monitors are asked at once; some answer slowly.
const looks = 16

// Plugs are the host's ends of containers' veths that belong to bridges. None of
// a container without an init, or whose monitor has ended. The host's links are
// listed once for all.
func (Kind) Plugs(ctx context.Context, running []guest.RunningInstance) (all []guest.Plug, err error) {
	links, err := bridge.Links()
	if err != nil {
		return nil, err
	}
	found, errs := make([][]guest.Plug, len(running)), make([]error, len(running))
	guest.Each(len(running), looks, func(i int) {
		c, ok := running[i].Instance.(*Container)
		if !ok {
			errs[i] = fmt.Errorf("cannot look at a %T as at a container", running[i].Instance)
			return
		}
		var err error
		if found[i], err = c.plugs(ctx, links, running[i].Process); err != nil {
			errs[i] = fmt.Errorf("cannot tell where %s is plugged in: %w", c.Name, err)
		}
	})
	return slices.Concat(found...), errors.Join(errs...)
}

func (c *Container) plugs(ctx context.Context, links *bridge.Listing, monitor *pidfile.Process) (plugs []guest.Plug, err error) {
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
	return c.plugsOf(links, init)
}

func (c *Container) plugsOf(links *bridge.Listing, init *pidfile.Process) (plugs []guest.Plug, err error) {
	peers, err := bridge.PeersIn(links, init.Pid())
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
