package bridge

import (
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
)

// SameNet reports whether the process shares our network namespace.
func SameNet(pid int) (bool, error) {
	ns, err := netOf(pid)
	if err != nil {
		return false, err
	}
	defer ns.Close()
	return same(ns)
}

// netOf opens the network namespace of a process, which lives on while it is
// open.
func netOf(pid int) (*os.File, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, fmt.Errorf("cannot look at the network of process %d: %w", pid, err)
	}
	return f, nil
}

func same(ns *os.File) (bool, error) {
	theirs, err := ns.Stat()
	if err != nil {
		return false, err
	}
	ours, err := os.Stat("/proc/self/ns/net")
	if err != nil {
		return false, fmt.Errorf("cannot look at our own network: %w", err)
	}
	return os.SameFile(theirs, ours), nil
}

// Peers returns our links whose other end is in the network namespace of the
// process; none when that is ours. The caller holds the process by its pidfd
// and looks afterwards whether it has ended.
//
// A namespace gets its number in ours (RTM_GETNSID) when a link to it is first
// told of: net/core/rtnetlink.c, rtnl_fill_link_netnsid. So links are listed
// first, and a namespace without a number then had no end of theirs.
func Peers(pid int) ([]Link, error) {
	if ours, err := SameNet(pid); ours || err != nil {
		return nil, err
	}
	l, err := Links()
	if err != nil {
		return nil, err
	}
	return PeersIn(l, pid)
}

// Listing is which links there were, to be asked for the peers of many.
type Listing struct {
	byNet map[int][]int  // indexes of veths, by the number of the other end's namespace
	names map[int]string // by index
}

// Links lists the links of our network namespace once.
func Links() (*Listing, error) {
	all, err := list()
	if err != nil {
		return nil, err
	}
	l := &Listing{map[int][]int{}, map[int]string{}}
	for _, link := range all {
		a := link.Attrs()
		l.names[a.Index] = a.Name
		if a.NetNsID >= 0 && link.Type() == "veth" {
			l.byNet[a.NetNsID] = append(l.byNet[a.NetNsID], a.Index)
		}
	}
	return l, nil
}

// PeersIn is Peers among links that were listed before: those made since are
// missing. A namespace that ended since may have left its number to another, so
// that each link is looked at once more.
func PeersIn(l *Listing, pid int) (peers []Link, err error) {
	ns, err := netOf(pid)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	if ours, err := same(ns); ours || err != nil {
		return nil, err
	}
	id, err := netlink.GetNetNsIdByFd(int(ns.Fd()))
	if err != nil {
		return nil, fmt.Errorf("cannot identify the network of process %d: %w", pid, err)
	}
	if id < 0 {
		return nil, nil
	}
	for _, index := range l.byNet[id] {
		link, err := netlink.LinkByIndex(index)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot look up the interface %s: %w", l.names[index], err)
		}
		if a := link.Attrs(); a.NetNsID == id && link.Type() == "veth" {
			peers = append(peers, Link{a.Name, a.Index, link.Type(), l.names[a.MasterIndex]})
		}
	}
	return peers, nil
}

func list() ([]netlink.Link, error) {
	all, err := whole(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("cannot list network interfaces: %w", err)
	}
	return all, nil
}
