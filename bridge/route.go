package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// defaultMetric6 is that of an IPv6 route which names none, IP6_RT_PRIO_USER.
const defaultMetric6 = 1024

// Who made a route, by include/uapi/linux/rtnetlink.h.
const (
	byRedirect = netlink.RouteProtocol(unix.RTPROT_REDIRECT)
	byKernel   = netlink.RouteProtocol(unix.RTPROT_KERNEL)
	byAdmin    = netlink.RouteProtocol(unix.RTPROT_BOOT)
	byConfig   = netlink.RouteProtocol(unix.RTPROT_STATIC)
	byRouter   = netlink.RouteProtocol(unix.RTPROT_RA)
)

func (r Route) family() int {
	for _, ip := range []netip.Addr{r.Dst.Addr(), r.Via, r.Src} {
		if ip.Is6() {
			return unix.AF_INET6
		}
		if ip.IsValid() {
			break
		}
	}
	return unix.AF_INET
}

func (r Route) String() string { return shownRoute(r.kernel()) }

// kernel is the route as netlink has it, without a link. It has been checked.
func (r Route) kernel() netlink.Route {
	k := netlink.Route{
		Family: r.family(), Dst: ipNet(r.Dst), Gw: r.Via.AsSlice(), Src: r.Src.AsSlice(),
		Priority: r.Metric, Table: r.Table, MTU: r.MTU, Type: unix.RTN_UNICAST, Protocol: byAdmin,
	}
	if !r.Dst.IsValid() {
		all := net.IPv4zero.To4()
		if k.Family == unix.AF_INET6 {
			all = net.IPv6zero
		}
		k.Dst = &net.IPNet{IP: all, Mask: make(net.IPMask, len(all))}
	}
	if k.Table == 0 {
		k.Table = unix.RT_TABLE_MAIN
	}
	if k.Family == unix.AF_INET6 && k.Priority == 0 {
		k.Priority = defaultMetric6
	}
	scope, _ := scopeOf(r.Scope)
	k.Scope = netlink.Scope(scope)
	if r.Scope == "" && !r.Via.IsValid() && k.Family == unix.AF_INET {
		k.Scope = unix.RT_SCOPE_LINK
	}
	if r.OnLink {
		k.Flags = unix.RTNH_F_ONLINK
	}
	return k
}

// shownRoute is the route in words of ip-route(8).
func shownRoute(r netlink.Route) string {
	dst := prefix(r.Dst)
	words := []string{dst.String()}
	if dst.Bits() == 0 {
		words[0] = "default"
	}
	if r.Gw != nil {
		words = append(words, "via", r.Gw.String())
	}
	if r.Priority != 0 && !(r.Family == unix.AF_INET6 && r.Priority == defaultMetric6) {
		words = append(words, fmt.Sprint("metric ", r.Priority))
	}
	if r.Table != unix.RT_TABLE_MAIN {
		words = append(words, fmt.Sprint("table ", r.Table))
	}
	return strings.Join(words, " ")
}

// routeKey is what the kernel takes for the same route with another way to go.
type routeKey struct {
	dst                netip.Prefix
	table, metric, tos int
}

func keyOfRoute(r netlink.Route) routeKey {
	return routeKey{prefix(r.Dst), r.Table, r.Priority, r.Tos}
}

// meets reports whether the route that is there does what the wanted one says.
func meets(have, want netlink.Route) bool {
	return rivals(have, want) && have.Gw.Equal(want.Gw) && have.Src.Equal(want.Src) &&
		(have.MTU == want.MTU || want.MTU == 0 && !byHand(have)) &&
		(want.Family == unix.AF_INET6 || have.Scope == want.Scope) && // IPv6 routes have none
		len(have.MultiPath) == 0 && have.Encap == nil
}

// rivals reports whether the kernel takes both for the same.
func rivals(a, b netlink.Route) bool { return keyOfRoute(a) == keyOfRoute(b) }

func byHand(r netlink.Route) bool { return r.Protocol == byAdmin || r.Protocol == byConfig }

// differs reports whether the route leads by another way to what is wanted.
func differs(r netlink.Route, wanted []netlink.Route) bool {
	return slices.ContainsFunc(wanted, func(want netlink.Route) bool { return rivals(r, want) }) &&
		!slices.ContainsFunc(wanted, func(want netlink.Route) bool { return meets(r, want) })
}

// over reports whether the route has a hop over the link.
func over(r netlink.Route, index int) bool {
	return r.LinkIndex == index || slices.ContainsFunc(r.MultiPath, func(hop *netlink.NexthopInfo) bool { return hop.LinkIndex == index })
}

// redirect is the route with the new link wherever it had one of the old.
func redirect(r netlink.Route, from []int, to int) netlink.Route {
	r.Flags &= unix.RTNH_F_ONLINK // the others tell how the hop is
	if slices.Contains(from, r.LinkIndex) {
		r.LinkIndex = to
	}
	hops := r.MultiPath
	r.MultiPath = nil
	for _, hop := range hops {
		other := *hop
		other.Flags &= unix.RTNH_F_ONLINK
		if slices.Contains(from, other.LinkIndex) {
			other.LinkIndex = to
		}
		r.MultiPath = append(r.MultiPath, &other)
	}
	return r
}

// single splits an IPv6 route of several hops, which the kernel lists as one and
// keeps as many: each can be added and removed for itself.
func single(r netlink.Route) (split []netlink.Route) {
	if r.Family != unix.AF_INET6 || len(r.MultiPath) == 0 {
		return []netlink.Route{r}
	}
	for _, hop := range r.MultiPath {
		one := r
		one.MultiPath, one.LinkIndex, one.Gw, one.Encap, one.Via = nil, hop.LinkIndex, hop.Gw, hop.Encap, hop.Via
		split = append(split, one)
	}
	return split
}

// addRoute adds it behind others to the same destination, which stay in use.
func addRoute(r netlink.Route) error {
	err := unless(unix.EEXIST, netlink.RouteAppend(&r))
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
		return fmt.Errorf("its gateway is on none of the interface's networks (%w)", err)
	}
	return err
}

// delRoute knows both words for a route that is not there: of IPv6 it is ENOENT
// when somebody else removes it at the same moment.
func delRoute(r netlink.Route) error {
	return unless(unix.ENOENT, unless(unix.ESRCH, netlink.RouteDel(&r)))
}

// putRoute plans the route over a link, whose index is known by then, where it
// was over one of from.
func (p *plan) putRoute(what, name string, to *int, r netlink.Route, from ...int) {
	put := p.now.adder(r)
	r = behind(r)
	p.add(step{
		what: what,
		task: fmt.Sprintf("add the route %s to %s", shownRoute(r), name),
		do:   func(context.Context) error { return put(redirect(r, from, *to)) },
		undo: func() error { return delRoute(redirect(r, from, *to)) },
	})
}

func (p *plan) takeRoute(what string, r netlink.Route) {
	back := p.now.adder(r)
	r = redirect(r, nil, 0)
	p.add(step{
		what: what,
		task: fmt.Sprintf("remove the route %s", shownRoute(r)),
		do:   func(context.Context) error { return delRoute(r) },
		undo: func() error { return back(behind(r)) },
	})
}

// nearFirst has gateways become reachable before routes go over them: a gateway
// is never behind another one.
func nearFirst(routes []netlink.Route) {
	slices.SortStableFunc(routes, func(a, b netlink.Route) int { return far(a) - far(b) })
}

func far(r netlink.Route) int {
	if r.Gw != nil || r.Via != nil || len(r.MultiPath) > 0 {
		return 1
	}
	return 0
}
