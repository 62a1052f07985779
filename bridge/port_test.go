package bridge

import (
	"fmt"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/guestrc/guestrc/tests/lab"
)

// tap makes one that persists, as QEMU's are that somebody else makes.
func tap(t *testing.T, name string) Link {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: attrs(name), Mode: netlink.TUNTAP_MODE_TAP}))
	l, ok, err := Lookup(name)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return l
}

// nic makes an interface that is not as those of guests are.
func nic(t *testing.T, name string) {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Vxlan{LinkAttrs: attrs(name), VxlanId: 1, Port: 4789}))
}

func TestPortsAreToldAndPluggedIn(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	for _, name := range []string{"br0", "br1"} {
		must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs(name)}))
	}
	nic(t, "eth0")
	other, ok, err := Lookup("eth0")
	if err != nil || !ok || other != (Link{Name: "eth0", Index: other.Index, Kind: "vxlan"}) {
		t.Errorf("%+v %v %v", other, ok, err)
	}
	if _, ok, err := Lookup("absent"); ok || err != nil {
		t.Error(ok, err)
	}
	if lo, ok, err := Lookup("lo"); err != nil || !ok || lo != (Link{Name: "lo", Index: 1, Kind: "device"}) {
		t.Errorf("%+v %v %v", lo, ok, err)
	}
	web, db := veth(t, "web0", guest(t)), tap(t, "db0")
	if db.Kind != "tun" {
		t.Errorf("%+v", db)
	}
	want := []Link{web, db}
	for i := range want {
		for range 2 {
			must(t, Plug(want[i], "br0"))
		}
		want[i].Master = "br0"
	}
	for _, name := range []string{"web0", "db0"} {
		l, err := netlink.LinkByName(name)
		must(t, err)
		if !up(l) {
			t.Errorf("%s is down", name)
		}
	}
	if got, err := Ports("br0"); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%+v %v", got, err)
	}
	if got, ok, err := Lookup("db0"); err != nil || !ok || got != want[1] {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := Ports("absent"); err != nil || got != nil {
		t.Errorf("%+v %v", got, err)
	}
	for why, do := range map[string]error{
		"cannot plug web0 into br1: it is a port of br0":                                                         Plug(web, "br1"),
		"cannot plug web0 into br7: there is no bridge br7":                                                      Plug(web, "br7"),
		"cannot plug web0 into eth0: cannot manage eth0: it is no bridge but an interface of the kind vxlan":     Plug(web, "eth0"),
		"cannot plug web0 into br0: there is no such interface":                                                  Plug(Link{Name: "web0", Index: 4711, Kind: "veth"}, "br0"),
		"cannot plug lo into br0: it is no Ethernet interface (invalid argument)":                                Plug(Link{Name: "lo", Index: 1, Kind: "device"}, "br0"),
		fmt.Sprintf("cannot plug web0 into br0: interface number %d is now eth0 of the kind vxlan", other.Index): Plug(Link{Name: "web0", Index: other.Index, Kind: "veth"}, "br0"),
		fmt.Sprintf("cannot plug eth0 into br0: interface number %d is now eth0 of the kind vxlan", other.Index): Plug(Link{Name: "eth0", Index: other.Index, Kind: "veth"}, "br0"),
	} {
		if do == nil || do.Error() != why {
			t.Errorf("%v\nwant %s", do, why)
		}
	}
	if _, err := Look("eth0"); err == nil {
		t.Error("eth0 is a bridge")
	}
	if err := Delete(t.Context(), Spec{Name: "eth0"}, nil); err == nil {
		t.Error("eth0 was deleted as a bridge")
	}
	must(t, Remove(db)) // a tap is a link as others are
	if there, err := Exists("db0"); err != nil || there {
		t.Error(there, err)
	}
}

func TestABridgeLeavesItsPortsBehind(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	s := spec().with("10.1.0.1/24")
	converge(t, s, "made br0", "added 10.1.0.1/24")
	ports := []Link{veth(t, "web0", guest(t)), tap(t, "db0")}
	for _, l := range ports {
		must(t, Plug(l, "br0"))
	}
	plugged, err := Ports("br0")
	must(t, err)
	converge(t, s)
	must(t, Delete(t.Context(), s, nil))
	converge(t, s, "made br0", "added 10.1.0.1/24")
	for _, l := range plugged {
		must(t, Plug(l, "br0"))
	}
	again, err := Ports("br0")
	must(t, err)
	equal(t, "ports", again, plugged)
}

// Guests talk to each other and to the host, while the bridge is looked after.
func TestGuestsLoseNothingWhileTheirBridgeConverges(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	s := spec().with("10.1.0.1/24")
	converge(t, s, "made br0", "added 10.1.0.1/24")
	web, db := guest(t), guest(t)
	for pid, name := range map[int]string{web: "web", db: "db"} {
		must(t, Plug(veth(t, name, pid), "br0"))
	}
	must(t, Plug(tap(t, "tap0"), "br0"))
	within(t, web, func() error { return give("webp", "10.1.0.2/24", "fd00:1::2/64") })
	within(t, db, func() error { return give("dbp", "10.1.0.3/24", "fd00:1::3/64") })
	plugged, err := Ports("br0")
	must(t, err)
	before, err := netlink.LinkByName("br0")
	must(t, err)

	talks := []*traffic{talk(t, web, db, "10.1.0.3"), talk(t, db, web, "fd00:1::2"), talk(t, web, 0, "10.1.0.1"), talk(t, 0, db, "10.1.0.3")}
	for i := range 100 {
		s.AgeingTime, s.MTU = after(fmt.Sprint(100+i, "s")), 1400+i%2
		s.ForwardDelay, s.MulticastSnooping, s.Priority = after(fmt.Sprint(2+i%20, "s")), on(i%2 == 0), on(uint16(4096*(1+i%2)))
		s = s.with(fmt.Sprintf("10.2.%d.1/24", i), fmt.Sprintf("fd00:2:%x::1/64", i))
		s.Routes = append(s.Routes, Route{Dst: network(fmt.Sprintf("10.3.%d.0/24", i)), Via: ip(fmt.Sprintf("10.2.%d.2", i))})
		if i == 50 { // a way out is added to what was private
			s.Ports, s.Move = []string{"eth0"}, true
		}
		changes, err := Converge(t.Context(), s)
		if err != nil || len(changes) < 7 {
			t.Fatalf("%q %v", changes, err)
		}
		if i%10 == 0 {
			settled(t, s)
		}
	}
	for range 100 {
		if changes, err := Converge(t.Context(), s); changes != nil || err != nil {
			t.Fatalf("%q %v", changes, err)
		}
	}
	for _, tr := range talks {
		tr.lost(t, 0)
	}
	now, err := Ports("br0")
	must(t, err)
	var left []Link
	for _, l := range now {
		if l.Name != "eth0" {
			left = append(left, l)
		}
	}
	equal(t, "ports", left, plugged)
	l, err := netlink.LinkByName("br0")
	must(t, err)
	equal(t, "MAC", l.Attrs().HardwareAddr.String(), before.Attrs().HardwareAddr.String())
}

func TestABridgeKeepsItsMAC(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	low := tap(t, "low")
	l, err := netlink.LinkByName("low")
	must(t, err)
	must(t, netlink.LinkSetHardwareAddr(l, net.HardwareAddr{2, 0, 0, 0, 0, 1}))
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs("web"), PeerName: "webp"}))
	nic(t, "eth0")
	mac := func(name string) string {
		t.Helper()
		l, err := netlink.LinkByName(name)
		must(t, err)
		return l.Attrs().HardwareAddr.String()
	}
	for _, c := range []struct {
		is   Spec
		like string
	}{
		{Spec{Name: "br0", Ports: []string{"web"}}, ""},             // a guest's end is not the bridge's own
		{Spec{Name: "br0", Ports: []string{"web", "eth0"}}, "eth0"}, // the way out is
		{Spec{Name: "br0", Ports: []string{"web"}, Move: true}, "web"},
	} {
		_, err := Converge(t.Context(), c.is)
		must(t, err)
		want := mac("br0")
		if c.like != "" {
			equal(t, "MAC", want, mac(c.like))
		} else if want == mac("web") {
			t.Errorf("it is that of %q", c.is.Ports)
		}
		must(t, Plug(low, "br0"))
		equal(t, "MAC with a lower one plugged in", mac("br0"), want)
		must(t, Delete(t.Context(), c.is, nil))
	}
}
