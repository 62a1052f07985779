package bridge

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// check finds what the kernel would refuse, or take for something else, as far
// as that can be told before anything is changed.
func (s Spec) check() error {
	if !validName(s.Name) {
		return fmt.Errorf("cannot make a bridge called %s: an interface's name has 1 to 15 bytes, without space, slash and colon", strconv.Quote(s.Name))
	}
	errs := []error{s.checkLink()}
	for _, name := range s.Ports {
		if !validName(name) || name == s.Name {
			errs = append(errs, fmt.Errorf("it cannot be a port: %s", strconv.Quote(name)))
		}
	}
	for _, a := range s.Addresses {
		if err := a.check(); err != nil {
			errs = append(errs, fmt.Errorf("address %s: %w", a.Prefix, err))
		}
	}
	for _, r := range s.Routes {
		if err := r.check(); err != nil {
			errs = append(errs, fmt.Errorf("route %s: %w", r, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot make %s as it is to be: %w", s.Name, err)
	}
	return nil
}

// validName follows net/core/dev.c, dev_valid_name.
func validName(name string) bool {
	return name != "" && len(name) < unix.IFNAMSIZ && name != "." && name != ".." && !strings.ContainsAny(name, "/: \t\n\v\f\r")
}

func (s Spec) checkLink() error {
	var errs []error
	for _, mtu := range []struct {
		what  string
		bytes int
	}{{"MTU", s.MTU}, {"MTU of the ports", s.PortMTU}} {
		if n := mtu.bytes; n != 0 && (n < 68 || n > math.MaxUint16) { // RFC 791's least; eth_max_mtu
			errs = append(errs, fmt.Errorf("%s of %d bytes: there are 68 to 65535", mtu.what, n))
		}
	}
	if s.TxQueueLen < 0 {
		errs = append(errs, fmt.Errorf("a queue of %d packets", s.TxQueueLen))
	}
	if m := s.MAC; m != nil && !oneInterface(m) {
		errs = append(errs, fmt.Errorf("%s is no address of one interface", m))
	}
	return errors.Join(append(errs, s.checkTimes())...)
}

// oneInterface reports whether an Ethernet interface may have that address.
func oneInterface(m net.HardwareAddr) bool {
	return len(m) == 6 && m[0]&1 == 0 && slices.ContainsFunc(m, func(b byte) bool { return b != 0 })
}

// checkTimes has the limits of IEEE 802.1D as net/bridge/br_private_stp.h gives
// them. The kernel looks at that of the forward delay while STP is on.
func (s Spec) checkTimes() error {
	var errs []error
	for _, t := range []struct {
		what        string
		value       *time.Duration
		least, most time.Duration
	}{
		{"forward delay", s.ForwardDelay, 0, 30 * time.Second},
		{"hello time", s.HelloTime, time.Second, 10 * time.Second},
		{"max age", s.MaxAge, 6 * time.Second, 40 * time.Second},
		{"ageing time", s.AgeingTime, 0, 1e6 * time.Second},
	} {
		switch v := t.value; {
		case v == nil:
		case *v < t.least || *v > t.most:
			errs = append(errs, fmt.Errorf("%s of %v: there are %v to %v", t.what, *v, t.least, t.most))
		case *v%tick != 0:
			errs = append(errs, fmt.Errorf("%s of %v: the kernel counts in %v", t.what, *v, tick))
		}
	}
	return errors.Join(errs...)
}

func (a Address) check() error {
	ip := a.Prefix.Addr()
	_, scope := scopeOf(a.Scope)
	switch {
	case !a.Prefix.IsValid() || ip.Is4In6() || ip.Zone() != "":
		return errors.New("it is none")
	case ip.IsUnspecified() || ip.IsMulticast():
		return errors.New("it is not one of an interface")
	case a.Peer.IsValid() && a.Peer.Addr().Is4() != ip.Is4(), a.Broadcast.IsValid() && !(a.Broadcast.Is4() && ip.Is4()):
		return errors.New("IPv4 and IPv6 are mixed")
	case len(a.Label) >= unix.IFNAMSIZ:
		return fmt.Errorf("label %s is above 15 bytes", strconv.Quote(a.Label))
	case scope != nil:
		return scope
	}
	if err := checkLifetime(a.Valid); err != nil {
		return err
	}
	if err := checkLifetime(a.Preferred); err != nil {
		return err
	}
	if a.Valid != nil && (*a.Valid == 0 || a.Preferred != nil && *a.Preferred > *a.Valid) {
		return errors.New("it is preferred for longer than it is valid")
	}
	return nil
}

func checkLifetime(d *time.Duration) error {
	if d != nil && (*d < 0 || *d%time.Second != 0 || *d >= math.MaxUint32*time.Second) {
		return fmt.Errorf("a lifetime is in whole seconds, not %v", *d)
	}
	return nil
}

func (r Route) check() error {
	_, scope := scopeOf(r.Scope)
	switch {
	case scope != nil:
		return scope
	case r.Metric < 0 || r.Metric > math.MaxUint32, r.Table < 0 || r.Table > math.MaxUint32, r.MTU < 0 || r.MTU > math.MaxUint32:
		return errors.New("a number is out of range")
	case r.OnLink && !r.Via.IsValid():
		return errors.New("onlink says of a gateway how to reach it, and there is none")
	}
	four := r.family() == unix.AF_INET
	for _, ip := range []netip.Addr{r.Dst.Addr(), r.Via, r.Src} {
		if ip.IsValid() && (ip.Is4() != four || ip.Is4In6()) {
			return errors.New("IPv4 and IPv6 are mixed")
		}
	}
	if r.Dst.IsValid() && r.Dst != r.Dst.Masked() {
		return fmt.Errorf("the network is %s", r.Dst.Masked())
	}
	return nil
}

// scopeOf knows the names of /etc/iproute2/rt_scopes.
func scopeOf(name string) (int, error) {
	switch name {
	case "", "global":
		return unix.RT_SCOPE_UNIVERSE, nil
	case "site":
		return unix.RT_SCOPE_SITE, nil
	case "link":
		return unix.RT_SCOPE_LINK, nil
	case "host":
		return unix.RT_SCOPE_HOST, nil
	}
	n, err := strconv.ParseUint(name, 0, 8)
	if err != nil {
		return 0, fmt.Errorf("%s is no scope: global, site, link, host or a number to 255", strconv.Quote(name))
	}
	return int(n), nil
}
