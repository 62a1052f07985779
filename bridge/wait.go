package bridge

import (
	"context"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// carrierTime bounds the wait for a link that is about to carry: the kernel
// looks at changes of carriers once a second, and sooner at a bridge's.
const carrierTime = 2 * time.Second

// waitCarrier plans to wait until the bridge can take over from a port that is
// in use. A bridge takes no packets from the moment that it has a port, but
// after net/core/link_watch.c has seen that.
func (p *plan) waitCarrier() {
	inUse := func(l netlink.Link) bool {
		return l.Attrs().RawFlags&unix.IFF_RUNNING != 0 && len(p.now.addrsOf(l.Attrs().Index)) > 0 && slices.Contains(p.bare, l)
	}
	if !slices.ContainsFunc(p.ports, inUse) || p.stp() {
		return
	}
	p.add(step{task: "wait for " + p.spec.Name, do: func(ctx context.Context) error {
		return watch(ctx, carrierTime, func(u netlink.LinkUpdate) bool {
			return int(u.Index) == p.index && u.IfInfomsg.Flags&unix.IFF_RUNNING != 0
		})
	}})
}

// stp reports whether the bridge is going to have STP on.
func (p *plan) stp() bool {
	if p.spec.STP != nil {
		return *p.spec.STP
	}
	return p.now.options[nl.IFLA_BR_STP_STATE] != 0
}

// waitForwarding plans to wait, when all else is done, for new ports that STP
// keeps shut for twice the forward delay: listening, then learning.
func (p *plan) waitForwarding() {
	var shut []int
	for _, l := range p.ports {
		if !p.plugged(l) {
			shut = append(shut, l.Attrs().Index)
		}
	}
	if len(shut) == 0 || !p.stp() {
		return
	}
	p.add(step{task: "wait for STP of " + p.spec.Name, do: func(ctx context.Context) error {
		options, err := readOptions(p.index)
		if err != nil {
			return err
		}
		limit := 2*tick*time.Duration(options[nl.IFLA_BR_FORWARD_DELAY]) + carrierTime
		return watch(ctx, limit, func(u netlink.LinkUpdate) bool {
			if slices.Contains(shut, int(u.Index)) && !opening(int(u.Index)) {
				shut = slices.DeleteFunc(shut, func(l int) bool { return l == int(u.Index) })
			}
			return len(shut) == 0
		})
	}})
}

// States of a port, include/uapi/linux/if_bridge.h.
const (
	stateListening = 1
	stateLearning  = 2
)

// opening reports whether STP is about to let the port forward. Without a
// carrier, or where another way leads to the same network, it is not.
func opening(port int) bool {
	answers, err := getLink(port)
	if err != nil {
		return false
	}
	for _, answer := range answers {
		for _, a := range nested(answer[unix.SizeofIfInfomsg:], unix.IFLA_LINKINFO, nl.IFLA_INFO_SLAVE_DATA) {
			if a.Attr.Type == nl.IFLA_BRPORT_STATE && len(a.Value) == 1 {
				return a.Value[0] == stateListening || a.Value[0] == stateLearning
			}
		}
	}
	return false
}

// watch returns once a link is as awaited, of those that there are and those
// that change. When it takes too long, whoever needs it will find out.
func watch(ctx context.Context, limit time.Duration, is func(netlink.LinkUpdate) bool) error {
	short, cancel := context.WithTimeout(ctx, limit)
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
		case <-short.Done():
			return ctx.Err()
		case u, ok := <-updates:
			if !ok || is(u) {
				return nil
			}
		}
	}
}
