package bridge

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// acceptRA plans that the bridge hears routers as the first port does whose
// addresses move. A new bridge has the default, which on a host that forwards is
// not to: Documentation/networking/ip-sysctl.rst.
func (p *plan) acceptRA() {
	i := slices.IndexFunc(p.giving, func(l netlink.Link) bool { return p.hasAddrs(l) && !p.plugged(l) })
	if i < 0 {
		return
	}
	key := func(link string) string { return "ipv6/conf/" + link + "/accept_ra" }
	own, was := p.spec.Name, p.spec.Name
	if p.now.bridge == nil {
		was = "default"
	}
	old, err := readSysctl(key(was))
	value, noPort := readSysctl(key(p.giving[i].Attrs().Name))
	if err != nil || noPort != nil || old == value { // without IPv6 there are none
		return
	}
	p.add(step{
		what: "set accept_ra to " + value,
		task: fmt.Sprintf("set accept_ra of %s to %s", own, value),
		do:   func(context.Context) error { return writeSysctl(key(own), value) },
		undo: func() error { return writeSysctl(key(own), old) },
	})
}

func readSysctl(key string) (string, error) {
	b, err := os.ReadFile("/proc/sys/net/" + key)
	return strings.TrimSpace(string(b)), err
}

func writeSysctl(key, value string) error {
	return os.WriteFile("/proc/sys/net/"+key, []byte(value), 0)
}

// learned is what netlink.Route lacks of a route that a router told of.
type learned struct {
	until      time.Time // zero: for ever
	preference []byte    // RTA_PREF
}

type learnedKey struct {
	dst                 netip.Prefix
	via                 netip.Addr
	link, metric, table int
}

func keyOfLearned(r netlink.Route) learnedKey {
	via, _ := netip.AddrFromSlice(r.Gw)
	return learnedKey{prefix(r.Dst), via, r.LinkIndex, r.Priority, r.Table}
}

func (now *state) readLearned() error {
	if !slices.ContainsFunc(now.routes, func(r netlink.Route) bool { return r.Protocol == byRouter }) {
		return nil
	}
	dump, err := whole(func() ([][]byte, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
		req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET6}})
		return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE)
	})
	if err != nil {
		return fmt.Errorf("cannot list routes of routers: %w", err)
	}
	now.learned = map[learnedKey]learned{}
	for _, msg := range dump {
		keys, l := parseLearned(msg, time.Now())
		for _, key := range keys {
			now.learned[key] = l
		}
	}
	return nil
}

// parseLearned returns a key for each hop.
func parseLearned(msg []byte, now time.Time) (keys []learnedKey, l learned) {
	if len(msg) < unix.SizeofRtMsg || msg[5] != byte(byRouter) { // rtm_protocol
		return nil, l
	}
	var key learnedKey
	var hops []byte
	key.dst = netip.PrefixFrom(netip.IPv6Unspecified(), int(msg[1])) // rtm_dst_len
	for _, a := range nested(msg[unix.SizeofRtMsg:]) {
		number := uint32(0)
		if len(a.Value) == 4 {
			number = binary.NativeEndian.Uint32(a.Value)
		}
		switch a.Attr.Type {
		case unix.RTA_DST:
			ip, _ := netip.AddrFromSlice(a.Value)
			key.dst = netip.PrefixFrom(ip, int(msg[1]))
		case unix.RTA_GATEWAY:
			key.via, _ = netip.AddrFromSlice(a.Value)
		case unix.RTA_OIF:
			key.link = int(number)
		case unix.RTA_PRIORITY:
			key.metric = int(number)
		case unix.RTA_TABLE:
			key.table = int(number)
		case unix.RTA_MULTIPATH:
			hops = a.Value
		case unix.RTA_PREF:
			l.preference = a.Value
		case unix.RTA_CACHEINFO:
			if len(a.Value) >= 12 { // the third number of struct rta_cacheinfo
				if left := int32(binary.NativeEndian.Uint32(a.Value[8:])); left != 0 {
					l.until = now.Add(time.Duration(left) * tick)
				}
			}
		}
	}
	return key.of(hops), l
}

// of is the key of each of the hops, struct rtnexthop with attributes; of a route
// without that, it is the key.
func (k learnedKey) of(hops []byte) (keys []learnedKey) {
	if hops == nil {
		return []learnedKey{k}
	}
	for len(hops) >= unix.SizeofRtNexthop {
		size := int(binary.NativeEndian.Uint16(hops))
		if size < unix.SizeofRtNexthop || size > len(hops) {
			break
		}
		k.link = int(binary.NativeEndian.Uint32(hops[4:]))
		for _, a := range nested(hops[unix.SizeofRtNexthop:size]) {
			if a.Attr.Type == unix.RTA_GATEWAY {
				k.via, _ = netip.AddrFromSlice(a.Value)
			}
		}
		keys, hops = append(keys, k), hops[size:]
	}
	return keys
}

// expired reports whether the route of a router has ended, or is not known.
func (now *state) expired(r netlink.Route) bool {
	l, ok := now.learned[keyOfLearned(r)]
	return !ok || !l.until.IsZero() && time.Until(l.until) < time.Second
}

// adder adds the route, over whichever link, with what the state knows of it.
func (now *state) adder(r netlink.Route) func(netlink.Route) error {
	l, ok := now.learned[keyOfLearned(r)]
	if r.Protocol != byRouter || !ok {
		return addRoute
	}
	return func(r netlink.Route) error { return l.add(r) }
}

// behind has a router's route come after the kernel's own to the same router.
// Were it the same to the kernel, that would not make its own, and would pass
// over what else the router says: net/ipv6/ndisc.c, ndisc_router_discovery. The
// usual metric of both is 1024.
func behind(r netlink.Route) netlink.Route {
	if r.Protocol == byRouter {
		r.Priority |= 1
	}
	return r
}

// add is addRoute with the rest of its time.
func (l learned) add(r netlink.Route) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_APPEND|unix.NLM_F_ACK)
	ones, _ := r.Dst.Mask.Size()
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{
		Family: unix.AF_INET6, Dst_len: uint8(ones), Protocol: uint8(r.Protocol), Type: uint8(r.Type), Flags: uint32(r.Flags),
	}})
	number := func(attr, n int) { req.AddData(nl.NewRtAttr(attr, nl.Uint32Attr(uint32(n)))) }
	req.AddData(nl.NewRtAttr(unix.RTA_DST, r.Dst.IP.To16()))
	if r.Gw != nil {
		req.AddData(nl.NewRtAttr(unix.RTA_GATEWAY, r.Gw))
	}
	number(unix.RTA_OIF, r.LinkIndex)
	number(unix.RTA_PRIORITY, r.Priority)
	number(unix.RTA_TABLE, r.Table)
	if !l.until.IsZero() {
		left := time.Until(l.until)
		if left < time.Second {
			return errAlready // it would be gone
		}
		number(unix.RTA_EXPIRES, int(left/time.Second))
	}
	if l.preference != nil {
		req.AddData(nl.NewRtAttr(unix.RTA_PREF, l.preference))
	}
	metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
	for attr, n := range map[int]int{unix.RTAX_MTU: r.MTU, unix.RTAX_HOPLIMIT: r.Hoplimit} {
		if n > 0 {
			metrics.AddRtAttr(attr, nl.Uint32Attr(uint32(n)))
		}
	}
	req.AddData(metrics)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return unless(unix.EEXIST, err)
}
