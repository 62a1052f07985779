package bridge

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

// neighbour is a guest on br0 with a card of that address, in a namespace.
func neighbour(t *testing.T, mac net.HardwareAddr) (pid int) {
	t.Helper()
	pid = guest(t)
	veth(t, "v0", pid)
	converge(t, spec("v0").with("10.9.0.1/24"), "made br0", "added 10.9.0.1/24", "plugged in v0", "set v0 up")
	within(t, pid, func() error {
		l, err := netlink.LinkByName("v0p")
		must(t, err)
		must(t, netlink.LinkSetHardwareAddr(l, mac))
		return give("v0p", "10.9.0.7/24")
	})
	return pid
}

// nextAddr waits for one.
func nextAddr(t *testing.T, addrs <-chan netip.Addr) netip.Addr {
	t.Helper()
	select {
	case addr := <-addrs:
		return addr
	case <-time.After(10 * time.Second):
		t.Fatal("no address comes")
		return netip.Addr{}
	}
}

// speak sends the host something to a port where nobody listens.
func speak(t *testing.T, pid int, to string) {
	t.Helper()
	within(t, pid, func() error {
		c, err := net.Dial("udp", to)
		if err == nil {
			_, err = c.Write([]byte("hello"))
			c.Close()
		}
		return err
	})
}

// A guest is known once it spoke to the host, and not before; and by the MAC
// that it has now.
func TestNeighboursAreToldWhenTheySpeak(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	mac, other := net.HardwareAddr{0x52, 0x54, 0, 1, 2, 3}, net.HardwareAddr{0x52, 0x54, 0, 9, 9, 9}
	pid := neighbour(t, mac)
	ctx, cancel := context.WithCancel(t.Context())
	addrs, ended := make(chan netip.Addr, 100), make(chan error, 1)
	go func() { ended <- Neighbours(ctx, []net.HardwareAddr{mac}, func(a netip.Addr) { addrs <- a }) }()

	must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: index(t, "br0"), State: unix.NUD_REACHABLE, IP: net.IP{10, 9, 0, 8}, HardwareAddr: other}))
	speak(t, pid, "10.9.0.1:9")
	equal(t, "first address", nextAddr(t, addrs).String(), "10.9.0.7")
	cancel()
	must(t, <-ended)

	// Who comes later finds it in the table.
	ctx, cancel = context.WithCancel(t.Context())
	go func() { ended <- Neighbours(ctx, []net.HardwareAddr{other, mac}, func(a netip.Addr) { addrs <- a }) }()
	for want := map[netip.Addr]bool{ip("10.9.0.7"): true, ip("10.9.0.8"): true}; len(want) > 0; {
		delete(want, nextAddr(t, addrs))
	}
	cancel()
	must(t, <-ended)

	for _, c := range []struct {
		addr string
		mac  net.HardwareAddr
		want bool
	}{{"10.9.0.7", mac, true}, {"10.9.0.7", other, false}, {"10.9.0.8", other, true}, {"10.9.0.9", mac, false}} {
		got, err := Answers(ip(c.addr), []net.HardwareAddr{c.mac})
		must(t, err)
		equal(t, c.addr+" is "+c.mac.String(), got, c.want)
	}
}

// The address of RFC 4291 is that which the kernel gives a card itself.
func TestALinkLocalAddressFollowsFromTheMAC(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	mac := net.HardwareAddr{0x52, 0x54, 0, 1, 2, 3}
	pid := neighbour(t, mac)
	addr, err := LinkLocal(mac, "v0") // a port: the way is over its bridge
	must(t, err)
	onBridge, err := LinkLocal(mac, "br0")
	must(t, err)
	equal(t, "on the bridge", onBridge.String(), addr.String())
	equal(t, "without zone", addr.WithZone("").String(), "fe80::5054:ff:fe01:203")

	listening := make(chan net.Listener, 1)
	within(t, pid, func() error {
		l, err := net.Listen("tcp6", "[::]:7")
		listening <- l
		return err
	})
	l := <-listening
	defer l.Close()
	// The address is tentative at first (RFC 4862, 5.4).
	for limit := time.Now().Add(20 * time.Second); ; {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(addr.String(), "7"), time.Second)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
	got, err := Answers(addr, []net.HardwareAddr{mac})
	must(t, err)
	equal(t, "it answers", got, true)
	if _, err := LinkLocal(mac, "none"); err == nil {
		t.Error("an address on a link that does not exist")
	}
	if _, err := LinkLocal(mac[:5], "br0"); err == nil {
		t.Error("an address of half a MAC")
	}
}
