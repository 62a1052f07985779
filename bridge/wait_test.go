package bridge

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

func TestABridgeWithSTPForwardsOnceItIsStarted(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	router := simple(t)
	s := spec("eth0").moving()
	s.STP, s.ForwardDelay = on(true), after("2s")
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	before := all(t)
	if _, err := Converge(short, s); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before the port forwards: %v", err)
	}
	equal(t, "what there is", all(t), before)

	_, err := Converge(t.Context(), s)
	must(t, err)
	if opening(index(t, "eth0")) {
		t.Error("the port is not open yet")
	}
	settled(t, s)
	tr := talk(t, 0, router, "198.51.100.1")
	tr.goesOn(t)
	tr.lost(t, 0)
}

// STP with its delays is taken back though each would be refused beside the
// other.
func TestOptionsAreTakenBackWhateverTheKernelLimits(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	for _, c := range []struct{ is, to Spec }{
		{Spec{STP: on(false), ForwardDelay: after("0s")}, Spec{STP: on(true), ForwardDelay: after("4s")}},
		{Spec{STP: on(false), ForwardDelay: after("0s")}, Spec{STP: on(true)}},
		{Spec{STP: on(true), ForwardDelay: after("15s")}, Spec{STP: on(false), ForwardDelay: after("0s"), Priority: on(uint16(4096))}},
	} {
		c.is.Name, c.to.Name = "br0", "br0"
		_, err := Converge(t.Context(), c.is)
		must(t, err)
		before, err := readOptions(index(t, "br0"))
		must(t, err)
		p, err := planFor(c.to)
		must(t, err)
		p.add(step{task: "fail", do: func(context.Context) error { return unix.ENOMEM }})
		if _, err := p.run(t.Context()); err == nil || err.Error() != "cannot fail: cannot allocate memory" {
			t.Error(err)
		}
		now, err := readOptions(index(t, "br0"))
		must(t, err)
		for _, attr := range []uint16{nl.IFLA_BR_STP_STATE, nl.IFLA_BR_FORWARD_DELAY, nl.IFLA_BR_PRIORITY} {
			equal(t, "option", now[attr], before[attr])
		}
	}
}
