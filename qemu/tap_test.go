package qemu

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

func TestOpenTap(t *testing.T) {
	ownNetns(t)
	addBridge(t, "br0")
	s := dgramSocket(t)
	if err := raise(s, "br0"); err != nil {
		t.Fatal(err)
	}
	bridge := link(t, "br0")
	tap, err := openTap("qdb-0", "br0")
	if err != nil {
		t.Fatal(err)
	}
	l := link(t, "qdb-0")
	if l.HardwareAddr[0] != 0xfe {
		t.Errorf("the tap's address %s could become the bridge's", l.HardwareAddr)
	}
	if l.Flags&net.FlagUp == 0 {
		t.Error("the tap is down")
	}
	if l.MTU != bridge.MTU {
		t.Errorf("MTU %d, the bridge has %d", l.MTU, bridge.MTU)
	}
	if got := ports(t, s, "br0"); len(got) != 1 || got[0] != l.Index {
		t.Errorf("ports of the bridge: %v, want %d", got, l.Index)
	}
	request, err := unix.NewIfreq("")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlIfreq(int(tap.Fd()), unix.TUNGETIFF, request); err != nil {
		t.Fatal(err)
	}
	if flags := request.Uint16(); flags&unix.IFF_VNET_HDR == 0 || flags&unix.IFF_NO_PI == 0 || flags&unix.IFF_PERSIST != 0 {
		t.Errorf("flags of the tap: %#x", flags)
	}

	if _, err := openTap("qdb-0", "br0"); !errors.Is(err, unix.EBUSY) {
		t.Errorf("a second tap of that name: %v, want EBUSY", err)
	}
	if err := tap.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.InterfaceByName("qdb-0"); err == nil {
		t.Error("the tap outlives its file")
	}
}

// TestOpenTapMTU: a bridge with large frames keeps them.
func TestOpenTapMTU(t *testing.T) {
	ownNetns(t)
	addBridge(t, "br9")
	s := dgramSocket(t)
	request, err := unix.NewIfreq("br9")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint32(9000)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFMTU, request); err != nil {
		t.Fatal(err)
	}
	tap, err := openTap("qbig-0", "br9")
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	for _, name := range []string{"qbig-0", "br9"} {
		if mtu := link(t, name).MTU; mtu != 9000 {
			t.Errorf("%s has MTU %d, want 9000", name, mtu)
		}
	}
}

func TestOpenTapErrors(t *testing.T) {
	ownNetns(t)
	addTap(t, "tap0")
	for _, c := range []struct{ ifname, bridge, message, hint string }{
		{"qdb-0", "br7", "cannot use bridge br7", "ip link add br7 type bridge"},
		{"qdb-0", "tap0", "cannot put tap qdb-0 on tap0", "bridge"},
		{"a-name-of-17-byte", "tap0", "cannot make tap a-name-of-17-byte", ""},
	} {
		_, err := openTap(c.ifname, c.bridge)
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("openTap(%q, %q): %v, want %q", c.ifname, c.bridge, err, c.message)
		}
		var hinted *guest.Error
		if c.hint != "" && (!errors.As(err, &hinted) || !strings.Contains(hinted.Hint, c.hint)) {
			t.Errorf("openTap(%q, %q): hint of %v has no %q", c.ifname, c.bridge, err, c.hint)
		}
		if _, err := net.InterfaceByName("qdb-0"); err == nil {
			t.Errorf("openTap(%q, %q) left the tap behind", c.ifname, c.bridge)
		}
	}
}

// TestLinkDriver: the real answers of osHost, in a namespace of our own while
// /sys still shows the other one.
func TestLinkDriver(t *testing.T) {
	ownNetns(t)
	addBridge(t, "br0")
	addTap(t, "tap0")
	host := newHost(t.Context(), guest.Layout{Root: t.TempDir()})
	for name, want := range map[string]string{"br0": "bridge", "tap0": "tun", "nothing": "", "lo": "unknown"} {
		if got, err := host.LinkDriver(name); err != nil || got != want {
			t.Errorf("LinkDriver(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
}

func link(t *testing.T, name string) *net.Interface {
	t.Helper()
	l, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ports lists a bridge's by ip(8)'s way of old: SIOCBRDELIF tells who is one.
func ports(t *testing.T, s int, bridge string) []int {
	t.Helper()
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, l := range links {
		request, err := unix.NewIfreq(bridge)
		if err != nil {
			t.Fatal(err)
		}
		request.SetUint32(uint32(l.Index))
		if unix.IoctlIfreq(s, unix.SIOCBRDELIF, request) == nil {
			found = append(found, l.Index)
		}
	}
	return found
}

func TestRealHost(t *testing.T) {
	host := newHost(t.Context(), guest.Layout{Root: t.TempDir()})
	if memory, err := host.Memory(); err != nil || memory < 64<<20 {
		t.Errorf("Memory() = %d, %v", memory, err)
	}
	if cpus, err := host.CPUs(); err != nil || len(cpus) == 0 || cpus[0] != 0 {
		t.Errorf("CPUs() = %v, %v", cpus, err)
	}
	if uid, gid, err := host.User("root"); err != nil || uid != 0 || gid != 0 {
		t.Errorf(`User("root") = %d, %d, %v`, uid, gid, err)
	}
	if uid, gid, err := host.User("4000000"); err != nil || uid != 4000000 || gid != -1 {
		t.Errorf(`User("4000000") = %d, %d, %v`, uid, gid, err)
	}
	if _, _, err := host.User("no-such-user"); err == nil {
		t.Error(`User("no-such-user") finds one`)
	}
	if gid, err := host.Group("root"); err != nil || gid != 0 {
		t.Errorf(`Group("root") = %d, %v`, gid, err)
	}
	if _, err := host.Group("no-such-group"); err == nil {
		t.Error(`Group("no-such-group") finds one`)
	}
	if path, err := host.Program("sh"); err != nil || !strings.HasSuffix(path, "/sh") {
		t.Errorf(`Program("sh") = %q, %v`, path, err)
	}
	if _, err := host.Program("qemu-system-none"); err == nil {
		t.Error(`Program("qemu-system-none") finds one`)
	}
	if uid, _ := host.IDs(); uid != os.Geteuid() {
		t.Errorf("IDs() says %d", uid)
	}
}

func TestParseMemTotal(t *testing.T) {
	got, err := parseMemTotal(strings.NewReader("MemFree: 1 kB\nMemTotal:       24684096 kB\n"))
	if err != nil || got != 24684096<<10 {
		t.Errorf("%d, %v", got, err)
	}
	for _, text := range []string{"", "MemFree: 1 kB\n", "MemTotal: x kB\n", "MemTotal: -1 kB\n"} {
		if got, err := parseMemTotal(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}
