package bridge

import (
	"fmt"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// giveAddresses plans those of the spec and, to be moved, those of the giving
// ports. Which they are is returned.
func (p *plan) giveAddresses() (moved map[addrKey]bool) {
	var onPorts []netlink.Addr
	for _, l := range p.ports {
		onPorts = append(onPorts, p.now.addrsOf(l.Attrs().Index)...)
	}
	has := map[addrKey]netlink.Addr{}
	for _, a := range p.ownAddrs() {
		has[keyOf(a)] = a
	}
	wanted := p.wanted()
	for _, want := range p.spec.Addresses {
		a := want.kernel()
		if given := wanted[keyOf(a)]; given {
			continue
		}
		wanted[keyOf(a)] = true
		source := func(r Route) bool { return r.Src == want.Prefix.Addr() }
		known := func(on netlink.Addr) bool { return keyOf(on) == keyOf(a) }
		// A route may only name one that is no longer looked at for duplicates.
		if a.IP.To4() == nil && (slices.ContainsFunc(onPorts, known) || slices.ContainsFunc(p.spec.Routes, source)) {
			a.Flags |= unix.IFA_F_NODAD
		}
		p.giveAddress(want, a, has, wanted)
		has[keyOf(a)] = a
	}
	moved = map[addrKey]bool{}
	if !p.spec.Move {
		return moved
	}
	for _, a := range onPorts {
		if _, ok := has[keyOf(a)]; ok || p.listed(a) {
			continue
		}
		has[keyOf(a)], moved[keyOf(a)] = a, true
		from := p.now.name(a.LinkIndex)
		what := fmt.Sprintf("moved %s from %s", shown(a), from) + unrenewed(a, p.spec.Name)
		p.putAddress(what, p.spec.Name, &p.index, carry(a, from, p.spec.Name))
	}
	return moved
}

// wanted are the keys of the spec's addresses, none of which is given yet.
func (p *plan) wanted() map[addrKey]bool {
	wanted := map[addrKey]bool{}
	for _, a := range p.spec.Addresses {
		wanted[keyOf(a.kernel())] = false
	}
	return wanted
}

// ownAddrs are those of the bridge.
func (p *plan) ownAddrs() []netlink.Addr {
	if p.now.bridge == nil {
		return nil
	}
	return p.now.addrsOf(p.index)
}

// listed reports whether the spec has the address, of whatever network.
func (p *plan) listed(a netlink.Addr) bool {
	ip := prefix(a.IPNet).Addr()
	return a.Peer == nil && slices.ContainsFunc(p.spec.Addresses, func(want Address) bool { return want.Prefix.Addr() == ip && !want.Peer.IsValid() })
}

// giveAddress plans one of the spec, in place of what the bridge has instead.
func (p *plan) giveAddress(want Address, a netlink.Addr, has map[addrKey]netlink.Addr, wanted map[addrKey]bool) {
	var others []netlink.Addr // the same of other networks
	for _, other := range p.ownAddrs() {
		if _, listed := wanted[keyOf(other)]; !listed && a.Peer == nil && other.Peer == nil && other.IP.Equal(a.IP) {
			others = append(others, other)
		}
	}
	there, ok := has[keyOf(a)]
	switch {
	case !ok && len(others) > 0:
		p.changeAddress(others[0], a)
		others = others[1:]
	case !ok:
		p.putAddress("added "+shown(a), p.spec.Name, &p.index, a)
	case !want.looks(there):
		p.changeAddress(there, a)
	case !want.lasts(there):
		p.renewAddress(there, a)
	}
	for _, other := range others {
		p.takeAddress(fmt.Sprintf("took %s off %s", shown(other), p.spec.Name), p.now.bridge, other)
	}
}

// unrenewed says that a DHCP client, which goes on at the port, gave the address.
func unrenewed(a netlink.Addr, to string) string {
	ones, bits := a.Mask.Size()
	if a.ValidLft == forever || a.IP.To4() == nil && ones != bits { // SLAAC's are of 64 bits
		return ""
	}
	left := time.Duration(a.ValidLft) * time.Second
	if left > time.Minute {
		left = left.Round(time.Minute)
	}
	return fmt.Sprintf(", valid for %v: nobody renews it on %s", left, to)
}

// shares reports whether the bridge has, or gets, an address of the port: of two
// links that have one, the port would answer, and hear nothing.
func (p *plan) shares(l netlink.Link) bool {
	return slices.ContainsFunc(p.now.addrsOf(l.Attrs().Index), p.shared)
}

func (p *plan) shared(a netlink.Addr) bool {
	ip := prefix(a.IPNet).Addr()
	return slices.ContainsFunc(p.spec.Addresses, func(want Address) bool { return want.Prefix.Addr() == ip }) ||
		slices.ContainsFunc(p.ownAddrs(), func(own netlink.Addr) bool { return prefix(own.IPNet).Addr() == ip })
}
