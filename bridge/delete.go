package bridge

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// PluggedError refuses to delete a bridge because of what is plugged in.
type PluggedError struct{ Links []Link }

func (e *PluggedError) Error() string {
	names := make([]string, len(e.Links))
	for i, l := range e.Links {
		names[i] = l.Name
	}
	return "plugged in: " + strings.Join(names, ", ")
}

// Delete removes the bridge; that it is absent is no error. With spec.Move, the
// addresses that spec does not list go back to the first of its ports, and with
// them the routes that lead over their networks. When that fails, or ctx ends,
// the bridge stays as it was. So it does with a PluggedError when mayCut, asked
// of all ports at first and once more before the bridge goes, says no of some;
// nil says yes.
func Delete(ctx context.Context, s Spec, mayCut func(Link) bool) error {
	if err := s.check(); err != nil {
		return err
	}
	now, err := read(s.Name)
	if err != nil || now.bridge == nil {
		return err
	}
	p := &plan{spec: s, now: now, index: now.bridge.Attrs().Index}
	if err := askAll(now.ports(p.index), mayCut); err != nil {
		return fmt.Errorf("cannot delete %s: %w", s.Name, err)
	}
	if s.Move {
		p.giveBack()
	}
	p.add(step{
		task: "delete " + s.Name,
		do: func(context.Context) error {
			ports, err := Ports(s.Name)
			if err == nil {
				err = askAll(ports, mayCut)
			}
			if err != nil {
				return err
			}
			return Remove(Link{Name: s.Name, Index: p.index, Kind: "bridge"})
		},
	})
	_, err = p.run(ctx)
	return err
}

func askAll(ports []Link, mayCut func(Link) bool) error {
	if mayCut == nil {
		return nil
	}
	if left := slices.DeleteFunc(ports, mayCut); len(left) > 0 {
		return &PluggedError{left}
	}
	return nil
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
	for _, n := range p.now.neighsOf(p.index) {
		if onNets(nets, n.IP) {
			p.putNeigh("", name, &index, n)
		}
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
	on := func(gw net.IP) bool { return gw == nil || onNets(nets, gw) }
	return on(r.Gw) && !slices.ContainsFunc(r.MultiPath, func(hop *netlink.NexthopInfo) bool { return !on(hop.Gw) })
}

// onNets reports whether the address is on the networks, or on every one.
func onNets(nets []netip.Prefix, a net.IP) bool {
	ip, _ := netip.AddrFromSlice(a)
	ip = ip.Unmap()
	return ip.IsLinkLocalUnicast() && ip.Is6() || slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(ip) })
}
