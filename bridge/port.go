package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ports finds the interfaces that are to be ports.
func (p *plan) ports() (ports []netlink.Link, err error) {
	var errs []error
	for _, name := range p.spec.Ports {
		l := p.now.link(name)
		switch {
		case l == nil:
			errs = append(errs, fmt.Errorf("cannot plug %s into %s: there is no such interface", name, p.spec.Name))
		case l.Attrs().Flags&net.FlagLoopback != 0:
			errs = append(errs, fmt.Errorf("cannot plug %s into %s: it is the loopback", name, p.spec.Name))
		case l.Attrs().MasterIndex != 0 && l.Attrs().MasterIndex != p.index:
			errs = append(errs, fmt.Errorf("cannot plug %s into %s: it is a port of %s", name, p.spec.Name, p.now.name(l.Attrs().MasterIndex)))
		case !slices.Contains(ports, l):
			ports = append(ports, l)
		}
	}
	return ports, errors.Join(errs...)
}

// plug plans the ports.
func (p *plan) plug(ports []netlink.Link) {
	for _, l := range ports {
		name := l.Attrs().Name
		if p.index == 0 || l.Attrs().MasterIndex != p.index {
			p.add(step{
				what: "plugged in " + name,
				task: fmt.Sprintf("plug %s into %s", name, p.spec.Name),
				do: func(context.Context) error {
					return plugIn(Link{Name: name, Index: l.Attrs().Index, Kind: kind(l)}, p.index, p.spec.Name)
				},
				undo: func() error { return netlink.LinkSetNoMaster(l) },
			})
		}
		if !up(l) {
			p.add(step{
				what: "set " + name + " up",
				task: "set " + name + " up",
				do:   func(context.Context) error { return netlink.LinkSetUp(l) },
				undo: func() error { return netlink.LinkSetDown(l) },
			})
		}
	}
}

// wait plans to wait until the bridge can take over from a port that is in use.
// With STP that would be long, whatever one does.
func (p *plan) wait(ports, bare []netlink.Link) {
	inUse := func(l netlink.Link) bool {
		return l.Attrs().RawFlags&unix.IFF_RUNNING != 0 && len(p.now.addrsOf(l.Attrs().Index)) > 0 && slices.Contains(bare, l)
	}
	if slices.ContainsFunc(ports, inUse) && !p.stp() {
		p.add(step{task: "wait for " + p.spec.Name, do: func(ctx context.Context) error { return carrier(ctx, p.index) }})
	}
}

// stp reports whether the bridge is going to have STP on.
func (p *plan) stp() bool {
	if p.spec.STP != nil {
		return *p.spec.STP
	}
	return p.now.options[nl.IFLA_BR_STP_STATE] != 0
}

// plugIn looks once more: meanwhile the link may have become another, or have
// been plugged in by somebody else.
func plugIn(l Link, bridge int, name string) error {
	there, err := netlink.LinkByIndex(l.Index)
	if absent(err) {
		return errors.New("there is no such interface")
	}
	if err != nil {
		return err
	}
	a := there.Attrs()
	switch {
	case a.Name != l.Name || kind(there) != l.Kind:
		return fmt.Errorf("interface number %d is now %s of the kind %s", l.Index, a.Name, kind(there))
	case a.MasterIndex == bridge:
		return errAlready
	case a.MasterIndex != 0:
		master, err := netlink.LinkByIndex(a.MasterIndex)
		if err != nil {
			return fmt.Errorf("it is a port of interface number %d", a.MasterIndex)
		}
		return fmt.Errorf("it is a port of %s", master.Attrs().Name)
	}
	return whyNot(netlink.LinkSetMasterByIndex(there, bridge))
}

// whyNot gives the reasons of net/bridge/br_if.c, br_add_if.
func whyNot(err error) error {
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("an interface of its kind cannot be a port, as Wi-Fi in station mode (%w)", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("it is no Ethernet interface (%w)", err)
	case errors.Is(err, unix.ELOOP):
		return fmt.Errorf("it is a bridge or leads back to this one (%w)", err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("something else receives its packets, as a macvlan does (%w)", err)
	}
	return err
}

// Plug puts the link into the bridge and sets it up, when index, name and kind
// are still the noted ones. It takes no link out of another bridge. That it is
// in this one already is no error.
func Plug(l Link, bridge string) error {
	br, err := named(bridge)
	switch {
	case err == nil && br == nil:
		err = fmt.Errorf("there is no bridge %s", bridge)
	case err == nil:
		err = isBridge(br)
	}
	if err == nil {
		err = plugIn(l, br.Attrs().Index, bridge)
	}
	if err == nil || errors.Is(err, errAlready) {
		err = netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: l.Index}})
	}
	if err != nil {
		return fmt.Errorf("cannot plug %s into %s: %w", l.Name, bridge, err)
	}
	return nil
}

// carrierTime bounds the wait for a link that is about to carry: the kernel
// looks at changes of carriers once a second, and sooner at a bridge's.
const carrierTime = 2 * time.Second

// carrier waits until the link takes packets. A bridge does not from the moment
// that it has a port, but after net/core/link_watch.c has seen that. When it
// takes too long, whoever needs it will find out.
func carrier(ctx context.Context, index int) error {
	ctx, cancel := context.WithTimeout(ctx, carrierTime)
	defer cancel()
	updates, done := make(chan netlink.LinkUpdate), make(chan struct{})
	if err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{ListExisting: true}); err != nil {
		return err
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
			if !ok || int(u.Index) == index && u.IfInfomsg.Flags&unix.IFF_RUNNING != 0 {
				return nil
			}
		}
	}
}
