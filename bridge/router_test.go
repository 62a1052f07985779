package bridge

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

// routed is a host that forwards and hears its router all the same.
func routed(t *testing.T) (router int) {
	t.Helper()
	must(t, os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1"), 0))
	router = guest(t)
	veth(t, "eth0", router)
	must(t, writeSysctl("ipv6/conf/eth0/accept_ra", "2"))
	within(t, router, func() error {
		if err := give("lo", "2001:db8:ffff::1/128"); err != nil {
			return err
		}
		return give("eth0p", "fd00:9::fe/64", "fe80::1/64")
	})
	must(t, give("eth0", "fd00:9::1/64"))
	for _, way := range [][2]string{{"::/0", "fe80::1"}, {"2001:db8:aa::/48", "fe80::1"}, {"2001:db8:aa::/48", "fe80::2"}} {
		must(t, learned{until: time.Now().Add(time.Hour), preference: []byte{1}}.add(netlink.Route{LinkIndex: index(t, "eth0"), Family: unix.AF_INET6,
			Dst: ipNet(network(way[0])), Gw: ip(way[1]).AsSlice(), Protocol: byRouter, Priority: 1024, Type: unix.RTN_UNICAST, Table: unix.RT_TABLE_MAIN, MTU: 1400}))
	}
	return router
}

// advertise has the router say that it is one, and for which network.
func advertise(t *testing.T, router int) {
	t.Helper()
	within(t, router, func() error {
		c, err := net.ListenPacket("ip6:ipv6-icmp", "fe80::1%eth0p")
		if err != nil {
			return err
		}
		defer c.Close()
		raw, err := c.(*net.IPConn).SyscallConn()
		if err != nil {
			return err
		}
		if err := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255)
		}); err != nil {
			return err
		}
		said := []byte{134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0} // RFC 4861, 4.2: for 1800 s
		prefix := []byte{3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0}
		said = append(append(said, prefix...), ip("fd00:77::").AsSlice()...)
		_, err = c.WriteTo(said, &net.IPAddr{IP: net.ParseIP("ff02::1"), Zone: "eth0p"})
		return err
	})
}

func TestTheWayThatARouterToldMovesAndTheBridgeGoesOnHearingIt(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	router := routed(t)
	s := spec("eth0").moving()
	want := []string{"2001:db8:aa::/48 via fe80::1 metric 1025", "2001:db8:aa::/48 via fe80::2 metric 1025", "default via fe80::1 metric 1025"}
	failing := s
	failing.Routes = []Route{{Dst: network("10.66.0.0/16"), Via: ip("10.77.0.1")}}
	if _, err := Converge(t.Context(), failing); err == nil {
		t.Error("a route to nowhere")
	}
	far := talk(t, 0, router, "2001:db8:ffff::1")
	changes, err := Converge(t.Context(), s)
	must(t, err)
	equal(t, "first changes", changes[:2], []string{"made br0", "set accept_ra to 2"})
	settled(t, s)
	far.goesOn(t)
	far.lost(t, 300)
	equal(t, "eth0", of(t, "eth0"), has{})
	equal(t, "routes", sorted(of(t, "br0")).Routes, want)
	for _, r := range routesOf(t, "br0") {
		if l := learnedOf(t, r); r.Protocol == byRouter && (time.Until(l.until) > time.Hour || time.Until(l.until) < 50*time.Minute || l.preference[0] != 1 || r.MTU != 1400) {
			t.Errorf("%+v %+v", r, l)
		}
	}

	told, done := make(chan netlink.AddrUpdate), make(chan struct{})
	must(t, netlink.AddrSubscribeWithOptions(told, done, netlink.AddrSubscribeOptions{ListExisting: true}))
	defer close(done)
	deadline := time.After(20 * time.Second)
	advertise(t, router)
	for heard := false; !heard; {
		select {
		case u := <-told:
			heard = u.LinkIndex == index(t, "br0") && network("fd00:77::/64").Contains(prefix(&u.LinkAddress).Addr())
		case <-deadline:
			t.Fatal("the bridge did not hear the router")
		}
	}
	equal(t, "routes", sorted(of(t, "br0")).Routes, append(want[:2:2], "default via fe80::1", want[2]))
	settled(t, s)
	must(t, Delete(t.Context(), s, nil))
	equal(t, "eth0's routes afterwards", sorted(of(t, "eth0")).Routes, want)
}

func learnedOf(t *testing.T, r netlink.Route) learned {
	t.Helper()
	now, err := read("none")
	must(t, err)
	return now.learned[keyOfLearned(r)]
}
