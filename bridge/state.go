package bridge

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// state is what a plan goes by.
type state struct {
	links   []netlink.Link
	bridge  netlink.Link      // nil: absent
	options map[uint16]uint32 // of the bridge, by IFLA_BR_*
	addrs   []netlink.Addr
	routes  []netlink.Route // of all tables but the local one
	learned map[learnedKey]learned
	neighs  []netlink.Neigh // permanent ones
}

func read(name string) (*state, error) {
	now := &state{}
	var err error
	if now.links, err = list(); err != nil {
		return nil, err
	}
	if now.bridge = now.link(name); now.bridge != nil {
		if err := isBridge(now.bridge); err != nil {
			return nil, err
		}
		if now.options, err = readOptions(now.bridge.Attrs().Index); err != nil {
			return nil, err
		}
	} else if other := now.alias(name); other != "" {
		return nil, fmt.Errorf("cannot manage %s: it is another name of %s", name, other)
	}
	return now, errors.Join(now.readAddrs(), now.readRoutes(), now.readNeighs())
}

func (now *state) readAddrs() (err error) {
	now.addrs, err = whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("cannot list addresses: %w", err)
	}
	return nil
}

func (now *state) readRoutes() error {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		every := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
		routes, err := whole(func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(family, every, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return fmt.Errorf("cannot list routes: %w", err)
		}
		for _, r := range routes {
			if r.Table != unix.RT_TABLE_LOCAL {
				now.routes = append(now.routes, single(r)...)
			}
		}
	}
	return now.readLearned()
}

// isBridge says of a link that is none of ours what it is.
func isBridge(l netlink.Link) error {
	switch l.Type() {
	case "bridge":
		return nil
	case "openvswitch":
		return fmt.Errorf("cannot manage %s: it is a bridge of Open vSwitch, see ovs-vsctl(8)", l.Attrs().Name)
	}
	return fmt.Errorf("cannot manage %s: it is no bridge but an interface of the kind %s", l.Attrs().Name, kind(l))
}

func (now *state) link(name string) netlink.Link {
	for _, l := range now.links {
		if l.Attrs().Name == name {
			return l
		}
	}
	return nil
}

// alias returns the name of the link that has this one as an alternative.
func (now *state) alias(name string) string {
	for _, l := range now.links {
		if slices.Contains(l.Attrs().AltNames, name) {
			return l.Attrs().Name
		}
	}
	return ""
}

// name returns the name of the link, empty when there is none.
func (now *state) name(index int) string {
	for _, l := range now.links {
		if l.Attrs().Index == index {
			return l.Attrs().Name
		}
	}
	return ""
}

// addrsOf are the link's addresses without those that the kernel makes and
// removes: link-local ones of IPv6, and its temporary ones, which come and go
// with the one that they are made for.
func (now *state) addrsOf(index int) (of []netlink.Addr) {
	for _, a := range now.addrs {
		six := a.IP.To4() == nil
		if a.LinkIndex == index && !(six && (a.IP.IsLinkLocalUnicast() || a.Flags&unix.IFA_F_TEMPORARY != 0)) {
			of = append(of, a)
		}
	}
	return of
}

// routesOf are the routes that have a hop over the link.
func (now *state) routesOf(index int) (of []netlink.Route) {
	for _, r := range now.routes {
		if over(r, index) {
			of = append(of, r)
		}
	}
	return of
}

// kind is the kernel's name of the link's kind.
func kind(l netlink.Link) string {
	if _, ok := l.(*netlink.Tuntap); ok {
		return "tun"
	}
	return l.Type()
}

func up(l netlink.Link) bool { return l.Attrs().Flags&net.FlagUp != 0 }

// dumps bounds how often a list is asked for anew because it changed meanwhile.
const dumps = 5

func whole[T any](list func() ([]T, error)) (all []T, err error) {
	for range dumps {
		all, err = list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return all, err
}
