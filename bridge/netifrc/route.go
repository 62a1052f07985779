package netifrc

import (
	"math"
	"net/netip"
	"slices"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/confd"
)

// routes reads routes_br0 or routes, one to a line, in the words of
// ip-route(8) or route(8).
func (r *reader) routes(s statement) (found []bridge.Route, err error) {
	for _, line := range lines(s) {
		route, err := r.route(line)
		if err != nil {
			return nil, err
		}
		found = append(found, route)
	}
	return found, nil
}

func (r *reader) route(w *words) (to bridge.Route, err error) {
	family, net := w.family(), false
	word, ok := w.next()
	if word == "-net" || word == "-host" {
		net = word == "-net"
		word, ok = w.next()
	}
	switch {
	case !ok:
		return to, w.fail("for example default via 192.0.2.1", "a route without a destination")
	case slices.Contains([]string{"blackhole", "prohibit", "throw", "unreachable", "unicast", "local", "broadcast", "multicast", "nat", "anycast"}, word):
		return to, w.fail("set it in a service of its own", "guestrc sets no routes of the type %s", word)
	case word == "default", word == "0.0.0.0", word == "0.0.0.0/0":
		if word != "default" {
			family = 4
		}
	case word == "::/0":
		family = 6
	default:
		alone := false
		if to.Dst, alone, err = w.prefix(word); err != nil {
			return to, err
		}
		if len(w.list) > 1 && w.list[0] == "netmask" && alone {
			n, err := w.netmask(w.list[1])
			if err != nil || !to.Dst.Addr().Is4() {
				return to, w.fail("", "netmask after %s", word)
			}
			to.Dst = netip.PrefixFrom(to.Dst.Addr(), n)
			w.list = w.list[2:]
		} else if net && alone {
			return to, w.fail("write "+word+"/8, if the network has 8 bits", "-net %s has no length", word)
		}
		if to.Dst != to.Dst.Masked() {
			return to, w.fail("write "+to.Dst.Masked().String(), "%s has bits beyond its length", to.Dst)
		}
	}
	if len(w.list) > 1 && w.list[0] == "netmask" && !to.Dst.IsValid() { // -net 0.0.0.0 netmask 0.0.0.0
		if n, err := w.netmask(w.list[1]); err != nil || n != 0 {
			return to, w.fail("", "netmask after %s", word)
		}
		w.list = w.list[2:]
	}
	if len(w.list) == 1 && isAddress(w.list[0]) { // 10.0.0.0/8 192.0.2.1
		w.list = append([]string{"via"}, w.list...)
	}
	for len(w.list) > 0 && err == nil {
		keyword, _ := w.next()
		err = r.routeWord(&to, keyword, w)
	}
	if err == nil {
		err = w.oneFamily(&to, family)
	}
	return to, err
}

// family reads -4, -6, -A inet6 and the like; 0 is either.
func (w *words) family() int {
	switch {
	case w.list[0] == "-4", w.list[0] == "-6":
		word, _ := w.next()
		return int(word[1] - '0')
	case len(w.list) > 1 && (w.list[0] == "-A" || w.list[0] == "-f" || w.list[0] == "-family"):
		word := w.list[1]
		w.list = w.list[2:]
		if word == "inet6" {
			return 6
		}
		return 4
	}
	return 0
}

func (r *reader) routeWord(to *bridge.Route, keyword string, w *words) error {
	if keyword == "onlink" {
		to.OnLink = true
		return nil
	}
	if !slices.Contains([]string{"via", "gw", "src", "dev", "metric", "table", "mtu", "scope"}, keyword) {
		return w.fail("via, src, metric, table, mtu, scope and onlink are", "%q in a route is not known to guestrc", keyword)
	}
	word, err := w.value(keyword)
	if err != nil {
		return err
	}
	num := func(most uint64) (int, error) {
		n, err := number(confd.Value{Name: w.of.Name + ": " + keyword, Text: word, Pos: w.of.Pos}, most)
		return int(n), err
	}
	switch keyword {
	case "via", "gw":
		if word == "inet" || word == "inet6" {
			return w.fail("write the gateway alone", "via %s", word)
		}
		to.Via, err = w.ip(word)
	case "src":
		to.Src, err = w.ip(word)
	case "dev":
		if word != r.name {
			err = w.fail("give it to that interface", "a route of %s cannot go out of %s", r.name, word)
		}
	case "metric":
		to.Metric, err = num(math.MaxUint32)
	case "mtu":
		to.MTU, err = num(mostMTU)
	case "scope":
		to.Scope, err = w.scope(word)
	case "table":
		if word == "main" {
			word = "254"
		} else if word == "default" {
			word = "253"
		}
		to.Table, err = num(math.MaxUint32)
	}
	return err
}

// oneFamily checks what has a family, and makes a default route that nothing
// else says the family of one of the family given.
func (w *words) oneFamily(to *bridge.Route, family int) error {
	for _, ip := range []netip.Addr{to.Dst.Addr(), to.Via, to.Src} {
		if !ip.IsValid() {
			continue
		}
		is := 6
		if ip.Is4() {
			is = 4
		}
		if family != 0 && family != is {
			return w.fail("", "IPv4 and IPv6 are mixed in one route")
		}
		family = is
	}
	switch {
	case to.OnLink && !to.Via.IsValid():
		return w.fail("", "onlink says of a gateway how to reach it, and there is none")
	case family == 6 && !to.Dst.IsValid():
		to.Dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return nil
}

func parseMetric(s statement) (int, error) {
	n, err := number(s.Value, math.MaxUint32)
	return int(n), err
}
