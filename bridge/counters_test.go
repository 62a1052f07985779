package bridge

import (
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

// What goes in at one end of a veth comes out at the other, and each counts it
// on its side.
func TestTrafficIsCountedAtBothEnds(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs("gv0"), PeerName: "gv1"}))
	var index int
	for _, name := range []string{"gv1", "gv0"} {
		link, err := netlink.LinkByName(name)
		must(t, err)
		must(t, netlink.LinkSetUp(link))
		index = link.Attrs().Index
	}
	before, err := Traffic()
	must(t, err)
	if before["gv0"].Index != index {
		t.Errorf("%+v has not the index %d", before["gv0"], index)
	}
	const frames, size = 100, 1000
	s, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(s)
	for range frames {
		must(t, unix.Sendto(s, make([]byte, size), 0, &unix.SockaddrLinklayer{Ifindex: index}))
	}
	after, err := Traffic()
	must(t, err)
	if sent := after["gv0"].Sent - before["gv0"].Sent; sent < frames*size {
		t.Errorf("gv0 sent %d bytes", sent)
	}
	// The peer's own queue may not have taken all of it yet.
	if received := after["gv1"].Received - before["gv1"].Received; received < size {
		t.Errorf("gv1 received %d bytes", received)
	}
	if received := after["gv0"].Received - before["gv0"].Received; received >= size {
		t.Errorf("gv0 received %d bytes", received)
	}
}
