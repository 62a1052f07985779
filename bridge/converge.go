package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Converge makes the bridge as spec says and returns what it changed, one
// phrase each: "made br0", "added 172.16.11.1/24", "plugged in eth0". It changes
// only what differs; it takes no port out and the bridge never down. When it
// fails, or ctx ends, what it changed is taken back. So whoever does the same for
// the same bridge at the same time should hold a lock: of two that succeed both
// come to the same, but one that fails takes back what the other relies on.
func Converge(ctx context.Context, s Spec) (changes []string, err error) {
	return settle(ctx, func() (*plan, error) { return planFor(s) })
}

// settle carries plans out until nothing is left to be done.
func settle(ctx context.Context, next func() (*plan, error)) (changes []string, err error) {
	p, err := next()
	if err != nil {
		return nil, err
	}
	var done []step
	for range rounds {
		before := len(done)
		if done, err = p.take(ctx, done); err != nil {
			return nil, err
		}
		if p, err = next(); err != nil || whats(p.steps) == nil {
			return whats(done), nil // what the kernel acknowledged stays, whoever cannot look again
		}
		if len(done) == before {
			break
		}
	}
	err = fmt.Errorf("cannot make %s as it is to be: it did not come to: %s", p.spec.Name, strings.Join(whats(p.steps), ", "))
	return nil, errors.Join(err, undo(done))
}

// rounds are for what changes under our hands: a router may give an address to a
// port that is just being plugged in.
const rounds = 3

// Differences returns what Converge would do, in the same phrases.
func Differences(s Spec) ([]string, error) {
	p, err := planFor(s)
	if err != nil {
		return nil, err
	}
	return whats(p.steps), nil
}

// planFor has the order that keeps the host reachable while a port with its
// address becomes one of the bridge. An address may be that of two links, and of
// two routes the older one is in use. So the bridge gets the addresses; then the
// port is plugged in, which from there on sends by itself and receives for the
// bridge; then the bridge gets the routes, and the port loses routes and
// addresses.
func planFor(s Spec) (*plan, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	now, err := read(s.Name)
	if err != nil {
		return nil, err
	}
	p := &plan{spec: s, now: now}
	if now.bridge != nil {
		p.index = now.bridge.Attrs().Index
	}
	if err := p.find(); err != nil {
		return nil, err
	}
	if err := errors.Join(p.checkForwardDelay(), p.checkKept(), p.checkNexthops()); err != nil {
		return nil, err
	}
	if now.bridge == nil {
		mac, err := p.steadyMAC()
		if err != nil {
			return nil, err
		}
		p.make(mac)
	}
	p.setOptions()
	p.acceptRA()
	p.setLink()
	moved := p.giveAddresses()
	p.giveNeighs()
	p.plug()
	p.waitCarrier()
	p.giveRoutes()
	p.moveRoutes()
	for _, l := range p.bare {
		p.strip(l, moved)
	}
	p.waitForwarding()
	return p, nil
}

// make plans the bridge itself, still down.
func (p *plan) make(mac net.HardwareAddr) {
	name := p.spec.Name
	p.add(step{
		what: "made " + name,
		task: "make " + name,
		do:   func(context.Context) error { return unless(unix.EEXIST, addBridge(name, mac)) },
		undo: func() error {
			l, err := named(name)
			if l == nil || kind(l) != "bridge" {
				return err
			}
			return Remove(Link{Name: name, Index: l.Attrs().Index, Kind: "bridge"})
		},
	})
	p.add(step{
		task: "find " + name,
		do: func(context.Context) error {
			l, err := netlink.LinkByName(name)
			if err == nil {
				err = isBridge(l)
			}
			if err != nil {
				return err
			}
			p.index = l.Attrs().Index
			return nil
		},
	})
	if p.spec.Move && !slices.ContainsFunc(p.ports, p.hasAddrs) {
		for _, l := range p.ports {
			p.add(step{what: l.Attrs().Name + " has no address to move"})
		}
	}
}

// checkForwardDelay is what the kernel would say later, and without a reason.
func (p *plan) checkForwardDelay() error {
	if d := p.spec.ForwardDelay; d != nil && p.stp() && *d < 2*time.Second {
		return fmt.Errorf("cannot set forward delay of %s to %v: with STP it is at least 2s", p.spec.Name, *d)
	}
	return nil
}

// setLink plans what every link has. The bridge comes up before it has ports,
// so that it passes packets on from the moment that it has some.
func (p *plan) setLink() {
	for _, l := range p.ports {
		if was := l.Attrs().MTU; p.spec.PortMTU != 0 && was != p.spec.PortMTU {
			p.set(fmt.Sprintf("MTU of %s to %d", l.Attrs().Name, p.spec.PortMTU), func(mtu int) error { return netlink.LinkSetMTU(l, mtu) }, p.spec.PortMTU, was)
		}
	}
	was := &netlink.LinkAttrs{}
	if p.now.bridge != nil {
		was = p.now.bridge.Attrs()
	}
	if n := p.spec.MTU; n != 0 && n != was.MTU {
		p.set(fmt.Sprintf("MTU to %d", n), func(n int) error { return netlink.LinkSetMTU(p.link(), n) }, n, was.MTU)
	}
	if n := p.spec.TxQueueLen; n != 0 && n != was.TxQLen {
		p.set(fmt.Sprintf("queue length to %d", n), func(n int) error { return netlink.LinkSetTxQLen(p.link(), n) }, n, was.TxQLen)
	}
	if mac := p.spec.MAC; p.now.bridge != nil && mac != nil && !slices.Equal(mac, was.HardwareAddr) {
		old := was.HardwareAddr
		p.add(step{
			what: fmt.Sprintf("set MAC to %s", mac),
			task: fmt.Sprintf("set MAC of %s to %s", p.spec.Name, mac),
			do:   func(context.Context) error { return netlink.LinkSetHardwareAddr(p.link(), mac) },
			undo: func() error { return netlink.LinkSetHardwareAddr(p.link(), old) },
		})
	}
	if p.now.bridge == nil || !up(p.now.bridge) {
		what := "set " + p.spec.Name + " up"
		if p.now.bridge == nil {
			what = ""
		}
		p.add(step{
			what: what,
			task: "set " + p.spec.Name + " up",
			do:   func(context.Context) error { return netlink.LinkSetUp(p.link()) },
			undo: func() error { return netlink.LinkSetDown(p.link()) },
		})
	}
}

// set plans a number of a link. What was 0 is of a bridge that is not there yet.
func (p *plan) set(what string, set func(int) error, to, was int) {
	s := step{
		what: "set " + what,
		task: "set " + what + " for " + p.spec.Name,
		do:   func(context.Context) error { return set(to) },
	}
	if was != 0 {
		s.undo = func() error { return set(was) }
	}
	p.add(s)
}

// link is the bridge by its index alone.
func (p *plan) link() netlink.Link {
	return &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Index: p.index}}
}
