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

// findPorts finds the interfaces that are to be ports.
func (p *plan) findPorts() error {
	var errs []error
	for _, name := range p.spec.Ports {
		l := p.now.link(name)
		switch other := p.now.alias(name); {
		case l == nil && other != "":
			errs = append(errs, fmt.Errorf("cannot plug %s into %s: it is another name of %s: write that", name, p.spec.Name, other))
		case l == nil:
			errs = append(errs, fmt.Errorf("cannot plug %s into %s: there is no such interface", name, p.spec.Name))
		case l.Attrs().Flags&net.FlagLoopback != 0:
			errs = append(errs, fmt.Errorf("cannot plug %s into %s: it is the loopback", name, p.spec.Name))
		case l.Attrs().MasterIndex != 0 && l.Attrs().MasterIndex != p.index:
			errs = append(errs, fmt.Errorf("cannot plug %s into %s: it is a port of %s", name, p.spec.Name, p.now.name(l.Attrs().MasterIndex)))
		case !slices.Contains(p.ports, l):
			p.ports = append(p.ports, l)
		}
	}
	return errors.Join(errs...)
}

func (p *plan) plugged(l netlink.Link) bool { return p.index != 0 && l.Attrs().MasterIndex == p.index }

// plug plans the ports.
func (p *plan) plug() {
	for _, l := range p.ports {
		name := l.Attrs().Name
		if !p.plugged(l) {
			p.add(step{
				what: "plugged in " + name,
				task: fmt.Sprintf("plug %s into %s", name, p.spec.Name),
				do: func(context.Context) error {
					return plugIn(Link{Name: name, Index: l.Attrs().Index, Kind: kind(l)}, p.index, p.spec.Name)
				},
				undo: func() error { return p.unplug(l) },
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

// unplug takes the port out, unless somebody else did or put it elsewhere.
func (p *plan) unplug(l netlink.Link) error {
	there, err := netlink.LinkByIndex(l.Attrs().Index)
	if absent(err) || err == nil && there.Attrs().MasterIndex != p.index {
		return nil
	}
	if err != nil {
		return err
	}
	return netlink.LinkSetNoMaster(there)
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
