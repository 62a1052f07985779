package bridge

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

// addrOf is what the bridge has of an IP: "10.1.0.1/24 brd 10.1.0.255 scope 0 label br0".
func addrOf(t *testing.T, addr string) (found []string) {
	t.Helper()
	now, err := read("none")
	must(t, err)
	for _, a := range now.addrsOf(index(t, "br0")) {
		if a.IP.String() == addr {
			found = append(found, fmt.Sprintf("%s brd %v scope %d label %q prefixroute %v", shown(a), a.Broadcast, a.Scope, a.Label, a.Flags&unix.IFA_F_NOPREFIXROUTE == 0))
		}
	}
	return found
}

func TestAnEditedAddressTakesThePlaceOfTheOldOne(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	four, six := Address{Prefix: network("10.1.0.1/24")}, Address{Prefix: network("fd00::1/64")}
	s := spec()
	s.Addresses = []Address{four, six}
	s.Routes = []Route{{Dst: network("10.5.0.0/16"), Via: ip("10.1.0.2"), Src: ip("10.1.0.1")}, {Dst: network("fd00:5::/64"), Via: ip("fd00::2")}}
	_, err := Converge(t.Context(), s)
	must(t, err)
	must(t, give("br0", "10.1.0.7/24", "10.1.0.8/24")) // somebody's, which go with the first of the network
	must(t, os.WriteFile("/proc/sys/net/ipv4/conf/br0/promote_secondaries", []byte("0"), 0))
	before := sorted(of(t, "br0"))
	edit := func(a Address, what string, edit func(*Address), want string) {
		t.Helper()
		edit(&a)
		e := s
		e.Addresses = []Address{a}
		failing, err := planFor(e)
		must(t, err)
		failing.add(step{task: "fail", do: func(context.Context) error { return unix.ENOMEM }})
		if _, err := failing.run(t.Context()); err == nil || fmt.Sprint(sorted(of(t, "br0"))) != fmt.Sprint(before) {
			t.Errorf("%s is not taken back: %v\n%v\n%v", what, err, of(t, "br0"), before)
		}
		converge(t, e, what)
		if got := addrOf(t, a.Prefix.Addr().String()); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %s", what, got, want)
		}
		must(t, func() error { _, err := Converge(t.Context(), s); return err }())
	}
	edit(four, "changed 10.1.0.1/24 to 10.1.0.1/16", func(a *Address) { a.Prefix = network("10.1.0.1/16") },
		`10.1.0.1/16 brd 10.1.255.255 scope 0 label "br0" prefixroute true`)
	edit(six, "changed fd00::1/64 to fd00::1/48", func(a *Address) { a.Prefix = network("fd00::1/48") },
		`fd00::1/48 brd <nil> scope 0 label "" prefixroute true`)
	equal(t, "what there is", sorted(of(t, "br0")), before)
	was, err := readSysctl("ipv4/conf/br0/promote_secondaries")
	must(t, err)
	equal(t, "promote_secondaries", was, "0")
}

// What a spec no longer says stays, but for how long an address is valid.
func TestWhatASpecSaysOfAnAddressIsSeenTo(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	a := Address{Prefix: network("10.1.0.1/24")}
	s := spec()
	s.Addresses = []Address{a}
	s.Routes = []Route{{Via: ip("10.1.0.2")}}
	_, err := Converge(t.Context(), s)
	must(t, err)
	for _, c := range []struct {
		edit       func()
		what, want string
	}{
		{func() { a.Broadcast = ip("10.1.0.9") }, "changed 10.1.0.1/24", `10.1.0.1/24 brd 10.1.0.9 scope 0 label "br0" prefixroute true`},
		{func() { a.Broadcast = ip("0.0.0.0") }, "changed 10.1.0.1/24", `10.1.0.1/24 brd <nil> scope 0 label "br0" prefixroute true`},
		{func() { a.Scope = "site" }, "changed 10.1.0.1/24", `10.1.0.1/24 brd <nil> scope 200 label "br0" prefixroute true`},
		{func() { a.Label = "br0:x" }, "changed 10.1.0.1/24", `10.1.0.1/24 brd <nil> scope 200 label "br0:x" prefixroute true`},
		{func() { a.NoPrefixRoute = true }, "changed 10.1.0.1/24", `10.1.0.1/24 brd <nil> scope 200 label "br0:x" prefixroute false`},
		{func() { a.Valid = after("1h") }, "renewed 10.1.0.1/24", `10.1.0.1/24 brd <nil> scope 200 label "br0:x" prefixroute false`},
		{func() { a.Valid = after("10m") }, "renewed 10.1.0.1/24", `10.1.0.1/24 brd <nil> scope 200 label "br0:x" prefixroute false`},
		{func() { a.Preferred = after("0s") }, "renewed 10.1.0.1/24", `10.1.0.1/24 brd <nil> scope 200 label "br0:x" prefixroute false`},
		{func() { a.Valid, a.Preferred = nil, nil }, "renewed 10.1.0.1/24", `10.1.0.1/24 brd <nil> scope 200 label "br0:x" prefixroute false`},
		{func() { a.Prefix = network("10.1.0.1/32") }, "changed 10.1.0.1/24 to 10.1.0.1/32", `10.1.0.1/32 brd <nil> scope 200 label "br0:x" prefixroute false`},
		{func() { a.Label = "br0:y" }, "changed 10.1.0.1/32", `10.1.0.1/32 brd <nil> scope 200 label "br0:y" prefixroute false`},
		{func() { a = Address{Prefix: network("10.1.0.1/32")} }, "", `10.1.0.1/32 brd <nil> scope 200 label "br0:y" prefixroute false`},
	} {
		c.edit()
		s.Addresses = []Address{a}
		if c.what == "" {
			converge(t, s)
		} else {
			converge(t, s, c.what)
		}
		equal(t, "address", addrOf(t, "10.1.0.1"), []string{c.want})
		equal(t, "routes", of(t, "br0").Routes, []string{"default via 10.1.0.2"})
	}
	// two that an earlier version left side by side
	must(t, give("br0", "10.1.0.1/24"))
	converge(t, s, "took 10.1.0.1/24 off br0")
	br, err := netlink.LinkByName("br0")
	must(t, err)
	six := Address{Prefix: network("fd00::1/64"), Valid: after("1h")}
	s.Addresses = []Address{six}
	converge(t, s, "added fd00::1/64")
	s.Addresses[0].Valid = after("30m")
	converge(t, s, "renewed fd00::1/64")
	addrs, err := netlink.AddrList(br, netlink.FAMILY_V6)
	must(t, err)
	for _, a := range addrs {
		if a.IP.String() == "fd00::1" && (a.ValidLft > 1800 || a.Flags&unix.IFA_F_TENTATIVE != 0 && a.Flags&unix.IFA_F_NODAD != 0) {
			t.Errorf("%+v", a)
		}
	}
	equal(t, "routes", of(t, "br0").Routes, []string{"default via 10.1.0.2"})
}
