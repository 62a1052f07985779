package bridge

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

// neighs are the permanent ones of a link.
func neighs(t *testing.T, name string) (found []string) {
	t.Helper()
	now, err := read("none")
	must(t, err)
	for _, n := range now.neighsOf(index(t, name)) {
		found = append(found, fmt.Sprint(n.IP, n.HardwareAddr))
	}
	slices.Sort(found)
	return found
}

// The kernel takes both with the last IPv4 address, without a word.
func TestMulticastRoutesAndPermanentNeighboursMoveAndComeBack(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	eth0 := index(t, "eth0")
	route(t, "eth0", Route{Dst: network("224.0.0.0/4")})
	must(t, addRoute(netlink.Route{LinkIndex: eth0, Family: unix.AF_INET, Dst: ipNet(network("239.1.0.0/16")), Type: unix.RTN_MULTICAST, Table: unix.RT_TABLE_MAIN, Protocol: byAdmin}))
	for _, addr := range []string{"10.9.0.77", "fd00:9::77"} {
		must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: eth0, State: unix.NUD_PERMANENT, IP: ip(addr).AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 0x77}}))
	}
	routes, known := sorted(of(t, "eth0")), neighs(t, "eth0")
	if len(known) != 2 || !slices.Contains(routes.Routes, "224.0.0.0/4") || !slices.Contains(routes.Routes, "239.1.0.0/16") {
		t.Fatal(routes, known)
	}
	s := spec("eth0").moving()
	failing, err := planFor(s)
	must(t, err)
	failing.add(step{task: "fail", do: func(context.Context) error { return unix.ENOMEM }})
	if _, err := failing.run(t.Context()); err == nil {
		t.Error("done")
	}
	equal(t, "eth0 after a start that failed", sorted(of(t, "eth0")), routes)
	equal(t, "neighbours after a start that failed", neighs(t, "eth0"), known)

	changes, err := Converge(t.Context(), s)
	must(t, err)
	for _, what := range []string{"moved the neighbour 10.9.0.77 from eth0", "moved the neighbour fd00:9::77 from eth0", "moved the route 224.0.0.0/4"} {
		if !slices.Contains(changes, what) {
			t.Errorf("%s is not among %q", what, changes)
		}
	}
	settled(t, s)
	equal(t, "br0", sorted(of(t, "br0")), routes)
	equal(t, "neighbours", neighs(t, "br0"), known)
	equal(t, "number of neighbours left", len(neighs(t, "eth0")), 0)
	must(t, Delete(t.Context(), s, nil))
	equal(t, "eth0 afterwards", sorted(of(t, "eth0")), routes)
	equal(t, "neighbours afterwards", neighs(t, "eth0"), known)
}
