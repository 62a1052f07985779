package bridge

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// find finds the interfaces that the plan is about.
func (p *plan) find() error {
	return errors.Join(p.findPorts(), p.findBare())
}

// findBare finds those that end up without addresses, once the ports are known.
func (p *plan) findBare() error {
	for _, l := range p.ports {
		if p.spec.Move || p.shares(l) && !slices.Contains(p.spec.NoAddresses, l.Attrs().Name) {
			p.giving = append(p.giving, l)
		}
	}
	p.bare = slices.Clone(p.giving)
	var errs []error
	for _, name := range p.spec.NoAddresses {
		l := p.now.link(name)
		switch other := p.now.alias(name); {
		case l == nil && other != "":
			errs = append(errs, fmt.Errorf("cannot take the addresses off %s: it is another name of %s: write that", name, other))
		case l == nil:
			errs = append(errs, fmt.Errorf("cannot take the addresses off %s: there is no such interface", name))
		case name == p.spec.Name:
			errs = append(errs, fmt.Errorf("cannot take the addresses off %s: it is the bridge itself", name))
		case !slices.Contains(p.bare, l):
			p.bare = append(p.bare, l)
		}
	}
	return errors.Join(errs...)
}

func (p *plan) hasAddrs(l netlink.Link) bool { return len(p.now.addrsOf(l.Attrs().Index)) > 0 }

// fate is what becomes of a route when its link loses its addresses.
type fate int

const (
	stays   fate = iota
	follows      // the kernel made it for an address, with which it goes
	moves        // somebody made it
	ends         // a router told the kernel of it, for a time that is over
)

func (now *state) fateOf(r netlink.Route) fate {
	dst := prefix(r.Dst)
	switch {
	case r.Protocol == byRedirect, dst.Addr().Is6() && (dst.Addr().IsLinkLocalUnicast() || dst.Addr().IsMulticast()):
		return stays
	case r.Type != unix.RTN_UNICAST && (r.Type != unix.RTN_MULTICAST || dst.Addr().Is6()):
		return stays
	case r.Protocol == byRouter && now.expired(r):
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
		case !differs(r, wanted):
		case r.Family == unix.AF_INET6 && slices.ContainsFunc(wanted, func(want netlink.Route) bool { return rivals(r, want) && r.Gw.Equal(want.Gw) }):
			p.takeRoute("removed the route "+shownRoute(r), r)
		case byHand(r):
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
// giving ports become the bridge's unless it has or gets one to the same
// destination.
func (p *plan) moveRoutes() {
	has := map[routeKey]bool{}
	for _, r := range p.ownRoutes() {
		has[keyOfRoute(r)] = true
	}
	for _, r := range p.spec.Routes {
		has[keyOfRoute(r.kernel())] = true
	}
	going := slices.DeleteFunc(slices.Clone(p.now.routes), func(r netlink.Route) bool {
		f := p.now.fateOf(r)
		return f != moves && f != ends || !overAny(r, indexes(p.bare))
	})
	nearFirst(going)
	told := make([]string, len(going))
	for i, r := range going {
		if p.now.fateOf(r) == moves && overAny(r, indexes(p.giving)) && !has[keyOfRoute(r)] && !has[keyOfRoute(behind(r))] {
			p.putRoute("moved the route "+shownRoute(r), p.spec.Name, &p.index, r, indexes(p.giving)...)
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
	p.takeNeighs(l)
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
