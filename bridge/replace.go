package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// looks reports whether the address, of the same key, is what the wanted one
// says explicitly but for how long.
func (a Address) looks(have netlink.Addr) bool {
	want := a.kernel()
	if shown(have) != shown(want) || a.NoPrefixRoute && have.Flags&unix.IFA_F_NOPREFIXROUTE == 0 {
		return false
	}
	if !a.Prefix.Addr().Is4() { // the kernel chooses the scope, and there are no labels
		return true
	}
	broadcast := have.Broadcast
	if broadcast == nil {
		broadcast = net.IPv4zero
	}
	return (!a.Broadcast.IsValid() || broadcast.Equal(want.Broadcast)) &&
		(a.Label == "" || a.Label == have.Label) && (a.Scope == "" || have.Scope == want.Scope)
}

// lasts reports whether the address lasts as long as the wanted one. What is left
// is at most what it was given; of that, half is enough.
func (a Address) lasts(have netlink.Addr) bool {
	enough := func(left, want int) bool {
		if left == forever || want == forever {
			return left == want
		}
		return left <= want && left >= want/2
	}
	want := a.kernel()
	return enough(have.ValidLft, want.ValidLft) && enough(have.PreferedLft, want.PreferedLft)
}

// renewAddress plans another lifetime.
func (p *plan) renewAddress(from, to netlink.Addr) {
	index := p.index
	p.add(step{
		what: "renewed " + shown(to),
		task: fmt.Sprintf("renew %s on %s", shown(to), p.spec.Name),
		do:   func(context.Context) error { return renew(index, to) },
		undo: func() error { return renew(index, from) },
	})
}

func renew(index int, a netlink.Addr) error {
	a.LinkIndex = index
	a.Flags &= kept // as net/ipv6/addrconf.c, inet6_addr_modify, takes those
	return netlink.AddrReplace(nil, &a)
}

// changeAddress plans one in place of another that has the same IP.
func (p *plan) changeAddress(from, to netlink.Addr) {
	what := "changed " + shown(to)
	if shown(from) != shown(to) {
		what = fmt.Sprintf("changed %s to %s", shown(from), shown(to))
	}
	name, index := p.spec.Name, p.index
	back := carry(from, name, name)
	if to.IP.To4() == nil {
		to.Flags |= unix.IFA_F_NODAD
	}
	promote := slices.ContainsFunc(p.ownAddrs(), func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_SECONDARY != 0 })
	change := func(from, to netlink.Addr) error {
		if !promote {
			return swap(index, from, to)
		}
		return promoting(name, func() error { return swap(index, from, to) })
	}
	p.add(step{
		what: what,
		task: fmt.Sprintf("change %s of %s to %s", shown(from), name, shown(to)),
		do:   func(context.Context) error { return change(from, to) },
		undo: func() error { return change(to, back) },
	})
}

// swap has the new address in place of the old one, or the old one as it was. Of
// IPv4 the IP stays the link's all the time: with its last address a link loses
// its routes (net/ipv4/fib_frontend.c, fib_inetaddr_event).
func swap(index int, from, to netlink.Addr) error {
	if from.IP.To4() == nil {
		return exchange(index, from, to)
	}
	if keyOf(from) != keyOf(to) {
		if err := addAddr(index, to); err != nil && !errors.Is(err, errAlready) {
			return err
		}
		return delAddr(index, from)
	}
	stand := standIn(to)
	err := addAddr(index, stand)
	if errors.Is(err, errAlready) { // somebody else's, which stays
		return exchange(index, from, to)
	}
	if err != nil {
		return err
	}
	return errors.Join(exchange(index, from, to), delAddr(index, stand))
}

func exchange(index int, from, to netlink.Addr) error {
	if err := delAddr(index, from); err != nil && !errors.Is(err, errAlready) {
		return err
	}
	err := addAddr(index, to)
	if err == nil || errors.Is(err, errAlready) {
		return err
	}
	return errors.Join(err, addAddr(index, carry(from, "", "")))
}

// standIn is the same IPv4 address as one of another network.
func standIn(a netlink.Addr) netlink.Addr {
	bits := 32
	if ones, _ := a.Mask.Size(); ones == bits && a.Peer == nil {
		bits--
	}
	return netlink.Addr{
		IPNet: &net.IPNet{IP: a.IP, Mask: net.CIDRMask(bits, 32)}, Broadcast: net.IPv4zero,
		Flags: unix.IFA_F_NOPREFIXROUTE, ValidLft: forever, PreferedLft: forever,
	}
}

// promoting has the kernel keep the further addresses of a network when the
// first one goes.
func promoting(name string, do func() error) (err error) {
	key := "ipv4/conf/" + name + "/promote_secondaries"
	was, err := readSysctl(key)
	if err != nil {
		return err
	}
	if err := writeSysctl(key, "1"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, writeSysctl(key, was)) }()
	return do()
}
