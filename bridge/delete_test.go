package bridge

import (
	"context"
	"errors"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

func TestABridgeIsNotTakenFromUnderWhoeverMayNotBeCutOff(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	s := spec("eth0").moving()
	_, err := Converge(t.Context(), s)
	must(t, err)
	first, late := tap(t, "tap0"), tap(t, "tap1")
	must(t, Plug(first, "br0"))
	first.Master, late.Master = "br0", "br0"
	stays := func(why string, mayCut func(Link) bool, want ...Link) {
		t.Helper()
		before, known := all(t), of(t, "br0")
		err := Delete(t.Context(), s, mayCut)
		var plugged *PluggedError
		if !errors.As(err, &plugged) {
			t.Fatalf("%s: %v", why, err)
		}
		equal(t, why, plugged.Links, want)
		equal(t, why, err.Error(), "cannot delete br0: plugged in: "+want[0].Name)
		delete(before, "tap1") // what is plugged in meanwhile
		now := all(t)
		delete(now, "tap1")
		equal(t, why, now, before)
		equal(t, why, of(t, "br0"), known)
	}
	stays("plugged in before", func(l Link) bool { return l.Name == "eth0" }, first)
	stays("plugged in meanwhile", func(l Link) bool {
		must(t, Plug(Link{Name: "tap1", Index: late.Index, Kind: late.Kind}, "br0"))
		return l.Name != "tap1"
	}, late)
	must(t, Delete(t.Context(), s, func(Link) bool { return true }))
	equal(t, "eth0", sorted(of(t, "eth0")), sorted(moved))
	must(t, Delete(t.Context(), s, func(Link) bool { return false })) // it is absent
}

func TestAPortThatSomebodyMovedMeanwhileIsLeftThere(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs("br1")}))
	tap(t, "tap0")
	p, err := planFor(spec("tap0"))
	must(t, err)
	p.add(step{task: "fail", do: func(context.Context) error {
		l, err := netlink.LinkByName("tap0")
		must(t, err)
		must(t, netlink.LinkSetMasterByIndex(l, index(t, "br1")))
		return unix.ENOMEM
	}})
	if _, err := p.run(t.Context()); err == nil {
		t.Error("done")
	}
	l, ok, err := Lookup("tap0")
	if err != nil || !ok || l.Master != "br1" {
		t.Errorf("%+v %v", l, err)
	}
}

func TestABridgesOtherNamesAreNoBridges(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	converge(t, spec(), "made br0")
	br, err := netlink.LinkByName("br0")
	must(t, err)
	must(t, netlink.LinkAddAltName(br, "br5"))
	if l, ok, err := Lookup("br5"); ok || err != nil {
		t.Errorf("%+v %v", l, err)
	}
	if s, err := Look("br5"); s.Exists || err != nil {
		t.Errorf("%+v %v", s, err)
	}
	if err := Delete(t.Context(), Spec{Name: "br5"}, nil); err == nil || err.Error() != "cannot manage br5: it is another name of br0" {
		t.Error(err)
	}
	if err := Plug(tap(t, "tap0"), "br5"); err == nil {
		t.Error("plugged into br0")
	}
	// A guest's configuration may call it so.
	if there, bridge, err := IsBridge("br5"); !there || !bridge || err != nil {
		t.Error(there, bridge, err)
	}
}
