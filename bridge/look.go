package bridge

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/vishvananda/netlink"
)

// Lookup finds a link by its name, to be noted.
func Lookup(name string) (l Link, ok bool, err error) {
	there, err := named(name)
	if there == nil {
		return Link{}, false, err
	}
	a := there.Attrs()
	l = Link{Name: a.Name, Index: a.Index, Kind: kind(there)}
	if a.MasterIndex != 0 {
		master, err := netlink.LinkByIndex(a.MasterIndex)
		if err != nil && !absent(err) {
			return Link{}, false, fmt.Errorf("cannot look up what %s is plugged into: %w", strconv.Quote(name), err)
		}
		if err == nil {
			l.Master = master.Attrs().Name
		}
	}
	return l, true, nil
}

// Look returns how the bridge is. An interface that is no bridge is refused.
func Look(name string) (Status, error) {
	br, err := named(name)
	if br == nil {
		return Status{}, err
	}
	if err := isBridge(br); err != nil {
		return Status{}, err
	}
	now := &state{}
	if now.links, err = list(); err != nil {
		return Status{}, err
	}
	s := Status{Exists: true, Up: up(br)}
	if s.Addresses, err = Addresses(name); err != nil {
		return Status{}, err
	}
	s.Ports = now.ports(br.Attrs().Index)
	return s, nil
}

// Addresses are those of a link, without IPv6 link-local and temporary ones;
// none when there is no such link.
func Addresses(name string) (prefixes []netip.Prefix, err error) {
	l, err := named(name)
	if l == nil {
		return nil, err
	}
	now := &state{}
	now.addrs, err = whole(func() ([]netlink.Addr, error) { return netlink.AddrList(l, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("cannot list the addresses of %s: %w", name, err)
	}
	for _, a := range now.addrsOf(l.Attrs().Index) {
		prefixes = append(prefixes, prefix(a.IPNet))
	}
	return prefixes, nil
}

func (now *state) ports(bridge int) (ports []Link) {
	for _, l := range now.links {
		if a := l.Attrs(); a.MasterIndex == bridge {
			ports = append(ports, Link{a.Name, a.Index, kind(l), now.name(bridge)})
		}
	}
	return ports
}

// Ports lists what is plugged into a bridge; nothing when there is none of that
// name.
func Ports(bridge string) ([]Link, error) {
	s, err := Look(bridge)
	return s.Ports, err
}
