package service

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/guestrc/guestrc/tests/lab"
)

func TestExamineTellsWhatIsWrongWithABridge(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	a := netlink.NewLinkAttrs()
	a.Name = "br9"
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: a}); err != nil {
		t.Fatal(err)
	}
	tap(t, "eth0", "")
	tap(t, "eth1", "")
	tap(t, "eth9", "br9")
	eth1, err := netlink.LinkByName("eth1")
	if err == nil {
		err = netlink.AddrAdd(eth1, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 10), Mask: net.CIDRMask(24, 32)}})
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, own string
		more      map[string]string
		want      []string
	}{
		{what: "nothing", own: "ports=eth0\naddresses=10.0.0.1/24\n"},
		{what: "an absent port", own: "addresses=10.0.0.1/24\nports=absent0\n", want: []string{"GR301 2 there is no network interface absent0"}},
		{what: "a port of another", own: "ports=eth9\n", want: []string{"GR320 1 eth9 is a port of br9"}},
		{what: "in two files", own: "ports=eth0\n", more: map[string]string{"etc/conf.d/net.br1": "ports='eth5 eth0'\n"}, want: []string{"GR320 1 eth0 is a port of br1 as well"}},
		{what: "in one file", own: "ports=eth0\n", more: map[string]string{"etc/conf.d/net.br1": "ports=eth5\n", "etc/conf.d/net.eth0": "mtu_eth0=1400\n", "etc/conf.d/net.br2": "if\n"}},
		{what: "an address on a port", own: "ports=eth1\naddresses=10.0.0.1/24\n", want: []string{"GR322 0 eth1 keeps 192.0.2.10/24"}},
		{what: "that moves", own: "ports=eth1\naddresses=10.0.0.1/24\nmove_addresses=yes\n"},
		{what: "no bridge", own: "ports=\n", want: nil},
		{what: "a misspelt variable", own: "ports=\nadresses=10.0.0.1/24\n", want: []string{"GR101 2 adresses"}},
		{what: "a wrong value", own: "ports=\nmtu=lots\n", want: []string{"GR102 2 mtu"}},
		{what: "a file that is no assignments", own: "if\n", want: []string{" 1 shell syntax"}}, // check calls it GR100
		{what: "two words of one thing", own: "ports=eth0\n", more: map[string]string{"etc/conf.d/net": "bridge_br0=eth1\nconfig_br0=null\n"}, want: []string{"GR103 1 differs"}},
		{what: "nothing at all", own: "", want: []string{"GR100 0 neither"}},
		{what: "another tool's", own: "addresses=10.0.0.1/24\n", more: map[string]string{"etc/network/interfaces": "auto br0\n", "usr/sbin/ifup": ""}, want: []string{"GR321 1 ifupdown's"}},
		{what: "another tool's alone", own: "rc_need=x\n", more: map[string]string{"etc/network/interfaces": "auto br0\n", "usr/sbin/ifup": ""}},
	} {
		files := map[string]string{"etc/conf.d/net.br0": c.own}
		for name, text := range c.more {
			files[name] = text
		}
		found, err := Examine(t.Context(), layoutWith(t, files), br0)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		var got []string
		for _, e := range found {
			got = append(got, fmt.Sprintf("%s %d %s", e.ID, e.Pos.Line, e.Msg))
		}
		if !slices.EqualFunc(got, c.want, func(got, want string) bool {
			id, rest, _ := strings.Cut(want, " ")
			line, text, _ := strings.Cut(rest, " ")
			return strings.HasPrefix(got, id+" "+line+" ") && strings.Contains(got, text)
		}) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	if there, err := netlink.LinkByName("br0"); err == nil {
		t.Errorf("%s was made", there.Attrs().Name)
	}
}

func TestExamineTellsWhatDiffers(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	l := layoutWith(t, map[string]string{"etc/conf.d/net.br0": "addresses=10.0.0.1/24\n"})
	b := described(t, l)
	if _, err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found, err := Examine(t.Context(), l, br0); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
	br, err := netlink.LinkByName("br0")
	if err == nil {
		err = netlink.LinkSetDown(br)
	}
	if err != nil {
		t.Fatal(err)
	}
	found, err := Examine(t.Context(), l, br0)
	if err != nil || len(found) != 1 || found[0].ID != "GR323" || !strings.Contains(found[0].Msg, "set br0 up") {
		t.Errorf("%v, %v", found, err)
	}
}

func BenchmarkExamine(b *testing.B) {
	l := layoutWith(b, map[string]string{"etc/conf.d/net.br0": "addresses=10.0.0.1/24\nports=absent0\n", "etc/conf.d/net.br1": "ports=absent1\n"})
	for b.Loop() {
		if _, err := Examine(b.Context(), l, br0); err != nil {
			b.Fatal(err)
		}
	}
}
