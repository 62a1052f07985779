package bridge

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// bare are the interfaces that end up without addresses: NoAddresses, and the
// ports when theirs move.
func (p *plan) bare(ports []netlink.Link) (bare []netlink.Link, err error) {
	if p.spec.Move {
		bare = slices.Clone(ports)
	}
	var errs []error
	for _, name := range p.spec.NoAddresses {
		l := p.now.link(name)
		switch {
		case l == nil:
			errs = append(errs, fmt.Errorf("cannot take the addresses off %s: there is no such interface", name))
		case name == p.spec.Name:
			errs = append(errs, fmt.Errorf("cannot take the addresses off %s: it is the bridge itself", name))
		case !slices.Contains(bare, l):
			bare = append(bare, l)
		}
	}
	return bare, errors.Join(errs...)
}

// giveAddresses plans those of the spec and, to be moved, those of the ports.
// Which they are is returned.
func (p *plan) giveAddresses(ports []netlink.Link) (moved map[addrKey]bool, err error) {
	var onPorts []netlink.Addr
	for _, l := range ports {
		onPorts = append(onPorts, p.now.addrsOf(l.Attrs().Index)...)
	}
	has := map[addrKey]netlink.Addr{}
	if p.now.bridge != nil {
		for _, a := range p.now.addrsOf(p.index) {
			has[keyOf(a)] = a
		}
	}
	for _, want := range p.spec.Addresses {
		a := want.kernel()
		if there, ok := has[keyOf(a)]; ok && shown(there) != shown(a) {
			return nil, fmt.Errorf("cannot add %s to %s: it has that address as %s", shown(a), p.spec.Name, shown(there))
		} else if ok {
			continue
		}
		has[keyOf(a)] = a
		source := func(r Route) bool { return r.Src == want.Prefix.Addr() }
		known := func(on netlink.Addr) bool { return keyOf(on) == keyOf(a) }
		// A route may only name one that is no longer looked at for duplicates.
		if a.IP.To4() == nil && (slices.ContainsFunc(onPorts, known) || slices.ContainsFunc(p.spec.Routes, source)) {
			a.Flags |= unix.IFA_F_NODAD
		}
		p.putAddress("added "+shown(a), p.spec.Name, &p.index, a)
	}
	moved = map[addrKey]bool{}
	if !p.spec.Move {
		return moved, nil
	}
	for _, a := range onPorts {
		if _, ok := has[keyOf(a)]; !ok {
			has[keyOf(a)], moved[keyOf(a)] = a, true
			from := p.now.name(a.LinkIndex)
			p.putAddress(fmt.Sprintf("moved %s from %s", shown(a), from), p.spec.Name, &p.index, carry(a, from, p.spec.Name))
		}
	}
	return moved, nil
}

// fate is what becomes of a route when its link loses its addresses.
type fate int

const (
	stays   fate = iota
	follows      // the kernel made it for an address, with which it goes
	moves        // somebody made it
	ends         // a router told the kernel of it, and will tell the bridge
)

func (now *state) fateOf(r netlink.Route) fate {
	dst := prefix(r.Dst)
	switch {
	case r.Type != unix.RTN_UNICAST, r.Protocol == byRedirect, dst.Addr().Is6() && dst.Addr().IsLinkLocalUnicast(), dst.Addr().IsMulticast():
		return stays
	case r.Protocol == byRouter:
		return ends
	case r.Protocol != byKernel:
		return moves
	}
	for _, a := range now.addrs {
		// NetworkManager says that its routes are the kernel's
		if a.LinkIndex == r.LinkIndex && a.Flags&unix.IFA_F_NOPREFIXROUTE != 0 && prefix(a.IPNet).Masked() == dst {
			return moves
		}
	}
	return follows
}

// giveRoutes plans those of the spec. What leads to the same destination by
// another way goes: afterwards, so that at no time there is none, unless the
// kernel would not have both.
func (p *plan) giveRoutes() {
	var wanted []netlink.Route
	for _, r := range p.spec.Routes {
		wanted = append(wanted, r.kernel())
	}
	nearFirst(wanted)
	has := p.ownRoutes()
	var late []netlink.Route
	for _, r := range has {
		switch {
		case !stale(r, wanted):
		case r.Family == unix.AF_INET6 && slices.ContainsFunc(wanted, func(want netlink.Route) bool { return rivals(r, want) && r.Gw.Equal(want.Gw) }):
			p.takeRoute("removed the route "+shownRoute(r), r)
		default:
			late = append(late, r)
		}
	}
	for _, want := range wanted {
		if !slices.ContainsFunc(has, func(r netlink.Route) bool { return meets(r, want) }) {
			p.putRoute("added the route "+shownRoute(want), p.spec.Name, &p.index, want, 0)
		}
	}
	for _, r := range late {
		p.takeRoute("removed the route "+shownRoute(r), r)
	}
}

// ownRoutes are those out of the bridge.
func (p *plan) ownRoutes() []netlink.Route {
	if p.now.bridge == nil {
		return nil
	}
	return p.now.routesOf(p.index)
}

// moveRoutes plans that the routes over bare interfaces go, and that those over
// ports become the bridge's unless it has or gets one to the same destination.
func (p *plan) moveRoutes(ports, bare []netlink.Link) {
	has := map[routeKey]bool{}
	for _, r := range p.ownRoutes() {
		has[keyOfRoute(r)] = true
	}
	for _, r := range p.spec.Routes {
		has[keyOfRoute(r.kernel())] = true
	}
	going := slices.DeleteFunc(slices.Clone(p.now.routes), func(r netlink.Route) bool {
		f := p.now.fateOf(r)
		return f != moves && f != ends || !overAny(r, indexes(bare))
	})
	nearFirst(going)
	told := make([]string, len(going))
	for i, r := range going {
		if p.spec.Move && p.now.fateOf(r) == moves && overAny(r, indexes(ports)) && !has[keyOfRoute(r)] {
			p.putRoute("moved the route "+shownRoute(r), p.spec.Name, &p.index, r, indexes(ports)...)
		} else {
			told[i] = "took off the route " + shownRoute(r)
		}
	}
	for i, r := range slices.Backward(going) {
		p.takeRoute(told[i], r)
	}
}

func indexes(links []netlink.Link) (is []int) {
	for _, l := range links {
		is = append(is, l.Attrs().Index)
	}
	return is
}

func overAny(r netlink.Route, links []int) bool {
	return slices.ContainsFunc(links, func(l int) bool { return over(r, l) })
}

// strip plans that the interface loses its addresses. The last goes first: with
// the first one of a network the kernel would remove the others. With an IPv6
// address that a router gave, it leaves the route.
func (p *plan) strip(l netlink.Link, moved map[addrKey]bool) {
	for _, a := range slices.Backward(p.now.addrsOf(l.Attrs().Index)) {
		what := fmt.Sprintf("took %s off %s", shown(a), l.Attrs().Name)
		if moved[keyOf(a)] {
			what = ""
		}
		p.takeAddress(what, l, a)
	}
	for _, r := range p.now.routesOf(l.Attrs().Index) {
		if r.Family == unix.AF_INET6 && p.now.fateOf(r) == follows {
			p.takeRoute("", r)
		}
	}
}
