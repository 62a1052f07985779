package bridge

import (
	"testing"

	"github.com/guestrc/guestrc/tests/lab"
)

// simple is uplink with one address and one way.
func simple(t *testing.T) (router int) {
	t.Helper()
	router = guest(t)
	veth(t, "eth0", router)
	within(t, router, func() error {
		if err := give("lo", "198.51.100.1/32"); err != nil {
			return err
		}
		return give("eth0p", "10.9.0.254/24")
	})
	must(t, give("eth0", "10.9.0.1/24"))
	route(t, "eth0", Route{Via: ip("10.9.0.254")})
	route(t, "eth0", Route{Dst: network("10.4.0.0/16"), Via: ip("10.9.0.254")})
	return router
}

// A port that has the address of its bridge would answer with it and hear
// nothing, whether or not the spec says what becomes of the port.
func TestTheHostStaysReachableWhereTheBridgeHasItsPortsAddress(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	router := simple(t)
	s := spec("eth0").with("10.9.0.1/24")
	s.Routes = []Route{{Via: ip("10.9.0.254")}}
	near, far, in := talk(t, 0, router, "10.9.0.254"), talk(t, 0, router, "198.51.100.1"), talk(t, router, 0, "10.9.0.1")
	converge(t, s, "made br0", "added 10.9.0.1/24", "plugged in eth0", "added the route default via 10.9.0.254",
		"moved the route 10.4.0.0/16 via 10.9.0.254", "took off the route default via 10.9.0.254", "took 10.9.0.1/24 off eth0")
	for _, tr := range []*traffic{near, far, in} {
		tr.goesOn(t)
		tr.lost(t, 300)
	}
	equal(t, "eth0", of(t, "eth0"), has{})

	must(t, give("eth0", "10.9.0.1/16")) // and somebody gave it back, in another network
	converge(t, s, "took 10.9.0.1/16 off eth0")
}

func TestAnAddressMovesAsTheSpecHasIt(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	simple(t)
	converge(t, spec("eth0").with("10.9.0.1/16").moving(), "made br0", "added 10.9.0.1/16", "plugged in eth0",
		"moved the route default via 10.9.0.254", "moved the route 10.4.0.0/16 via 10.9.0.254", "took 10.9.0.1/24 off eth0")
}

func TestAMoveOfNothingIsTold(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	router := guest(t)
	veth(t, "eth0", router)
	must(t, give("eth0"))
	converge(t, spec("eth0").moving(), "made br0", "eth0 has no address to move", "plugged in eth0")
}
