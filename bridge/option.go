package bridge

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// tick is the kernel's unit of a bridge's times: USER_HZ, 100 in all ports.
const tick = 10 * time.Millisecond

// option is an attribute of a bridge, as include/uapi/linux/if_link.h has it.
// netlink.Bridge knows few of them.
type option struct {
	name  string
	attr  uint16
	size  int // bytes
	value uint32
	show  func(uint32) string
}

// options are those that are to be set, STP first: with it off, the forward
// delay may be less.
func (s Spec) options() (set []option) {
	flag := func(name string, attr uint16, size int, v *bool) {
		if v != nil {
			set = append(set, option{name, attr, size, map[bool]uint32{true: 1}[*v], onOff})
		}
	}
	ticks := func(name string, attr uint16, v *time.Duration) {
		if v != nil {
			set = append(set, option{name, attr, 4, uint32(*v / tick), duration})
		}
	}
	flag("STP", nl.IFLA_BR_STP_STATE, 4, s.STP)
	ticks("forward delay", nl.IFLA_BR_FORWARD_DELAY, s.ForwardDelay)
	ticks("hello time", nl.IFLA_BR_HELLO_TIME, s.HelloTime)
	ticks("max age", nl.IFLA_BR_MAX_AGE, s.MaxAge)
	ticks("ageing time", nl.IFLA_BR_AGEING_TIME, s.AgeingTime)
	if s.Priority != nil {
		set = append(set, option{"priority", nl.IFLA_BR_PRIORITY, 2, uint32(*s.Priority), number})
	}
	flag("VLAN filtering", nl.IFLA_BR_VLAN_FILTERING, 1, s.VLANFiltering)
	flag("multicast snooping", nl.IFLA_BR_MCAST_SNOOPING, 1, s.MulticastSnooping)
	return set
}

func onOff(v uint32) string {
	if v == 0 {
		return "off"
	}
	return "on"
}

func duration(v uint32) string { return (time.Duration(v) * tick).String() }

func number(v uint32) string { return fmt.Sprint(v) }

// is compares as the kernel keeps it: STP may be on in user space (2), and a
// time goes through jiffies, which are not always whole ticks.
func (o option) is(have uint32) bool {
	switch o.attr {
	case nl.IFLA_BR_STP_STATE:
		return (have != 0) == (o.value != 0)
	case nl.IFLA_BR_FORWARD_DELAY, nl.IFLA_BR_HELLO_TIME, nl.IFLA_BR_MAX_AGE, nl.IFLA_BR_AGEING_TIME:
		return have == o.value || have != 0 && o.value != 0 && max(have, o.value)-min(have, o.value) == 1
	}
	return have == o.value
}

func (o option) bytes(v uint32) []byte {
	b := make([]byte, o.size)
	switch o.size {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.NativeEndian.PutUint16(b, uint16(v))
	case 4:
		binary.NativeEndian.PutUint32(b, v)
	}
	return b
}

// addBridge is RTM_NEWLINK for a bridge that is not there; netlink.LinkAdd knows
// every kind, and has the size of that.
func addBridge(name string, mac net.HardwareAddr) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	req.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, mac))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	req.AddData(info)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// set is RTM_NEWLINK for one that is there.
func (o option) set(index int, v uint32) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(int(o.attr), o.bytes(v))
	req.AddData(info)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if errors.Is(err, unix.EOPNOTSUPP) {
		if v == 0 {
			return errAlready // what a kernel is built without is off
		}
		return fmt.Errorf("this kernel is built without (%w)", err)
	}
	return err
}

// readOptions returns the attributes that are numbers of at most 32 bits.
func readOptions(index int) (map[uint16]uint32, error) {
	answers, err := getLink(index)
	if err != nil {
		return nil, fmt.Errorf("cannot read the bridge's options: %w", err)
	}
	values := map[uint16]uint32{}
	for _, answer := range answers {
		for _, a := range nested(answer[unix.SizeofIfInfomsg:], unix.IFLA_LINKINFO, nl.IFLA_INFO_DATA) {
			switch v := a.Value; len(v) {
			case 1:
				values[a.Attr.Type] = uint32(v[0])
			case 2:
				values[a.Attr.Type] = uint32(binary.NativeEndian.Uint16(v))
			case 4:
				values[a.Attr.Type] = binary.NativeEndian.Uint32(v)
			}
		}
	}
	return values, nil
}

func getLink(index int) ([][]byte, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
}

// nested are the attributes within the one of the first type, therein within
// that of the second, and so on. What is malformed is empty.
func nested(b []byte, path ...uint16) []syscall.NetlinkRouteAttr {
	attrs, err := nl.ParseRouteAttr(b)
	if err != nil || len(path) == 0 {
		return attrs
	}
	for _, a := range attrs {
		if a.Attr.Type&^unix.NLA_F_NESTED == path[0] {
			return nested(a.Value, path[1:]...)
		}
	}
	return nil
}

// setOptions plans what differs. It is taken back as a whole: in the order of
// setting, as the kernel's limits of one go by another.
func (p *plan) setOptions() {
	differ := slices.DeleteFunc(p.spec.options(), func(o option) bool {
		was, known := p.now.options[o.attr]
		return known && o.is(was) || !known && o.value == 0 && p.now.bridge != nil
	})
	if len(differ) > 0 && p.now.bridge != nil {
		p.add(step{task: "set options of " + p.spec.Name, undo: func() error { return p.resetOptions(differ) }})
	}
	for _, o := range differ {
		p.add(step{
			what: fmt.Sprintf("set %s to %s", o.name, o.show(o.value)),
			task: fmt.Sprintf("set %s of %s to %s", o.name, p.spec.Name, o.show(o.value)),
			do:   func(context.Context) error { return o.set(p.index, o.value) },
		})
	}
}

// resetOptions sets them to what they were, STP first. With that on, the kernel
// may have raised the forward delay (net/bridge/br_stp_if.c, br_stp_start).
func (p *plan) resetOptions(options []option) error {
	if options[0].attr == nl.IFLA_BR_STP_STATE {
		options = slices.Insert(slices.Clone(options), 1, option{name: "forward delay", attr: nl.IFLA_BR_FORWARD_DELAY, size: 4})
	}
	var errs []error
	for _, o := range options {
		was, known := p.now.options[o.attr]
		if !known {
			continue
		}
		if err := o.set(p.index, was); err != nil && !errors.Is(err, errAlready) {
			errs = append(errs, fmt.Errorf("%s: %w", o.name, err))
		}
	}
	return errors.Join(errs...)
}
