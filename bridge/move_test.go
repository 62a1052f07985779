package bridge

import (
	"context"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

// What uplink gives eth0, without what the kernel makes.
var moved = has{
	Addrs: []string{"10.9.0.1/24", "172.31.0.1/16", "10.9.0.2/24", "fd00:9::1/64"},
	Routes: []string{"default via 10.9.0.254", "192.0.2.7/32", "192.168.0.0/16 via 10.9.0.254 table 100",
		"203.0.113.0/24 via 192.0.2.7 metric 7", "default via fd00:9::fe"},
}

func TestThePortsAddressesMoveAndComeBack(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	label := Address{Prefix: network("10.8.0.1/24"), Label: "eth0:1"}.kernel()
	label.Broadcast = []byte{0, 0, 0, 0} // none
	label.ValidLft, label.PreferedLft = 900, 800
	must(t, addAddr(index(t, "eth0"), label))
	before := of(t, "eth0")
	s := spec("eth0").moving()
	converge(t, s, "made br0", "moved 10.9.0.1/24 from eth0", "moved 172.31.0.1/16 from eth0", "moved 10.8.0.1/24 from eth0, valid for 15m0s: nobody renews it on br0",
		"moved 10.9.0.2/24 from eth0", "moved fd00:9::1/64 from eth0", "plugged in eth0",
		"moved the route 192.0.2.7/32", "moved the route 192.168.0.0/16 via 10.9.0.254 table 100", "moved the route default via 10.9.0.254",
		"moved the route 203.0.113.0/24 via 192.0.2.7 metric 7", "moved the route default via fd00:9::fe")
	equal(t, "eth0", of(t, "eth0"), has{})
	equal(t, "br0", sorted(of(t, "br0")), sorted(before))
	port, err := netlink.LinkByName("eth0")
	must(t, err)
	br, err := netlink.LinkByName("br0")
	must(t, err)
	equal(t, "MAC", br.Attrs().HardwareAddr.String(), port.Attrs().HardwareAddr.String())
	for _, r := range routesOf(t, "br0") {
		if shownRoute(r) == "203.0.113.0/24 via 192.0.2.7 metric 7" && (r.MTU != 1400 || r.Src.String() != "10.9.0.2") {
			t.Errorf("%+v", r)
		}
	}
	addrs, err := netlink.AddrList(br, netlink.FAMILY_ALL)
	must(t, err)
	for _, a := range addrs {
		if a.Flags&unix.IFA_F_TENTATIVE != 0 && !a.IP.IsLinkLocalUnicast() {
			t.Errorf("%s is not usable yet", a)
		}
		if a.IP.String() == "10.8.0.1" && (a.Label != "br0:1" || a.Broadcast != nil || a.ValidLft > 900 || a.ValidLft < 800) {
			t.Errorf("%+v", a)
		}
	}

	must(t, give("br0", "10.1.0.1/24"))
	s = s.with("10.2.0.1/24")
	s.Routes = []Route{{Dst: network("10.4.0.0/16")}}
	converge(t, s, "added 10.2.0.1/24", "added the route 10.4.0.0/16")
	route(t, "br0", Route{Dst: network("10.3.0.0/16"), Via: ip("10.2.0.2")}) // with a network of the spec's
	must(t, Delete(t.Context(), s, nil))
	before.Addrs = append(before.Addrs, "10.1.0.1/24") // somebody's, and not the spec's
	equal(t, "eth0 afterwards", sorted(of(t, "eth0")), sorted(before))
}

func sorted(h has) has {
	sorted := has{}
	for _, a := range h.Addrs {
		sorted.Addrs = insert(sorted.Addrs, a)
	}
	for _, r := range h.Routes {
		sorted.Routes = insert(sorted.Routes, r)
	}
	return sorted
}

func insert(to []string, s string) []string {
	for i, other := range to {
		if s < other {
			return append(append(append([]string{}, to[:i]...), s), to[i:]...)
		}
	}
	return append(to, s)
}

func routesOf(t *testing.T, name string) []netlink.Route {
	t.Helper()
	now, err := read("none")
	must(t, err)
	return now.routesOf(index(t, name))
}

func TestTheSpecsRoutesAndAddressesTakeThePlaceOfThePorts(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	s := spec("eth0").with("10.9.0.1/24", "fd00:9::1/64").moving()
	s.Routes = []Route{{Via: ip("10.9.0.253")}}
	converge(t, s, "made br0", "added 10.9.0.1/24", "added fd00:9::1/64", "moved 172.31.0.1/16 from eth0", "moved 10.9.0.2/24 from eth0",
		"plugged in eth0", "added the route default via 10.9.0.253",
		"moved the route 192.0.2.7/32", "moved the route 192.168.0.0/16 via 10.9.0.254 table 100",
		"moved the route 203.0.113.0/24 via 192.0.2.7 metric 7", "moved the route default via fd00:9::fe",
		"took off the route default via 10.9.0.254", "took fd00:9::1/64 off eth0", "took 10.9.0.1/24 off eth0")
	equal(t, "eth0", of(t, "eth0"), has{})
}

func TestAPortThatIsToHaveNoAddressLosesThem(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	s := spec("eth0").with("10.9.0.1/24")
	s.NoAddresses = []string{"eth0"}
	changes, err := Converge(t.Context(), s)
	must(t, err)
	equal(t, "number of changes", len(changes), 3+5+4) // made, added, plugged in; routes; addresses
	equal(t, "eth0", of(t, "eth0"), has{})
	equal(t, "br0", of(t, "br0"), has{Addrs: []string{"10.9.0.1/24"}})
	settled(t, s)

	must(t, give("eth0", "10.9.0.9/24")) // and somebody gave it another
	converge(t, s, "took 10.9.0.9/24 off eth0")
}

// What is told by routers, and what NetworkManager takes over from the kernel.
func TestRoutesOfOtherMakersAreNotLeftOnThePort(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	eth0 := index(t, "eth0")
	must(t, addRoute(netlink.Route{LinkIndex: eth0, Family: unix.AF_INET6, Dst: ipNet(network("::/0")), Gw: ip("fe80::9").AsSlice(), Protocol: byRouter, Priority: 512, Type: unix.RTN_UNICAST, Table: unix.RT_TABLE_MAIN}))
	must(t, addRoute(netlink.Route{LinkIndex: eth0, Family: unix.AF_INET6, Dst: ipNet(network("fd00:77::/64")), Protocol: byKernel, Priority: 256, Type: unix.RTN_UNICAST, Table: unix.RT_TABLE_MAIN}))
	must(t, addAddr(eth0, Address{Prefix: network("10.7.0.1/24"), NoPrefixRoute: true}.kernel()))
	own := Route{Dst: network("10.7.0.0/24"), Metric: 100}.kernel()
	own.LinkIndex, own.Protocol = eth0, byKernel
	must(t, addRoute(own))
	must(t, addRoute(netlink.Route{Family: unix.AF_INET, Dst: ipNet(network("10.6.0.0/16")), Type: unix.RTN_UNICAST, Table: unix.RT_TABLE_MAIN, Protocol: byConfig,
		MultiPath: []*netlink.NexthopInfo{{LinkIndex: eth0, Gw: ip("10.9.0.3").AsSlice()}, {LinkIndex: eth0, Gw: ip("10.9.0.4").AsSlice(), Hops: 1}}}))
	s := spec("eth0").moving()
	_, err := Converge(t.Context(), s)
	must(t, err)
	settled(t, s)
	for _, r := range routesOf(t, "eth0") {
		if r.Table == unix.RT_TABLE_MAIN && !r.Dst.IP.IsLinkLocalUnicast() {
			t.Errorf("left: %+v", r)
		}
	}
	found := map[string]netlink.Route{}
	for _, r := range routesOf(t, "br0") {
		found[shownRoute(r)] = r
	}
	if r := found["10.7.0.0/24 metric 100"]; r.Protocol != byKernel {
		t.Errorf("%+v", r)
	}
	if r := found["10.6.0.0/16"]; len(r.MultiPath) != 2 || r.MultiPath[1].Hops != 1 || r.MultiPath[0].LinkIndex != index(t, "br0") {
		t.Errorf("%+v", r)
	}
}

// An interrupted change is completed by the next.
func TestAMoveThatWasBrokenOffIsCompleted(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	s := spec("eth0").moving()
	p, err := planFor(s)
	must(t, err)
	for i := range p.steps {
		broken, err := planFor(s)
		must(t, err)
		broken.steps = broken.steps[:min(i, len(broken.steps))]
		_, err = broken.run(t.Context())
		must(t, err)
		_, err = Converge(t.Context(), s)
		must(t, err)
		settled(t, s)
		equal(t, "eth0", of(t, "eth0"), has{})
		equal(t, "br0", sorted(of(t, "br0")), sorted(moved))
		must(t, Delete(t.Context(), s, nil))
		equal(t, "eth0 afterwards", sorted(of(t, "eth0")), sorted(moved))
	}
}

// Whatever step fails, all is as it was.
func TestEveryStepIsTakenBack(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	s := spec("eth0").with("10.1.0.1/24").moving()
	s.Routes = []Route{{Dst: network("10.2.0.0/16"), Via: ip("10.1.0.2")}}
	p, err := planFor(s)
	must(t, err)
	before := all(t)
	for i := range p.steps {
		failing, err := planFor(s)
		must(t, err)
		failing.steps[i].do = func(context.Context) error { return unix.ENOMEM }
		if changes, err := failing.run(t.Context()); err == nil || changes != nil {
			t.Errorf("step %d: %q, %v", i, changes, err)
		}
		if now := all(t); !equalAll(t, now, before) {
			t.Fatalf("after step %d: %s", i, failing.steps[i].task)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Converge(ctx, s); err == nil {
		t.Error("done, though nobody waits")
	}
	equalAll(t, all(t), before)
}

func equalAll(t *testing.T, got, want any) bool {
	t.Helper()
	equal(t, "what there is", got, want)
	return !t.Failed()
}

func TestManyAtOnceComeToTheSame(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	s := spec("eth0").with("10.1.0.1/24").moving()
	s.Routes = []Route{{Dst: network("10.2.0.0/16"), Via: ip("10.1.0.2")}}
	s.AgeingTime = after("20s")
	for range 10 {
		var many sync.WaitGroup
		for range 8 {
			many.Go(func() {
				if _, err := Converge(t.Context(), s); err != nil {
					t.Error(err)
				}
			})
		}
		many.Wait()
		settled(t, s)
		equal(t, "eth0", of(t, "eth0"), has{})
		equal(t, "br0 has", len(of(t, "br0").Addrs)+len(of(t, "br0").Routes), len(moved.Addrs)+len(moved.Routes)+2)
		must(t, Delete(t.Context(), s, nil))
		equal(t, "eth0 afterwards", sorted(of(t, "eth0")), sorted(moved))
	}
}

func TestTheHostStaysReachableWhileItsAddressesMove(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	router := uplink(t)
	s := spec("eth0").moving()
	// The kernel itself lets some through its fingers: a new port is shut until
	// it is set up, and a bridge goes in steps. Who lost a neighbour or waited
	// for a carrier would have lost a second's, 1000.
	const few = 300
	for range 3 {
		near, far := talk(t, 0, router, "10.9.0.254"), talk(t, 0, router, "198.51.100.1")
		six, in := talk(t, 0, router, "2001:db8:ffff::1"), talk(t, router, 0, "10.9.0.1")
		_, err := Converge(t.Context(), s)
		must(t, err)
		for _, tr := range []*traffic{near, far, six, in} {
			tr.goesOn(t)
			tr.lost(t, few)
		}
		far, in = talk(t, 0, router, "198.51.100.1"), talk(t, router, 0, "10.9.0.1")
		must(t, Delete(t.Context(), s, nil))
		for _, tr := range []*traffic{far, in} {
			tr.goesOn(t)
			tr.lost(t, few)
		}
	}
}
