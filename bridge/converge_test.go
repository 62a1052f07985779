package bridge

import (
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"

	"github.com/guestrc/guestrc/tests/lab"
)

func TestAPrivateBridgeIsMadeOnce(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	s := spec().with("172.16.11.1/24", "fd00:11::1/64")
	converge(t, s, "made br0", "added 172.16.11.1/24", "added fd00:11::1/64")
	got, err := Look("br0")
	must(t, err)
	equal(t, "addresses", fmt.Sprint(got.Addresses), "[172.16.11.1/24 fd00:11::1/64]")
	if !got.Exists || !got.Up || got.Ports != nil {
		t.Errorf("%+v", got)
	}
	first, err := netlink.LinkByName("br0")
	must(t, err)
	must(t, Delete(t.Context(), s, nil))
	must(t, Delete(t.Context(), s, nil)) // absent is fine
	if got, err := Look("br0"); err != nil || got.Exists {
		t.Errorf("%+v, %v", got, err)
	}
	converge(t, s, "made br0", "added 172.16.11.1/24", "added fd00:11::1/64")
	again, err := netlink.LinkByName("br0")
	must(t, err)
	equal(t, "MAC of the bridge that came back", again.Attrs().HardwareAddr.String(), first.Attrs().HardwareAddr.String())
}

// Each field by itself, on a bridge that is there, and there again.
func TestOnlyWhatDiffersIsSet(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs("eth0"), PeerName: "eth0p"}))
	must(t, give("eth0p"))
	converge(t, spec("eth0"), "made br0", "plugged in eth0", "set eth0 up")
	mac, err := net.ParseMAC("02:00:00:00:00:07")
	must(t, err)
	year := after("8760h")
	for _, c := range []struct {
		is   Spec
		want []string
	}{
		{Spec{ForwardDelay: after("0s")}, []string{"set forward delay to 0s"}},
		{Spec{ForwardDelay: after("4.5s")}, []string{"set forward delay to 4.5s"}},
		{Spec{HelloTime: after("1.23s")}, []string{"set hello time to 1.23s"}},
		{Spec{MaxAge: after("6s")}, []string{"set max age to 6s"}},
		{Spec{AgeingTime: after("0s")}, []string{"set ageing time to 0s"}},
		{Spec{AgeingTime: after("333.33s")}, []string{"set ageing time to 5m33.33s"}},
		{Spec{Priority: on(uint16(4096))}, []string{"set priority to 4096"}},
		{Spec{STP: on(true)}, []string{"set STP to on"}},
		{Spec{STP: on(false), ForwardDelay: after("1s")}, []string{"set STP to off", "set forward delay to 1s"}},
		{Spec{VLANFiltering: on(false)}, nil},
		{Spec{MulticastSnooping: on(false)}, []string{"set multicast snooping to off"}},
		{Spec{MTU: 1400}, []string{"set MTU to 1400"}},
		{Spec{PortMTU: 1450}, []string{"set MTU of eth0 to 1450"}},
		{Spec{TxQueueLen: 77}, []string{"set queue length to 77"}},
		{Spec{MAC: mac}, []string{"set MAC to 02:00:00:00:00:07"}},
		{Spec{Addresses: []Address{{Prefix: network("10.1.0.1/24"), Label: "br0:1", Scope: "link", Broadcast: ip("10.1.0.99"), Valid: year}}}, []string{"added 10.1.0.1/24"}},
		{Spec{Addresses: []Address{{Prefix: network("10.1.0.1/25")}}}, []string{"changed 10.1.0.1/24 to 10.1.0.1/25"}},
		{Spec{Addresses: []Address{{Prefix: network("10.2.0.1/32"), Peer: network("10.2.0.2/32")}}}, []string{"added 10.2.0.1 peer 10.2.0.2/32"}},
		{Spec{Addresses: []Address{{Prefix: network("fd00:1::1/64"), Valid: year, Preferred: after("0s"), NoDAD: true}}}, []string{"added fd00:1::1/64"}},
		{Spec{Addresses: []Address{{Prefix: network("fd00:2::1/64"), NoDAD: true, NoPrefixRoute: true}}}, []string{"added fd00:2::1/64"}},
		{Spec{Routes: []Route{{Via: ip("10.1.0.2")}}}, []string{"added the route default via 10.1.0.2"}},
		{Spec{Routes: []Route{{Dst: network("10.3.0.0/16"), Via: ip("10.1.0.2"), Metric: 9}}}, []string{"added the route 10.3.0.0/16 via 10.1.0.2 metric 9"}},
		{Spec{Routes: []Route{{Dst: network("10.4.0.0/16"), Src: ip("10.1.0.1"), MTU: 1300, Table: 300}}}, []string{"added the route 10.4.0.0/16 table 300"}},
		{Spec{Routes: []Route{{Dst: network("10.5.0.0/16"), Scope: "host"}}}, []string{"added the route 10.5.0.0/16"}},
		{Spec{Routes: []Route{{Dst: network("10.6.0.0/16"), Via: ip("9.9.9.9"), OnLink: true}}}, []string{"added the route 10.6.0.0/16 via 9.9.9.9"}},
		{Spec{Addresses: []Address{{Prefix: network("fd00:4::1/64")}}, Routes: []Route{{Dst: network("fd00:5::/64"), Src: ip("fd00:4::1")}}},
			[]string{"added fd00:4::1/64", "added the route fd00:5::/64"}},
		{Spec{Routes: []Route{{Via: ip("fe80::1")}}}, []string{"added the route default via fe80::1"}},
		{Spec{Routes: []Route{{Dst: network("fd00:3::/64"), Via: ip("fd00:1::2"), Src: ip("fd00:1::1"), Metric: 5, MTU: 1280}}}, []string{"added the route fd00:3::/64 via fd00:1::2 metric 5"}},
		// other ways to the same
		{Spec{Routes: []Route{{Via: ip("10.1.0.3")}}}, []string{"added the route default via 10.1.0.3", "removed the route default via 10.1.0.2"}},
		{Spec{Routes: []Route{{Via: ip("fd00:1::3")}}}, []string{"added the route default via fd00:1::3", "removed the route default via fe80::1"}},
		{Spec{Routes: []Route{{Via: ip("fd00:1::3"), MTU: 1290}}}, []string{"removed the route default via fd00:1::3", "added the route default via fd00:1::3"}},
		{Spec{Routes: []Route{{Via: ip("10.1.0.3"), MTU: 1290}}}, []string{"added the route default via 10.1.0.3", "removed the route default via 10.1.0.3"}},
		{Spec{Routes: []Route{{Via: ip("10.1.0.3")}}}, []string{"added the route default via 10.1.0.3", "removed the route default via 10.1.0.3"}},
		{Spec{Routes: []Route{{Via: ip("fd00:1::3")}, {Via: ip("fd00:1::4")}}}, []string{"removed the route default via fd00:1::3", "added the route default via fd00:1::3", "added the route default via fd00:1::4"}},
	} {
		c.is.Name, c.is.Ports = "br0", []string{"eth0"}
		converge(t, c.is, c.want...)
	}
	now := of(t, "br0")
	if len(now.Addrs) != 5 || len(now.Routes) != 9 {
		t.Errorf("what a later spec does not list is gone: %q", now)
	}
}

func TestANewBridgeHasAllAtOnce(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	mac, err := net.ParseMAC("02:00:00:00:00:08")
	must(t, err)
	s := spec().with("10.1.0.1/24")
	s.STP, s.ForwardDelay, s.AgeingTime, s.MTU, s.MAC = on(false), after("0s"), after("10s"), 9000, mac
	s.Routes = []Route{{Via: ip("10.7.0.1")}, {Dst: network("10.7.0.1/32")}} // the gateway comes first
	converge(t, s, "made br0", "set STP to off", "set forward delay to 0s", "set ageing time to 10s",
		"set MTU to 9000", "added 10.1.0.1/24", "added the route 10.7.0.1/32", "added the route default via 10.7.0.1")
	br, err := netlink.LinkByName("br0")
	must(t, err)
	options, err := readOptions(br.Attrs().Index)
	must(t, err)
	if br.Attrs().MTU != 9000 || br.Attrs().HardwareAddr.String() != mac.String() || options[nl.IFLA_BR_AGEING_TIME] != 1000 ||
		options[nl.IFLA_BR_FORWARD_DELAY] != 0 {
		t.Errorf("%+v %v", br.Attrs(), options)
	}
}

// A kernel may be built without; then that is said, and off is what it is.
func TestVLANFilteringIsSetOrNotSupported(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	converge(t, spec(), "made br0")
	options, err := readOptions(index(t, "br0"))
	must(t, err)
	s := spec()
	s.VLANFiltering = on(true)
	if _, supported := options[nl.IFLA_BR_VLAN_DEFAULT_PVID]; supported {
		converge(t, s, "set VLAN filtering to on")
		s.VLANFiltering = on(false)
		converge(t, s, "set VLAN filtering to off")
	} else {
		refused(t, s, "cannot set VLAN filtering of br0 to on: this kernel is built without (operation not supported)")
	}
}

func TestWhatCannotBeIsRefusedBeforeAnythingChanges(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs("eth0"), PeerName: "eth1"}))
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs("br1")}))
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs("br2")}))
	must(t, Plug(Link{Name: "eth1", Index: index(t, "eth1"), Kind: "veth"}, "br1"))
	must(t, give("eth0", "10.0.0.1/24"))
	br1, err := netlink.LinkByName("br1")
	must(t, err)
	must(t, netlink.LinkAddAltName(br1, "br5"))
	for why, s := range map[string]Spec{
		"cannot manage eth0: it is no bridge but an interface of the kind veth":                                                     {Name: "eth0"},
		"cannot plug eth7 into br0: there is no such interface":                                                                     spec("eth0", "eth7").with("10.0.0.2/24").moving(),
		"cannot plug eth1 into br0: it is a port of br1":                                                                            spec("eth0", "eth1").moving(),
		"cannot manage br5: it is another name of br1":                                                                              {Name: "br5"},
		"cannot plug br5 into br0: it is another name of br1: write that":                                                           spec("br5"),
		"cannot take the addresses off br5: it is another name of br1: write that":                                                  {Name: "br0", NoAddresses: []string{"br5"}},
		"cannot make br0 as it is to be: MTU of 1 bytes: there are 68 to 65535\nMTU of the ports of 2 bytes: there are 68 to 65535": {Name: "br0", MTU: 1, PortMTU: 2},
		"cannot plug eth0 into br0: eth0 keeps 10.0.0.1/24, where it does not work: what arrives there is the bridge's":             spec("eth0").with("10.0.0.2/24"),
		"cannot take the addresses off eth7: there is no such interface":                                                            {Name: "br0", Ports: []string{"eth0"}, NoAddresses: []string{"eth7"}},
		"cannot take the addresses off br2: it is the bridge itself":                                                                {Name: "br2", NoAddresses: []string{"br2"}},
		"cannot set forward delay of br0 to 1s: with STP it is at least 2s":                                                         {Name: "br0", STP: on(true), ForwardDelay: after("1s")},
		"cannot make a bridge called \"a/b\": an interface's name has 1 to 15 bytes, without space, slash and colon":                {Name: "a/b"},
		"cannot make br0 as it is to be: route 10.0.0.0/8 via fd00::1: IPv4 and IPv6 are mixed":                                     {Name: "br0", Routes: []Route{{Dst: network("10.0.0.0/8"), Via: ip("fd00::1")}}},
		"cannot make br0 as it is to be: hello time of 11s: there are 1s to 10s":                                                    {Name: "br0", HelloTime: after("11s")},
		"cannot make br0 as it is to be: it cannot be a port: \"br0\"\naddress 224.0.0.1/4: it is not one of an interface":          spec("br0").with("224.0.0.1/4"),
	} {
		{
			refused(t, s, why)
		}
	}
}

func TestWhatTheKernelRefusesIsTakenBack(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	mtu := spec("eth0").with("10.1.0.1/24").moving()
	mtu.PortMTU, mtu.NoAddresses = 1400, []string{"eth0"}
	late := mtu
	late.Routes = []Route{{Dst: network("10.77.0.0/16"), Via: ip("10.78.0.1")}}
	refused(t, late, "cannot add the route 10.77.0.0/16 via 10.78.0.1 to br0: its gateway is on none of the interface's networks (network is unreachable)")
	refused(t, spec("eth0", "lo").moving(), "cannot plug lo into br0: it is the loopback")
	must(t, os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0))
	refused(t, spec("eth0").moving(), "cannot add fd00:9::1/64 to br0: IPv6 is off there, see net.ipv6.conf of sysctl(8) (permission denied)")
	must(t, os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("0"), 0))
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs("br1")}))
	refused(t, spec("eth0", "br1").moving(), "cannot plug br1 into br0: it is a bridge or leads back to this one (too many levels of symbolic links)")

	// the same on a bridge that is there: it stays as it was
	s := spec().with("10.1.0.1/24")
	converge(t, s, "made br0", "added 10.1.0.1/24")
	late.STP, late.AgeingTime, late.MTU, late.TxQueueLen, late.MAC = on(true), after("5s"), 1300, 5, net.HardwareAddr{2, 0, 0, 0, 0, 9}
	before, err := readOptions(index(t, "br0"))
	must(t, err)
	refused(t, late, "cannot add the route 10.77.0.0/16 via 10.78.0.1 to br0: its gateway is on none of the interface's networks (network is unreachable)")
	now, err := readOptions(index(t, "br0"))
	must(t, err)
	for _, o := range late.options() {
		equal(t, o.name, now[o.attr], before[o.attr])
	}
}
