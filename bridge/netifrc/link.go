package netifrc

import (
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/guestrc/guestrc/confd"
)

// unit is that of a time written as a number.
type unit time.Duration

const (
	seconds    = unit(time.Second)
	hundredths = unit(10 * time.Millisecond) // sysfs: USER_HZ, net/bridge/br_sysfs_br.c
)

// The least and largest MTU: RFC 791, and ETH_MAX_MTU of the kernel. IPv6 wants
// more (RFC 8200, section 5).
const (
	leastMTU  = 68
	mostMTU   = 65535
	leastMTU6 = 1280
)

func (r *reader) link() {
	spec := &r.c.Spec
	mtu, from, _ := choose(r, setting{ours: "mtu", theirs: []string{"mtu"}}, parseMTU)
	spec.MTU = mtu
	if from.ours {
		spec.PortMTU = mtu
	}
	spec.TxQueueLen, _, _ = choose(r, setting{theirs: []string{"txqueuelen"}}, func(s statement) (int, error) {
		n, err := number(s.Value, math.MaxInt32)
		return int(n), err
	})
	spec.MAC, _, _ = choose(r, setting{ours: "mac", theirs: []string{"mac"}}, func(s statement) (net.HardwareAddr, error) {
		mac, err := confd.ParseMAC(s.Value)
		if err != nil && !s.ours && !strings.Contains(s.Text, ":") {
			return nil, problem(s.Value, "write an address, or leave it out", "guestrc makes no random addresses")
		}
		return mac, err
	})
}

func parseMTU(s statement) (int, error) {
	n, err := number(s.Value, mostMTU)
	if err == nil && n < leastMTU {
		err = problem(s.Value, "", "%d bytes: an MTU has %d to %d", n, leastMTU, mostMTU)
	}
	return int(n), err
}

func (r *reader) forwarding() {
	spec := &r.c.Spec
	sysfs := func(key, brctl string) setting {
		ours, _ := strings.CutSuffix(key, "_state")
		return setting{ours: ours, theirs: []string{"bridge_" + key, key}, brctl: brctl}
	}
	set(r, &spec.STP, sysfs("stp_state", "stp"), yes)
	set(r, &spec.VLANFiltering, sysfs("vlan_filtering", ""), yes)
	set(r, &spec.MulticastSnooping, sysfs("multicast_snooping", ""), yes)
	least := time.Duration(0)
	if spec.STP != nil && *spec.STP {
		least = 2 * time.Second
	}
	// IEEE 802.1D's, as in net/bridge/br_private_stp.h; a forward delay below
	// two seconds is right without a spanning tree.
	set(r, &spec.ForwardDelay, sysfs("forward_delay", "setfd"), within(least, 30*time.Second))
	set(r, &spec.HelloTime, sysfs("hello_time", "sethello"), within(time.Second, 10*time.Second))
	set(r, &spec.MaxAge, sysfs("max_age", "setmaxage"), within(6*time.Second, 40*time.Second))
	set(r, &spec.AgeingTime, sysfs("ageing_time", "setageing"), within(0, 1e6*time.Second))
	set(r, &spec.Priority, sysfs("priority", "setbridgeprio"), func(s statement) (uint16, error) {
		n, err := number(s.Value, math.MaxUint16)
		return uint16(n), err
	})
}

func yes(s statement) (bool, error) { return confd.ParseBool(s.Value) }

func within(least, most time.Duration) func(statement) (time.Duration, error) {
	return func(s statement) (time.Duration, error) {
		d, err := s.time()
		if err == nil && (d < least || d > most) {
			hint := ""
			if s.unit == hundredths {
				hint = "the unit is 1/100 s"
			}
			err = problem(s.Value, hint, "%v is not within %v and %v", d, least, most)
		}
		return d, err
	}
}

// time reads a time. Seconds may have two decimals, for the kernel counts in
// 1/100 s.
func (s statement) time() (time.Duration, error) {
	if s.unit == hundredths {
		n, err := number(s.Value, math.MaxUint32)
		return time.Duration(n) * time.Duration(s.unit), err
	}
	whole, decimals, dotted := strings.Cut(s.Text, ".")
	n, err := strconv.ParseUint(whole, 10, 32)
	if dotted && (len(decimals) < 1 || len(decimals) > 2) {
		err = strconv.ErrSyntax
	}
	part, err2 := strconv.ParseUint((decimals + "00")[:2], 10, 8)
	if err != nil || err2 != nil {
		return 0, problem(s.Value, "for example 15 or 0.5", "%q is not a number of seconds with at most two decimals", s.Text)
	}
	return time.Duration(n)*time.Second + time.Duration(part)*10*time.Millisecond, nil
}

// number reads a decimal or, with 0x before it, hexadecimal one. The kernel
// takes a leading 0 for octal, and people do not.
func number(v confd.Value, most uint64) (uint64, error) {
	digits, base := v.Text, 10
	if hex, ok := strings.CutPrefix(digits, "0x"); ok {
		digits, base = hex, 16
	} else if len(digits) > 1 && digits[0] == '0' {
		return 0, problem(v, "leave out the leading 0", "%q is octal to the kernel", v.Text)
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil || n > most {
		return 0, problem(v, "", "%q is not a number from 0 to %d", v.Text, most)
	}
	return n, nil
}
