package netifrc

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/confd"
)

// read has theirs as net and ours as net.NAME; an empty text is no file.
func read(t *testing.T, name, theirs, ours string) (Config, error) {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{"net": theirs, "net." + name: ours} {
		if text != "" {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return Read(dir, name)
}

// told are messages with the file's base name before them.
func told(warnings []*confd.Error) (lines []string) {
	for _, w := range warnings {
		lines = append(lines, filepath.Base(w.Pos.String())+": "+w.Msg)
	}
	return lines
}

var compare = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}

func must(s string) bridge.Address { return bridge.Address{Prefix: netip.MustParsePrefix(s)} }

func ptr[T any](v T) *T { return &v }

func TestBridgesOfAVirtualisationHost(t *testing.T) {
	host, err := os.ReadFile("testdata/net")
	if err != nil {
		t.Fatal(err)
	}
	ip, pfx := netip.MustParseAddr, netip.MustParsePrefix
	for name, want := range map[string]bridge.Spec{
		"br0": {
			Ports: []string{"eth0"}, NoAddresses: []string{"eth0"}, PortMTU: 1500,
			Addresses:    []bridge.Address{{Prefix: pfx("192.0.2.10/24"), Broadcast: ip("192.0.2.255")}, {Prefix: pfx("2001:db8::10/64"), NoDAD: true}},
			Routes:       []bridge.Route{{Via: ip("192.0.2.1")}, {Dst: pfx("::/0"), Via: ip("fe80::1")}},
			ForwardDelay: ptr(time.Duration(0)), HelloTime: ptr(10 * time.Second), STP: ptr(false),
		},
		"kvmbr0": {
			Addresses:    []bridge.Address{{Prefix: pfx("172.16.11.1/24"), Broadcast: ip("172.16.11.255")}},
			ForwardDelay: ptr(time.Duration(0)), HelloTime: ptr(10 * time.Second), STP: ptr(false),
		},
		"br-lan": {
			Ports: []string{"lan10", "lan.20"}, NoAddresses: []string{"lan10", "lan.20"},
			Addresses: []bridge.Address{must("10.10.0.1/24"), must("10.10.1.1/24")}, MTU: 9000, TxQueueLen: 1000,
			Routes:   []bridge.Route{{Dst: pfx("10.11.0.0/16"), Via: ip("10.10.0.254"), Metric: 5}, {Dst: pfx("10.12.0.0/16"), Via: ip("10.10.0.254"), Metric: 7}},
			Priority: ptr(uint16(0x8000)), VLANFiltering: ptr(true), MulticastSnooping: ptr(false), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1},
		},
	} {
		c, err := read(t, name, string(host), "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want.Name = name
		if diff := cmp.Diff(want, c.Spec, compare); diff != "" || !c.Described {
			t.Errorf("%s: described %v: %s", name, c.Described, diff)
		}
		for _, w := range told(c.Warnings) {
			if !strings.Contains(w, "does not call") {
				t.Errorf("%s: %s", name, w)
			}
		}
		if len(c.Warnings) != 2 {
			t.Errorf("%s: %q, want a warning for each of the two hooks", name, told(c.Warnings))
		}
	}
	for _, name := range []string{"eth0", "br1", "lan10"} {
		if c, err := read(t, name, string(host), ""); err != nil || c.Described || len(c.Warnings) > 0 {
			t.Errorf("%s is described: %v, %v", name, c, err)
		}
	}
}

func TestOurFileDescribesABridgeByItself(t *testing.T) {
	c, err := read(t, "br0", "", `
ports="eth0"
addresses="10.0.0.1/24 10.0.1.1/24
fd00::1/64 nodad"
routes="default via 10.0.0.254"
move_addresses=no
mtu=1400
mac=02:00:00:00:00:02
stp=yes
forward_delay=2.5
hello_time=1
max_age=6
ageing_time=0
priority=4096
vlan_filtering=no
multicast_snooping=on
rc_need="net.eth0"
`)
	if err != nil || len(c.Warnings) > 0 {
		t.Fatal(err, told(c.Warnings))
	}
	six := must("fd00::1/64")
	six.NoDAD = true
	want := bridge.Spec{Name: "br0", Ports: []string{"eth0"}, Addresses: []bridge.Address{must("10.0.0.1/24"), must("10.0.1.1/24"), six},
		Routes: []bridge.Route{{Via: netip.MustParseAddr("10.0.0.254")}}, MTU: 1400, PortMTU: 1400, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, STP: ptr(true),
		ForwardDelay: ptr(2500 * time.Millisecond), HelloTime: ptr(time.Second), MaxAge: ptr(6 * time.Second), AgeingTime: ptr(time.Duration(0)),
		Priority: ptr(uint16(4096)), VLANFiltering: ptr(false), MulticastSnooping: ptr(true)}
	if diff := cmp.Diff(want, c.Spec, compare); diff != "" {
		t.Error(diff)
	}
	if c.PortsVar != "ports" || c.PortsPos.Line != 2 || len(c.Files) != 2 || len(c.Conf.Files) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestWhatDescribesABridge(t *testing.T) {
	for _, c := range []struct {
		theirs, ours string
		want         bool
	}{
		{"", "", false}, {"bridge_br0=\n", "", true}, {"bridge_br0=( eth0 )\n", "", true}, {"bridge_br0=eth0\n", "", true},
		{"config_br0=10.0.0.1/24\n", "", false}, {"bridge_force_br0=\n", "", true}, {"brctl_br0='stp on'\n", "", true},
		{"bridge_add_eth0=br0\n", "", true}, {"bridge_add_eth0=br1\n", "", false}, {"bridge_br1=\n", "", false},
		{"if x; then bridge_br0=eth0; fi\n", "", true}, {"ports=eth0\n", "", false},
		{"", "ports=\n", true}, {"", "addresses=10.0.0.1/24\n", true}, {"", "addresses=\n", false}, {"", "rc_need=net.eth0\n", false}, {"", "config_br0=null bridge_br0=eth0\n", true},
	} {
		if got, _ := read(t, "br0", c.theirs, c.ours); got.Described != c.want {
			t.Errorf("%q %q: described is %v", c.theirs, c.ours, got.Described)
		}
	}
}

func TestAddressesMoveWhereNobodyHasAConfiguration(t *testing.T) {
	for _, c := range []struct {
		theirs, ours string
		move         bool
		warning      string
	}{
		{"bridge_br0=eth0\n", "", true, "it gets the addresses of eth0"},
		{"bridge_br0=eth0 config_eth0=null\n", "", false, "it gets no address"},
		{"bridge_br0=eth0 config_br0=null\n", "", false, ""},
		{"bridge_br0=eth0 config_br0=10.0.0.1/24\n", "", false, ""},
		{"bridge_br0=\n", "", false, "it gets no address"},
		{"", "ports=eth0\n", true, ""},
		{"", "ports=eth0 move_addresses=no\n", false, ""},
		{"", "ports=eth0 addresses=10.0.0.1/24\n", false, ""},
		{"", "ports=eth0 addresses=10.0.0.1/24 move_addresses=yes\n", true, ""},
		{"bridge_br0=eth0 config_eth0=10.0.0.1/24 config_br0=null\n", "", false, "where an address does not work"},
		{"bridge_br0=eth0 config_eth0=dhcp config_br0=null\n", "", false, "where an address does not work"},
		{"bridge_br0=eth0 config_br0=null\nconfig_eth0=$(x)\n", "", false, "cannot be read, and is left out"},
	} {
		got, err := read(t, "br0", c.theirs, c.ours)
		all := strings.Join(told(got.Warnings), "\n")
		if err != nil || got.Spec.Move != c.move || !strings.Contains(all, c.warning) || c.warning == "" && all != "" {
			t.Errorf("%q %q: move is %v, %v, warnings: %s", c.theirs, c.ours, got.Spec.Move, err, all)
		}
	}
}

func TestOursGoesBeforeNetifrcs(t *testing.T) {
	c, err := read(t, "br0", "bridge_br0=eth0 config_br0=dhcp config_eth0=null mtu_br0=1500\nbridge_hello_time_br0=200\nrx=1\nroutes_br0=$(x)\n",
		"ports=eth1 addresses=10.0.0.1/24 mtu=1500 hello_time=3 routes='default via 10.0.0.2'\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"eth1"}, c.Spec.Ports); diff != "" || c.Spec.MTU != 1500 || *c.Spec.HelloTime != 3*time.Second || len(c.Spec.Routes) != 1 || len(c.Spec.Addresses) != 1 {
		t.Errorf("%+v", c.Spec)
	}
	all := strings.Join(told(c.Warnings), "\n")
	for _, want := range []string{"net.br0:1:1: ports: it differs from bridge_br0 at", "addresses: it differs from config_br0", "hello_time: it differs", "net:4:12: routes_br0: it cannot be read, and is not used"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in %s", want, all)
		}
	}
	if len(c.Warnings) != 4 {
		t.Errorf("%d warnings: %s", len(c.Warnings), all)
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, c := range []struct{ theirs, ours, at, msg string }{
		{"bridge_br0=\nconfig_br0=dhcp\n", "", "net:2:1", "no DHCP"},
		{"bridge_br0=\nconfig_br0=\"10.0.0.1/24\ndhcpv6\"\n", "", "net:2:1", "no DHCP"},
		{"", "addresses=dhcp\n", "net.br0:1:1", "no DHCP"},
		{"bridge_br0=\nif x; then config_br0=10.0.0.1/24; fi\n", "", "net:2:1", "an if command"},
		{"bridge_br0=eth0\nbridge_br0+=' eth1'\n", "", "net:2:1", "+="},
		{"a=$(x)\nbridge_br0=\nconfig_br0=$a\n", "", "net:3:1", "depends on a"},
		{"bridge_br0='br0'\n", "", "net:1:1", "port of itself"},
		{"bridge_br0='eth0123456789abc'\n", "", "net:1:1", "at most 15 bytes"},
		{"bridge_br0='eth0/x'\n", "", "net:1:1", "letters, digits"},
		{"", "ports=\nmtu=67\n", "net.br0:2:1", "68 to 65535"},
		{"", "ports=\nmtu=65536\n", "net.br0:2:1", "0 to 65535"},
		{"", "mtu=1279\naddresses=fd00::1/64\n", "net.br0:2:1", "at least 1280"},
		{"", "ports=\nmac=01:00:00:00:00:00\n", "net.br0:2:1", "not a MAC"},
		{"bridge_br0=\nmac_br0=random-ending\n", "", "net:2:1", "no random"},
		{"bridge_br0=\nbridge_hello_time_br0=2\n", "", "net:2:1", "20ms is not within 1s and 10s"},
		{"bridge_br0=\nbridge_stp_state_br0=1\nbridge_forward_delay_br0=0\n", "", "net:3:1", "not within 2s"},
		{"bridge_br0=\nbridge_priority_br0=010\n", "", "net:2:1", "octal"},
		{"bridge_br0=\nbridge_priority_br0=65536\n", "", "net:2:1", "0 to 65535"},
		{"bridge_br0=\nbrctl_br0='setfd 0\nsethello 0.5'\n", "", "net:2:1", "500ms is not within"},
		{"bridge_br0=\nbrctl_br0='setfd'\n", "", "net:2:1", "needs a value"},
		{"", "ports=\nforward_delay=0.123\n", "net.br0:2:1", "two decimals"},
		{"", "ports=\nstp=maybe\n", "net.br0:2:1", "not yes or no"},
		{"", "addresses=10.0.0.1\n", "net.br0:1:1", "no length"},
		{"", "addresses=10.0.0.1/33\n", "net.br0:1:1", "not an address"},
		{"", "addresses=fe80::1%eth0/64\n", "net.br0:1:1", "not an address"},
		{"", "addresses=224.0.0.1/24\n", "net.br0:1:1", "not an address of an interface"},
		{"", "addresses='10.0.0.1/24 netmask 255.0.0.0'\n", "net.br0:1:1", "netmask after"},
		{"", "addresses='10.0.0.1 netmask 255.0.255.0'\n", "net.br0:1:1", "a gap"},
		{"", "addresses='fd00::1/64 brd fd00::f'\n", "net.br0:1:1", "IPv6 has no broadcast"},
		{"", "addresses='10.0.0.1/24 mngtmpaddr'\n", "net.br0:1:1", "not known"},
		{"", "addresses='10.0.0.1/24 label eth0:1'\n", "net.br0:1:1", "cannot be a label"},
		{"", "ports=\nroutes='default via 10.0.0.1 dev eth0'\n", "net.br0:2:1", "cannot go out of eth0"},
		{"", "ports=\nroutes='unreachable 10.0.0.0/8'\n", "net.br0:2:1", "type unreachable"},
		{"", "ports=\nroutes='10.0.0.1/8 via 10.0.0.1'\n", "net.br0:2:1", "beyond its length"},
		{"", "ports=\nroutes='10.0.0.0/8 via fd00::1'\n", "net.br0:2:1", "mixed"},
		{"", "ports=\nroutes='default via'\n", "net.br0:2:1", "needs a value"},
		{"", "ports=\nroutes='default nexthop via 10.0.0.1'\n", "net.br0:2:1", "not known"},
		{"", "ports=\nroutes='-net 10.0.0.0 gw 10.0.0.1'\n", "net.br0:2:1", "has no length"},
		{"", "postup() { :; }\n", "net.br0:1:1", "a function"},
		{"bridge_br0=(\n", "", "net:1:", ""},
	} {
		got, err := read(t, "br0", c.theirs, c.ours)
		if err == nil {
			t.Errorf("%q %q is accepted: %+v", c.theirs, c.ours, got.Spec)
			continue
		}
		list := []error{err}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			list = joined.Unwrap()
		}
		var e *confd.Error
		if !errors.As(list[0], &e) || len(list) != 1 || !strings.HasPrefix(filepath.Base(e.Pos.String()), c.at) || !strings.Contains(e.Msg, c.msg) {
			t.Errorf("%q %q: %v, want %q at %s", c.theirs, c.ours, err, c.msg, c.at)
		}
	}
	for _, name := range []string{"", "..", "a/b", "a b", strings.Repeat("x", 16)} {
		if _, err := Read(t.TempDir(), name); err == nil {
			t.Errorf("the name %q is accepted", name)
		}
	}
}

func TestWhatIsToldAndLeftOut(t *testing.T) {
	for _, c := range []struct{ theirs, ours, want string }{
		{"bridge_br0=eth0 config_br0=null\nbrport_hairpin_mode_eth0=1\n", "", "net:2:1: brport_hairpin_mode_eth0: not done"},
		{"bridge_br0= config_br0=null\nbridge_multicast_querier_br0=1\n", "", "net:2:1: bridge_multicast_querier_br0: not done"},
		{"bridge_br0= config_br0=null\nrules_br0=x\n", "", "net:2:1: rules_br0: not done"},
		{"bridge_br0= config_br0=null\nbrctl_br0='setpathcost eth0 5'\n", "", `brctl's "setpathcost"`},
		{"bridge_br0='eth0 eth0' config_br0=null\n", "", "eth0 is there twice"},
		{"bridge_br0= config_br0='10.0.0.1/24 10.0.0.1/24'\n", "", "10.0.0.1/24 is there twice"},
		{"bridge_br0= config_br0='10.0.0.1'\n", "", "and is 10.0.0.1/32"},
		{"bridge_br0= config_br0=null\n. /x\n", "", "net:2:1: what this does"},
		{"bridge_br0= config_br0=null\npreup() { :; }\n", "", "net:2:1: guestrc does not call preup for br0"},
		{"", "ports=\nadresses=x\n", "net.br0:2:1: unknown variable"},
		{"bridge_br0='a b' config_br0=null\nmtu_a=1400 mtu_b=1500\n", "", "net:2:1: mtu_a: not used: the ports have not the same MTU"},
		{"bridge_br0='a b' config_br0=null\nmtu_b=1500\n", "", "net:2:1: mtu_b: not used: the ports have not the same MTU"},
		{"bridge_br0='a b c' config_br0=null\nmtu_a=1500 mtu_c=1500\n", "", "net:2:1: mtu_a: not used: the ports have not the same MTU"},
		{"preup() { :; }\nbridge_br1=eth0\nconfig_eth1=dhcp\neval x\nmodules=x\n", "ports=\n", ""},
		{"bridge_br0= config_br0=null\n", "config_eth0=null\ndns_servers_br0=x\n", ""},
	} {
		got, err := read(t, "br0", c.theirs, c.ours)
		lines := told(got.Warnings)
		if err != nil || c.want == "" && len(lines) > 0 || c.want != "" && (len(lines) != 1 || !strings.Contains(lines[0], c.want)) {
			t.Errorf("%q %q: %v, %q; want %q", c.theirs, c.ours, err, lines, c.want)
		}
	}
}

func TestFormsOfAddressesAndRoutes(t *testing.T) {
	ip, pfx := netip.MustParseAddr, netip.MustParsePrefix
	for text, want := range map[string][]bridge.Address{
		"10.0.0.1/24 10.0.0.2/24":                                 {must("10.0.0.1/24"), must("10.0.0.2/24")},
		"10.0.0.1 netmask 255.255.255.0 broadcast 10.0.0.255":     {{Prefix: pfx("10.0.0.1/24"), Broadcast: ip("10.0.0.255")}},
		"10.0.0.1 netmask 0xfffff000":                             {must("10.0.0.1/20")},
		"noop 10.0.0.1/24 brd +":                                  {must("10.0.0.1/24")},
		"10.0.0.1/24 brd - scope link label br0:x":                {{Prefix: pfx("10.0.0.1/24"), Broadcast: ip("0.0.0.0"), Scope: "link", Label: "br0:x"}},
		"10.0.0.1 peer 10.0.0.2":                                  {{Prefix: pfx("10.0.0.1/32"), Peer: pfx("10.0.0.2/32")}},
		"fd00::1/64 nodad preferred_lft 0 valid_lft forever":      {{Prefix: pfx("fd00::1/64"), NoDAD: true, Preferred: ptr(time.Duration(0))}},
		"10.0.0.1/24 noprefixroute\n\n  10.0.0.2/24 scope host  ": {{Prefix: pfx("10.0.0.1/24"), NoPrefixRoute: true}, {Prefix: pfx("10.0.0.2/24"), Scope: "host"}},
		"null": nil,
	} {
		c, err := read(t, "br0", "bridge_br0=\nconfig_br0='"+text+"'\n", "")
		if diff := cmp.Diff(want, c.Spec.Addresses, compare); err != nil || diff != "" {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
	for text, want := range map[string][]bridge.Route{
		"default via 10.0.0.1":                               {{Via: ip("10.0.0.1")}},
		"default gw 10.0.0.1\n10.1.0.0/16 10.0.0.2":          {{Via: ip("10.0.0.1")}, {Dst: pfx("10.1.0.0/16"), Via: ip("10.0.0.2")}},
		"-net 10.0.0.0 netmask 255.0.0.0 gw 10.0.0.1":        {{Dst: pfx("10.0.0.0/8"), Via: ip("10.0.0.1")}},
		"-net 0.0.0.0 netmask 0.0.0.0 gw 10.0.0.1":           {{Via: ip("10.0.0.1")}},
		"-host 10.0.0.9 dev br0 metric 5 src 10.0.0.1":       {{Dst: pfx("10.0.0.9/32"), Metric: 5, Src: ip("10.0.0.1")}},
		"-6 default via fe80::1":                             {{Dst: pfx("::/0"), Via: ip("fe80::1")}},
		"-6 default":                                         {{Dst: pfx("::/0")}},
		"::/0 via fe80::1":                                   {{Dst: pfx("::/0"), Via: ip("fe80::1")}},
		"-A inet6 fd00::/16 via fe80::1 table main mtu 1300": {{Dst: pfx("fd00::/16"), Via: ip("fe80::1"), Table: 254, MTU: 1300}},
		"0.0.0.0/0 via 10.9.9.9 onlink scope global":         {{Via: ip("10.9.9.9"), OnLink: true, Scope: "global"}},
	} {
		c, err := read(t, "br0", "bridge_br0= config_br0=null\nroutes_br0='"+text+"'\n", "")
		if diff := cmp.Diff(want, c.Spec.Routes, compare); err != nil || diff != "" {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
}

// TestTheUsualFormIsReadWithoutAWord: most hosts say nothing of the port.
func TestTheUsualFormIsReadWithoutAWord(t *testing.T) {
	c, err := read(t, "br0", "bridge_br0=\"eth0\"\nconfig_br0=\"192.0.2.10/24\"\nroutes_br0=\"default via 192.0.2.1\"\n", "")
	want := bridge.Spec{Name: "br0", Ports: []string{"eth0"}, Addresses: []bridge.Address{must("192.0.2.10/24")}, Routes: []bridge.Route{{Via: netip.MustParseAddr("192.0.2.1")}}}
	if diff := cmp.Diff(want, c.Spec, compare); diff != "" || err != nil || len(c.Warnings) > 0 {
		t.Errorf("%v, %q, %s", err, told(c.Warnings), diff)
	}
}

func TestAPortMayJoinByItself(t *testing.T) {
	c, err := read(t, "br0", "bridge_br0='eth1'\nbridge_add_eth0=br0\nbridge_add_eth1=br0\nbridge_add_eth2=br1\nconfig_br0=null\n", "")
	if diff := cmp.Diff([]string{"eth1", "eth0"}, c.Spec.Ports); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestTheTableIsWhatIsRead(t *testing.T) {
	var sample strings.Builder
	if err := Vars("NAME").Sample(&sample, "x"); err != nil {
		t.Fatal(err)
	}
	for _, v := range Vars("br-0") {
		if strings.Contains(v.Name, "-") {
			t.Errorf("%s is not a variable's name", v.Name)
		}
		if !strings.HasSuffix(v.Help, ".") {
			t.Errorf("%s: no full stop after %q", v.Name, v.Help)
		}
	}
}

func TestTheExamplesAreRead(t *testing.T) {
	const dir = "../../docs/examples"
	for name, want := range map[string]bridge.Spec{
		"kvmbr0": {STP: ptr(false), ForwardDelay: ptr(time.Duration(0)),
			Addresses: []bridge.Address{{Prefix: netip.MustParsePrefix("172.16.11.1/24"), Broadcast: netip.MustParseAddr("172.16.11.255")}}},
		"lan0": {Ports: []string{"eth1"}, NoAddresses: []string{"eth1"}, Addresses: []bridge.Address{must("192.0.2.10/24"), must("2001:db8::10/64")},
			Routes: []bridge.Route{{Dst: netip.MustParsePrefix("10.0.0.0/8"), Via: netip.MustParseAddr("192.0.2.1")}}},
		"br0": {Ports: []string{"eth0"}, Move: true, STP: ptr(false), ForwardDelay: ptr(time.Duration(0))},
	} {
		c, err := Read(dir, name)
		want.Name = name
		if diff := cmp.Diff(want, c.Spec, compare); err != nil || diff != "" || len(c.Warnings) > 0 {
			t.Errorf("%s: %v, %q, %s", name, err, told(c.Warnings), diff)
		}
	}
}

// FuzzRead: whatever the files say, what comes out is well formed and errors
// have a place.
func FuzzRead(f *testing.F) {
	for _, seed := range [][2]string{{"bridge_br0=eth0\nconfig_br0='10.0.0.1/24 brd +'\nroutes_br0='default via 10.0.0.2'\n", "mtu=1500\n"},
		{"bridge_br0=( a b )\nbrctl_br0='setfd 0 sethello 1.5'\n", "ports=a\naddresses='fd00::1/64 nodad'\nroutes='-net 1.0.0.0 netmask 255.0.0.0 gw 10.0.0.1'\n"},
		{"bridge_add_eth0=br0\npreup() { :; }\n. /x\n", "move_addresses=yes\nforward_delay=.5\nmac=02:00:00:00:00:01\n"}, {"brctl_br0='setfd'\nroutes_br0='-A'", "addresses='1 netmask 0x'"}} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, theirs, ours []byte) {
		files, err := confd.ParseForeign("net", theirs, "net.br0", ours)
		if err != nil {
			return
		}
		c := Config{}
		r := &reader{files: files, c: &c, ours: "net.br0", name: "br0", suffix: "_br0"}
		r.read()
		for _, err := range append(r.errs, func() (list []error) {
			for _, w := range c.Warnings {
				list = append(list, w)
			}
			return list
		}()...) {
			var e *confd.Error
			if !errors.As(err, &e) || e.Pos.Line < 1 {
				t.Errorf("no place: %v", err)
			}
		}
		for _, a := range c.Spec.Addresses {
			if !a.Prefix.IsValid() {
				t.Errorf("%+v", a)
			}
		}
		for _, p := range c.Spec.Ports {
			if wrongName(p) != "" || p == "br0" {
				t.Errorf("port %q", p)
			}
		}
	})
}

func TestNamesThatNoBridgeCanHave(t *testing.T) {
	for name, want := range map[string]string{
		"": "empty", "abcdefghijklmnop": "at most 15 bytes", "a b": "letters", "..": "letters", "all": "something else", "default": "something else", "lo": "something else",
	} {
		if _, err := Read(t.TempDir(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
