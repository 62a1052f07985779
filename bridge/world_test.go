package bridge

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// within calls do in the network namespace of the process. Sockets that it opens
// stay there.
func within(t *testing.T, pid int, do func() error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ours, err := os.Open("/proc/thread-self/ns/net")
	must(t, err)
	defer ours.Close()
	theirs, err := netOf(pid)
	must(t, err)
	defer theirs.Close()
	must(t, unix.Setns(int(theirs.Fd()), unix.CLONE_NEWNET))
	err = do()
	if back := unix.Setns(int(ours.Fd()), unix.CLONE_NEWNET); back != nil {
		panic(back) // nothing else may run on this thread
	}
	must(t, err)
}

// give sets a link of this namespace up, with addresses.
func give(name string, addrs ...string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return err
	}
	for _, a := range addrs {
		k := Address{Prefix: netip.MustParsePrefix(a), NoDAD: netip.MustParsePrefix(a).Addr().Is6()}.kernel()
		if err := netlink.AddrAdd(l, &k); err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
	}
	return nil
}

// route adds one out of a link of this namespace.
func route(t *testing.T, out string, r Route) {
	t.Helper()
	must(t, r.check())
	k := r.kernel()
	k.LinkIndex = index(t, out)
	must(t, addRoute(k))
}

func index(t *testing.T, name string) int {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l.Attrs().Index
}

// uplink makes eth0 as a host has it that is reached over the network: its
// neighbour is a process's namespace, which is the way to everything else.
func uplink(t *testing.T) (router int) {
	t.Helper()
	router = guest(t)
	veth(t, "eth0", router)
	within(t, router, func() error {
		if err := give("lo", "198.51.100.1/32", "2001:db8:ffff::1/128"); err != nil {
			return err
		}
		return give("eth0p", "10.9.0.254/24", "fd00:9::fe/64")
	})
	must(t, give("eth0", "10.9.0.1/24", "10.9.0.2/24", "172.31.0.1/16", "fd00:9::1/64"))
	route(t, "eth0", Route{Via: ip("10.9.0.254")})
	route(t, "eth0", Route{Via: ip("fd00:9::fe")})
	route(t, "eth0", Route{Dst: network("192.0.2.7/32")}) // a gateway that no address says of where it is
	route(t, "eth0", Route{Dst: network("203.0.113.0/24"), Via: ip("192.0.2.7"), Metric: 7, MTU: 1400, Src: ip("10.9.0.2")})
	route(t, "eth0", Route{Dst: network("192.168.0.0/16"), Via: ip("10.9.0.254"), Table: 100})
	return router
}

func ip(s string) netip.Addr        { return netip.MustParseAddr(s) }
func network(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func after(s string) *time.Duration { d, _ := time.ParseDuration(s); return &d }
func on[T any](v T) *T              { return &v }
func spec(ports ...string) Spec     { return Spec{Name: "br0", Ports: ports} }
func (s Spec) moving() Spec         { s.Move = true; return s }
func (s Spec) with(addr ...string) Spec {
	for _, a := range addr {
		s.Addresses = append(s.Addresses, Address{Prefix: network(a)})
	}
	return s
}

// network state as far as users see it: what a link has of addresses, and which
// routes lead over it but those that the kernel makes.
type has struct{ Addrs, Routes []string }

func of(t *testing.T, name string) (h has) {
	t.Helper()
	now, err := read("none")
	must(t, err)
	i := index(t, name)
	for _, a := range now.addrsOf(i) {
		h.Addrs = append(h.Addrs, shown(a))
	}
	for _, r := range now.routesOf(i) {
		if r.Protocol != byKernel {
			h.Routes = append(h.Routes, shownRoute(r))
		}
	}
	return h
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// converge must change what is said, and then nothing more.
func converge(t *testing.T, s Spec, want ...string) {
	t.Helper()
	told, err := Differences(s)
	must(t, err)
	equal(t, "differences", told, want)
	changes, err := Converge(t.Context(), s)
	must(t, err)
	equal(t, "changes", changes, want)
	settled(t, s)
}

func settled(t *testing.T, s Spec) {
	t.Helper()
	p, err := planFor(s)
	must(t, err)
	for _, s := range p.steps {
		if s.what != "" || s.undo != nil {
			t.Errorf("once more: %s: %s", s.what, s.task)
		}
	}
}

// refused must change nothing, and say why.
func refused(t *testing.T, s Spec, why string) {
	t.Helper()
	before := all(t)
	changes, err := Converge(t.Context(), s)
	if err == nil || err.Error() != why || changes != nil {
		t.Errorf("changes %q, error\n%v\nwant\n%s", changes, err, why)
	}
	equal(t, "what there is", all(t), before)
}

// all is the whole namespace, as far as a bridge could change it.
func all(t *testing.T) map[string]any {
	t.Helper()
	links, err := list()
	must(t, err)
	what := map[string]any{}
	for _, l := range links {
		a := l.Attrs()
		what[a.Name] = []any{a.MasterIndex, a.MTU, a.TxQLen, a.Flags & net.FlagUp, a.HardwareAddr.String(), of(t, a.Name)}
	}
	return what
}
