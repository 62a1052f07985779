package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const forever = 1<<32 - 1 // INFINITY_LIFE_TIME

func (a Address) String() string {
	if a.Peer.IsValid() {
		return a.Prefix.Addr().String() + " peer " + a.Peer.String()
	}
	return a.Prefix.String()
}

// kernel is the address as netlink has it. It has been checked.
func (a Address) kernel() netlink.Addr {
	k := netlink.Addr{IPNet: ipNet(a.Prefix), Label: a.Label, Broadcast: a.Broadcast.AsSlice(), ValidLft: forever, PreferedLft: forever}
	if a.Peer.IsValid() {
		k.Peer = ipNet(a.Peer)
	}
	k.Scope, _ = scopeOf(a.Scope)
	if a.Scope == "" && a.Prefix.Addr().IsLoopback() {
		k.Scope = unix.RT_SCOPE_HOST
	}
	if a.Valid != nil {
		k.ValidLft = int(*a.Valid / time.Second)
		k.PreferedLft = k.ValidLft
	}
	if a.Preferred != nil {
		k.PreferedLft = int(*a.Preferred / time.Second)
	}
	if a.NoDAD {
		k.Flags |= unix.IFA_F_NODAD
	}
	if a.NoPrefixRoute {
		k.Flags |= unix.IFA_F_NOPREFIXROUTE
	}
	return k
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// prefix undoes ipNet.
func prefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	ip, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), bits)
}

// addrKey is what the kernel takes for the same address on one link. Of IPv6
// that is the address alone: net/ipv6/addrconf.c, ipv6_chk_same_addr.
type addrKey struct {
	ip  netip.Addr
	net netip.Prefix // IPv4: of the network, or of the peer
}

func keyOf(a netlink.Addr) addrKey {
	local := prefix(a.IPNet)
	switch {
	case !local.Addr().Is4():
		return addrKey{ip: local.Addr()}
	case a.Peer != nil:
		return addrKey{local.Addr(), prefix(a.Peer)}
	}
	return addrKey{local.Addr(), local}
}

// shown is the address in words of ip-address(8).
func shown(a netlink.Addr) string {
	return Address{Prefix: prefix(a.IPNet), Peer: prefix(a.Peer)}.String()
}

// kept are the flags that an address has of whoever made it; the others tell
// what has become of it.
const kept = unix.IFA_F_HOMEADDRESS | unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_MCAUTOJOIN

// carry is the address as it was, to be added to another link or once more to
// its own. Nobody else had it meanwhile, so it is usable at once.
func carry(a netlink.Addr, from, to string) netlink.Addr {
	a.Flags &= kept
	if a.IP.To4() == nil {
		a.Flags |= unix.IFA_F_NODAD
	} else if a.Broadcast == nil {
		a.Broadcast = net.IPv4zero // else one is made up
	}
	if rest, ok := strings.CutPrefix(a.Label, from); ok {
		a.Label = to + rest
	}
	if len(a.Label) >= unix.IFNAMSIZ {
		a.Label = ""
	}
	return a
}

func addAddr(index int, a netlink.Addr) error {
	a.LinkIndex = index
	err := unless(unix.EEXIST, netlink.AddrAdd(nil, &a))
	if errors.Is(err, unix.EACCES) {
		return fmt.Errorf("IPv6 is off there, see net.ipv6.conf of sysctl(8) (%w)", err)
	}
	return err
}

func delAddr(index int, a netlink.Addr) error {
	a.LinkIndex = index
	return unless(unix.EADDRNOTAVAIL, netlink.AddrDel(nil, &a))
}

// putAddress plans an address for a link, whose index is known by then.
func (p *plan) putAddress(what, name string, to *int, a netlink.Addr) {
	p.add(step{
		what: what,
		task: fmt.Sprintf("add %s to %s", shown(a), name),
		do:   func(context.Context) error { return addAddr(*to, a) },
		undo: func() error { return delAddr(*to, a) },
	})
}

// takeAddress plans to take an address off an interface.
func (p *plan) takeAddress(what string, from netlink.Link, a netlink.Addr) {
	name, index := from.Attrs().Name, from.Attrs().Index
	p.add(step{
		what: what,
		task: fmt.Sprintf("take %s off %s", shown(a), name),
		do:   func(context.Context) error { return delAddr(index, a) },
		undo: func() error { return addAddr(index, carry(a, name, name)) },
	})
}
