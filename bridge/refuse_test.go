package bridge

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

// nexthop makes an object over the link.
func nexthop(t *testing.T, id int, link, via string) {
	t.Helper()
	req := nl.NewNetlinkRequest(unix.RTM_NEWNEXTHOP, unix.NLM_F_CREATE|unix.NLM_F_ACK)
	msg := make([]byte, sizeofNhmsg)
	msg[0] = unix.AF_INET
	req.AddRawData(msg)
	var attrs []byte
	for _, a := range []*nl.RtAttr{
		nl.NewRtAttr(unix.NHA_ID, nl.Uint32Attr(uint32(id))),
		nl.NewRtAttr(unix.NHA_OIF, nl.Uint32Attr(uint32(index(t, link)))),
		nl.NewRtAttr(unix.NHA_GATEWAY, ip(via).AsSlice()),
	} {
		attrs = append(attrs, a.Serialize()...)
	}
	req.RawData = append(req.RawData, attrs...)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	must(t, err)
}

func TestAddressesAreNotTakenFromUnderNexthopObjects(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	uplink(t)
	nexthop(t, 7, "eth0", "10.9.0.254")
	const why = "cannot take the addresses off eth0: nexthop object 7 leads over it"
	refused(t, spec("eth0").moving(), why)
	bare := spec("eth0")
	bare.NoAddresses = []string{"eth0"}
	refused(t, bare, why)
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs("eth1"), PeerName: "eth1p"}))
	_, err := Converge(t.Context(), spec("eth1").moving())
	must(t, err)
}

func TestARefusalOfAPortSaysWhatToDo(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs("eth0.5"), PeerName: "p"}))
	must(t, give("eth0.5", "10.0.0.1/24", "10.0.0.2/24"))
	// it has one of the two, and the other would be lost
	_, err := Converge(t.Context(), spec("eth0.5").with("10.0.0.1/24"))
	var hint *hinted
	if !errors.As(err, &hint) || strings.Contains(err.Error(), "10.0.0.1/24") || !strings.Contains(err.Error(), "10.0.0.2/24") {
		t.Fatal(err)
	}
	equal(t, "hint", hint.HintText(), `move_addresses=yes makes them those of br0; config_eth0_5="null" takes them off`)
}

// Whatever the kernel acknowledges, it is looked at whether it came to it.
func TestWhatDoesNotComeAboutIsAnErrorAndTakenBack(t *testing.T) {
	state := 0
	plans := 0
	next := func() (*plan, error) {
		p := &plan{spec: spec()}
		if plans++; plans == 1 {
			p.add(step{what: "done", do: func(context.Context) error { state++; return nil }, undo: func() error { state--; return nil }})
		}
		p.add(step{what: "moved the route", do: func(context.Context) error { return errAlready }})
		return p, nil
	}
	changes, err := settle(t.Context(), next)
	if err == nil || err.Error() != "cannot make br0 as it is to be: it did not come to: moved the route" || changes != nil || state != 0 {
		t.Errorf("%q, %v; %d", changes, err, state)
	}
}

// What changes meanwhile is done in a second round.
func TestWhatChangesMeanwhileIsDoneToo(t *testing.T) {
	plans := 0
	next := func() (*plan, error) {
		p := &plan{spec: spec()}
		if plans++; plans < 3 {
			p.add(step{what: "done", do: func(context.Context) error { return nil }})
		}
		return p, nil
	}
	changes, err := settle(t.Context(), next)
	must(t, err)
	equal(t, "changes", changes, []string{"done", "done"})
}
