// Package bridge makes the host's bridges as they are to be, and looks at its
// links: what is plugged in, and the host's ends of a guest's links. It refuses
// to touch a link that is not, in number, name and kind, the one that was noted,
// to take a port out of a bridge, a port that would keep addresses, and what is no
// bridge of the kernel's.
package bridge

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/vishvananda/netlink"
)

// Link is a network link of our network namespace.
type Link struct {
	Name   string // as the kernel has it, at most 15 bytes
	Index  int    // unique in the namespace while the link exists
	Kind   string // "veth", "tun" (taps too), "bridge"; "device" for one that has no kind
	Master string // the bridge that it is a port of, or empty
}

// Exists reports whether there is a link of that name. An alternative name
// counts, here and for IsBridge, as it does for those who are told to use it.
func Exists(name string) (bool, error) {
	l, err := find(name)
	return l != nil, err
}

// IsBridge reports whether the link exists, and whether others can be ports of
// it: a Linux bridge or one of Open vSwitch. The kernel knows the latter by the
// bridge's own port, of the kind "openvswitch"; further internal ports of a
// switch are of the same kind and cannot be told from it here.
func IsBridge(name string) (exists, bridge bool, err error) {
	l, err := find(name)
	if l == nil {
		return false, false, err
	}
	return true, l.Type() == "bridge" || l.Type() == "openvswitch", nil
}

// named returns nil when no link has that as its own name: an alternative one
// may be what another bridge is called in its files.
func named(name string) (netlink.Link, error) {
	l, err := find(name)
	if l != nil && l.Attrs().Name != name {
		return nil, nil
	}
	return l, err
}

func find(name string) (netlink.Link, error) {
	l, err := netlink.LinkByName(name)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look up the interface %s: %w", strconv.Quote(name), err)
	}
	return l, nil
}

func absent(err error) bool {
	var missing netlink.LinkNotFoundError
	return errors.As(err, &missing)
}

// Remove deletes the link, and with it its other end, when index, name and kind
// are still the noted ones. That it is absent, or now another, is no error.
func Remove(l Link) error {
	there, err := netlink.LinkByIndex(l.Index)
	switch {
	case absent(err):
		return nil
	case err == nil && (there.Attrs().Name != l.Name || kind(there) != l.Kind):
		return nil
	case err == nil:
		err = netlink.LinkDel(there)
	}
	if err != nil && !absent(err) {
		return fmt.Errorf("cannot remove the interface %s: %w", strconv.Quote(l.Name), err)
	}
	return nil
}
