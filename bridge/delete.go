package bridge

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
)

// Delete removes the bridge; that it is absent is no error. With spec.Move, the
// addresses that spec does not list go back to the first of its ports, and with
// them the routes that lead over their networks. When that fails, or ctx ends,
// the bridge stays as it was. Who is still plugged in is not looked at.
func Delete(ctx context.Context, s Spec) error {
	if err := s.check(); err != nil {
		return err
	}
	now, err := read(s.Name)
	if err != nil || now.bridge == nil {
		return err
	}
	p := &plan{spec: s, now: now, index: now.bridge.Attrs().Index}
	if s.Move {
		p.giveBack()
	}
	p.add(step{
		task: "delete " + s.Name,
		do:   func(context.Context) error { return Remove(Link{Name: s.Name, Index: p.index, Kind: "bridge"}) },
	})
	_, err = p.run(ctx)
	return err
}

// giveBack plans what becomes the port's. It has that besides the bridge, which
// then goes at once with all that it has.
func (p *plan) giveBack() {
	port := p.firstPort()
	if port == nil {
		return
	}
	name, index := port.Attrs().Name, port.Attrs().Index
	made := map[addrKey]bool{}
	for _, a := range p.spec.Addresses {
		made[keyOf(a.kernel())] = true
	}
	var nets []netip.Prefix
	for _, a := range p.now.addrsOf(p.index) {
		if made[keyOf(a)] {
			continue
		}
		p.putAddress("", name, &index, carry(a, p.spec.Name, name))
		nets = append(nets, prefix(a.IPNet), prefix(a.Peer))
	}
	if len(nets) == 0 {
		return
	}
	ours := map[routeKey]bool{}
	for _, r := range p.spec.Routes {
		ours[keyOfRoute(r.kernel())] = true
	}
	routes := p.ownRoutes()
	nearFirst(routes)
	for _, r := range routes {
		if p.now.fateOf(r) != moves || ours[keyOfRoute(r)] || !reaches(nets, r) {
			continue
		}
		p.putRoute("", name, &index, r, p.index)
		if r.Gw == nil {
			nets = append(nets, prefix(r.Dst))
		}
	}
}

func (p *plan) firstPort() netlink.Link {
	for _, name := range p.spec.Ports {
		if l := p.now.link(name); l != nil && l.Attrs().MasterIndex == p.index {
			return l
		}
	}
	return nil
}

// reaches reports whether the route's gateways are on the networks.
func reaches(nets []netip.Prefix, r netlink.Route) bool {
	on := func(gw net.IP) bool {
		ip, ok := netip.AddrFromSlice(gw)
		ip = ip.Unmap()
		return !ok || ip.IsLinkLocalUnicast() && ip.Is6() || slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(ip) })
	}
	return on(r.Gw) && !slices.ContainsFunc(r.MultiPath, func(hop *netlink.NexthopInfo) bool { return !on(hop.Gw) })
}
