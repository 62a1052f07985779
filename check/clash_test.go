package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
)

// brief is "GR302 qemu.a f:1 message" of each, one to a line.
func brief(found []finding.Finding) string {
	var lines []string
	for _, f := range found {
		lines = append(lines, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", f.ID, f.Subject, f.Pos, f.Message)), " "))
	}
	return strings.Join(lines, "\n")
}

// holds is one guest whose holds are "SORT KEY" or "SORT KEY shared", one for each
// line of its file.
func holds(name string, lines ...string) Held {
	h := Held{Guest: name}
	for i, line := range lines {
		words := strings.Fields(line)
		h.Holds = append(h.Holds, guest.Hold{Sort: words[0], Key: words[1], Text: words[1], Pos: confd.Pos{File: name, Line: i + 1, Col: 3}, Shared: len(words) > 2})
	}
	return h
}

func everybody(string) bool { return true }

func TestWhatTwoGuestsMayNotHave(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b string
		want string // of qemu.a; empty: nothing
	}{
		{"a MAC address", "mac 52:54:00:00:00:01", "mac 52:54:00:00:00:01", "GR302 qemu.a qemu.a:1:3 the MAC address 52:54:00:00:00:01 is also that of qemu.b (qemu.b:1)"},
		{"another one", "mac 52:54:00:00:00:01", "mac 52:54:00:00:00:02", ""},
		{"a disk", "disk 8:1", "disk 8:1", "GR202 qemu.a qemu.a:1:3 the disk 8:1 is also that of qemu.b (qemu.b:1)"},
		{"a disk that one only reads", "disk 8:1 shared", "disk 8:1", "GR202 qemu.a qemu.a:1:3 the disk 8:1 is also that of qemu.b (qemu.b:1)"},
		{"a disk that both only read", "disk 8:1 shared", "disk 8:1 shared", ""},
		{"a key of another sort", "link 7", "cid 7", ""},
		{"an interface", "link tap0", "link tap0", "GR306 qemu.a qemu.a:1:3 the interface tap0 is also that of qemu.b (qemu.b:1)"},
		{"a vsock identifier", "cid 7", "cid 7", "GR307 qemu.a qemu.a:1:3 the vsock identifier 7 is also that of qemu.b (qemu.b:1)"},
		{"a name", "host db", "host db", "GR308 qemu.a qemu.a:1:3 the name db is also that of qemu.b (qemu.b:1)"},
		{"a UUID", "uuid u", "uuid u", "GR310 qemu.a qemu.a:1:3 the UUID u is also that of qemu.b (qemu.b:1)"},
		{"a socket", "socket /run/s", "socket /run/s", "GR311 qemu.a qemu.a:1:3 the path /run/s is also that of qemu.b (qemu.b:1)"},
		{"a CPU", "cpu 3", "cpu 3", "GR407 qemu.a qemu.a:1:3 it is pinned to the CPU 3, and so is qemu.b (qemu.b:1)"},
		{"memory", "memory x", "memory x", ""},
		{"a port", "port tcp:127.0.0.1:5901", "port tcp:127.0.0.1:5901", "GR305 qemu.a qemu.a:1:3 the port tcp:127.0.0.1:5901 is also that of qemu.b (qemu.b:1)"},
		{"a port at any address", "port tcp:0.0.0.0:5901", "port tcp:127.0.0.1:5901", "GR305 qemu.a qemu.a:1:3 the port tcp:0.0.0.0:5901 is also that of qemu.b (qemu.b:1)"},
		{"a port at any address of the other", "port tcp:[::1]:22", "port tcp:[::]:22", "GR305 qemu.a qemu.a:1:3 the port tcp:[::1]:22 is also that of qemu.b (qemu.b:1)"},
		{"a port at two addresses", "port tcp:127.0.0.1:5901", "port tcp:127.0.0.2:5901", ""},
		{"a port of two protocols", "port tcp:0.0.0.0:53", "port udp:0.0.0.0:53", ""},
		{"ports of which one begins with the other", "port tcp:0.0.0.0:590", "port tcp:0.0.0.0:5901", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := []Held{holds("qemu.a", c.a), holds("qemu.b", c.b)}
			if got := brief(Clashes(all, func(name string) bool { return name == "qemu.a" })); got != c.want {
				t.Errorf("\n%s\nwant\n%s", got, c.want)
			}
			both := len(Clashes(all, everybody))
			if want := 2 * min(len(c.want), 1); both != want {
				t.Errorf("%d findings of both, want %d", both, want)
			}
		})
	}
}

func TestOneRootfsOfTwoContainers(t *testing.T) {
	got := brief(Clashes([]Held{holds("lxc.a", "disk 8:1"), holds("lxc.b", "disk 8:1")}, everybody))
	want := "GR513 lxc.a lxc.a:1:3 the rootfs 8:1 is also that of lxc.b (lxc.b:1)\nGR513 lxc.b lxc.b:1:3 the rootfs 8:1 is also that of lxc.a (lxc.a:1)"
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	if got := brief(Clashes([]Held{holds("lxc.a", "disk 8:1"), holds("qemu.b", "disk 8:1")}, everybody)); !strings.HasPrefix(got, "GR202 lxc.a ") {
		t.Errorf("of a machine and a container: %s", got)
	}
}

func TestWhatOneGuestHasTwiceIsNoClash(t *testing.T) {
	if got := brief(Clashes([]Held{holds("qemu.a", "mac x", "mac x", "cpu 1", "cpu 1")}, everybody)); got != "" {
		t.Error(got)
	}
	got := brief(Clashes([]Held{holds("qemu.a", "mac x"), holds("qemu.b", "mac x", "mac x")}, func(n string) bool { return n == "qemu.a" }))
	if got != "GR302 qemu.a qemu.a:1:3 the MAC address x is also that of qemu.b (qemu.b:1)" {
		t.Error(got)
	}
}

func TestCPUsAreToldTogether(t *testing.T) {
	all := []Held{holds("qemu.a", "cpu 10", "cpu 2", "cpu 3"), holds("qemu.b", "cpu 2"), holds("qemu.c", "cpu 10", "cpu 2")}
	got := brief(Clashes(all, func(n string) bool { return n == "qemu.a" }))
	if got != "GR407 qemu.a qemu.a:1:3 it is pinned to the CPUs 2,10, and so is qemu.c (qemu.c:1) and qemu.b (qemu.b:1)" {
		t.Error(got)
	}
}

// A thousand copies of one guest are a thousand findings, not a million.
func TestManyAreNamedInPart(t *testing.T) {
	var all []Held
	for i := range 1000 {
		all = append(all, holds(fmt.Sprintf("qemu.%04d", i), "uuid u", "port tcp:0.0.0.0:1", "host same shared"))
	}
	found := Clashes(all, everybody)
	if len(found) != 2000 {
		t.Fatalf("%d findings", len(found))
	}
	want := "the UUID u is also that of qemu.0000 (qemu.0000:1), qemu.0001 (qemu.0001:1), qemu.0002 (qemu.0002:1) and 996 more"
	if got := found[len(found)-1].Message; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestADefaultHasNoPlace(t *testing.T) {
	all := []Held{{Guest: "qemu.a", Holds: []guest.Hold{{Sort: guest.HoldMAC, Key: "x"}}}, holds("qemu.b", "mac x")}
	want := "GR302 qemu.a the MAC address x is also that of qemu.b (qemu.b:1)\nGR302 qemu.b qemu.b:1:3 the MAC address x is also that of qemu.a (by default)"
	if got := brief(Clashes(all, everybody)); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

func needs(name string, loads bool, key string, bytes uint64) Held {
	return Held{Guest: name, Loads: loads, Holds: []guest.Hold{{Sort: guest.HoldMemory, Key: key, Amount: bytes}}}
}

func TestMemoryOfAllTogether(t *testing.T) {
	const g = 1 << 30
	host := Memory{Total: 8 * g, Huge: map[string]uint64{"/dev/hugepages": 2 * g}}
	for _, c := range []struct {
		name string
		all  []Held
		want string
	}{
		{"enough", []Held{needs("a", true, "", 4*g), needs("b", true, "", 4*g)}, ""},
		{"too much", []Held{needs("a", true, "", 4*g), needs("b", true, "", 5*g), needs("c", true, "", g/2)},
			"GR402 3 guests that start at boot or run need 9.5G of memory together, and the host has 8G: b 5G, a 4G and c 512M"},
		{"of guests that do not start", []Held{needs("a", true, "", 4*g), needs("b", false, "", 5*g)}, ""},
		{"of one alone", []Held{needs("a", true, "", 9*g)}, ""}, // which the guest is told
		{"huge pages", []Held{needs("a", true, "/dev/hugepages", g), needs("b", true, "/dev/hugepages", 3*g/2)},
			"GR403 2 guests that start at boot or run need 2.5G of memory together, and /dev/hugepages has 2G: b 1.5G and a 1G"},
		{"huge pages of which nothing is known", []Held{needs("a", true, "/mnt", g), needs("b", true, "/mnt", g)}, ""},
		{"sizes that overflow", []Held{needs("a", true, "", 1<<63), needs("b", true, "", 1<<63), needs("c", true, "", 1<<63)},
			"GR402 3 guests that start at boot or run need 4194304T of memory together, and the host has 8G: a 8388608T, b 8388608T and c 8388608T"},
	} {
		if got := brief(Sums(c.all, host)); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	if got := brief(Sums([]Held{needs("a", true, "", g), needs("b", true, "", g)}, Memory{})); got != "" {
		t.Errorf("of a host that does not tell: %s", got)
	}
}
