package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Neighbours calls found with every address that the kernel's table of
// neighbours has, or gets, for one of these cards, until ctx ends; it may call
// it with an address more than once. One with a scope has its link as zone.
//
// The table has only whom the host itself exchanged packets with: one whose
// guest asked the host for a lease, for a name or for the way to elsewhere.
func Neighbours(ctx context.Context, macs []net.HardwareAddr, found func(netip.Addr)) error {
	for {
		err := neighboursUntil(ctx, macs, found)
		if !errors.Is(err, unix.ENOBUFS) { // events were lost, and the table has what they said
			return err
		}
	}
}

// neighboursUntil ends with ctx, or when no more events come.
func neighboursUntil(ctx context.Context, macs []net.HardwareAddr, found func(netip.Addr)) error {
	updates, done := make(chan netlink.NeighUpdate), make(chan struct{})
	failed := make(chan error, 1)
	err := netlink.NeighSubscribeWithOptions(updates, done, netlink.NeighSubscribeOptions{
		ListExisting: true, // once it listens
		ErrorCallback: func(err error) {
			select {
			case failed <- err:
			default:
			}
		},
	})
	if err != nil {
		return fmt.Errorf("cannot watch the table of neighbours: %w", err)
	}
	defer func() {
		close(done)
		for range updates { // it ends once nobody is left to send
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case u, ok := <-updates:
			if !ok {
				return fmt.Errorf("cannot watch the table of neighbours: %w", <-failed)
			}
			if u.Type == unix.RTM_NEWNEIGH && isOneOf(u.Neigh, macs) {
				found(neighbourAddr(u.Neigh))
			}
		}
	}
}

// Answers reports whether the table has addr as one of these cards': after
// something answered there, that it was not somebody else who has the address
// by now.
func Answers(addr netip.Addr, macs []net.HardwareAddr) (bool, error) {
	all, err := whole(func() ([]netlink.Neigh, error) { return netlink.NeighList(0, unix.AF_UNSPEC) })
	if err != nil {
		return false, fmt.Errorf("cannot list neighbours: %w", err)
	}
	return slices.ContainsFunc(all, func(n netlink.Neigh) bool {
		return n.IP.Equal(addr.AsSlice()) && isOneOf(n, macs) && neighbourAddr(n) == addr
	}), nil
}

// isOneOf leaves out what the table has of addresses where nobody answered, and
// a bridge's own table, which knows no addresses.
func isOneOf(n netlink.Neigh, macs []net.HardwareAddr) bool {
	const nobody = unix.NUD_NONE | unix.NUD_INCOMPLETE | unix.NUD_FAILED
	return (n.Family == unix.AF_INET || n.Family == unix.AF_INET6) && n.State&^nobody != 0 && !n.IP.IsMulticast() &&
		slices.ContainsFunc(macs, func(mac net.HardwareAddr) bool { return bytes.Equal(mac, n.HardwareAddr) })
}

func neighbourAddr(n netlink.Neigh) netip.Addr {
	addr, _ := netip.AddrFromSlice(n.IP) // the kernel's are of 4 or 16 bytes
	addr = addr.Unmap()
	if addr.IsLinkLocalUnicast() && addr.Is6() {
		addr = addr.WithZone(strconv.Itoa(n.LinkIndex))
	}
	return addr
}

// LinkLocal is the IPv6 address that a card gives itself unless its system hides
// the MAC (RFC 4291, appendix A), on a link of ours; on the bridge, where the
// link is a port of one.
func LinkLocal(mac net.HardwareAddr, link string) (netip.Addr, error) {
	l, err := find(link)
	if err == nil && l == nil {
		err = errors.New("there is no such interface")
	}
	if err == nil && len(mac) != 6 {
		err = fmt.Errorf("%s is no MAC address", mac)
	}
	if err != nil {
		return netip.Addr{}, fmt.Errorf("cannot tell the address of a card on %s: %w", link, err)
	}
	index := l.Attrs().Index
	if master := l.Attrs().MasterIndex; master != 0 {
		index = master
	}
	addr := netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]})
	return addr.WithZone(strconv.Itoa(index)), nil
}
