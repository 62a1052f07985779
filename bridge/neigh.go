package bridge

import (
	"context"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// readNeighs reads the permanent neighbours, which somebody made; the others the
// kernel finds again.
func (now *state) readNeighs() error {
	all, err := whole(func() ([]netlink.Neigh, error) { return netlink.NeighList(0, unix.AF_UNSPEC) })
	if err != nil {
		return fmt.Errorf("cannot list neighbours: %w", err)
	}
	for _, n := range all {
		if n.State == unix.NUD_PERMANENT && (n.Family == unix.AF_INET || n.Family == unix.AF_INET6) && !n.IP.IsMulticast() {
			now.neighs = append(now.neighs, n)
		}
	}
	return nil
}

func (now *state) neighsOf(index int) (of []netlink.Neigh) {
	for _, n := range now.neighs {
		if n.LinkIndex == index {
			of = append(of, n)
		}
	}
	return of
}

func hasNeigh(neighs []netlink.Neigh, ip net.IP) bool {
	for _, n := range neighs {
		if n.IP.Equal(ip) {
			return true
		}
	}
	return false
}

// giveNeighs plans that the bridge knows the permanent neighbours of the giving
// ports, before it has these.
func (p *plan) giveNeighs() {
	var own []netlink.Neigh
	if p.now.bridge != nil {
		own = p.now.neighsOf(p.index)
	}
	for _, l := range p.giving {
		for _, n := range p.now.neighsOf(l.Attrs().Index) {
			if !hasNeigh(own, n.IP) {
				p.putNeigh(fmt.Sprintf("moved the neighbour %s from %s", n.IP, l.Attrs().Name), p.spec.Name, &p.index, n)
			}
		}
	}
}

// putNeigh plans a neighbour for a link, whose index is known by then.
func (p *plan) putNeigh(what, name string, to *int, n netlink.Neigh) {
	at := func() *netlink.Neigh { n.LinkIndex, n.MasterIndex = *to, 0; return &n }
	p.add(step{
		what: what,
		task: fmt.Sprintf("add the neighbour %s to %s", n.IP, name),
		do:   func(context.Context) error { return netlink.NeighSet(at()) },
		undo: func() error { return unless(unix.ENOENT, netlink.NeighDel(at())) },
	})
}

// takeNeighs plans that the interface loses its permanent ones, which the kernel
// would take from it with the last IPv4 address.
func (p *plan) takeNeighs(l netlink.Link) {
	for _, n := range p.now.neighsOf(l.Attrs().Index) {
		n.MasterIndex = 0
		p.add(step{
			task: fmt.Sprintf("take the neighbour %s off %s", n.IP, l.Attrs().Name),
			do:   func(context.Context) error { return unless(unix.ENOENT, netlink.NeighDel(&n)) },
			undo: func() error { return netlink.NeighSet(&n) },
		})
	}
}
