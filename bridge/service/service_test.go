package service

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/lab"
)

var br0 = guest.Name{Kind: Kind, Instance: "br0"}

func layoutWith(t testing.TB, files map[string]string) guest.Layout {
	t.Helper()
	l := guest.Layout{Root: t.TempDir()}
	for path, text := range files {
		path = l.At(path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func described(t *testing.T, l guest.Layout) *Bridge {
	t.Helper()
	b, err := Open(l, br0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tap(t *testing.T, name, master string) bridge.Link {
	t.Helper()
	a := netlink.NewLinkAttrs()
	a.Name = name
	if err := netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: a, Mode: netlink.TUNTAP_MODE_TAP, Queues: 1}); err != nil {
		t.Fatal(err)
	}
	link, ok, err := bridge.Lookup(name)
	if err == nil && ok && master != "" {
		err = bridge.Plug(link, master)
	}
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return link
}

func status(err error) int { return guest.ExitStatus(err) }

func TestStopIsRefusedWhileGuestsArePluggedIn(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	b := described(t, layoutWith(t, map[string]string{"etc/conf.d/net.br0": "addresses=10.0.0.1/24\n"}))
	stop := func(plugs []guest.Plug, force bool) (bool, []string, error) {
		return Stop(t.Context(), b.Layout, br0, plugs, force)
	}
	if was, _, err := stop(nil, false); was || err != nil {
		t.Errorf("stop of what is not there: %v, %v", was, err)
	}
	changes, err := b.Start(t.Context())
	if err != nil || len(changes) == 0 {
		t.Fatalf("%v, %v", changes, err)
	}
	if changes, err = b.Start(t.Context()); err != nil || len(changes) > 0 {
		t.Errorf("another start changed %v, %v", changes, err)
	}
	mine := tap(t, "qdb-0", "br0")
	tap(t, "stray", "br0")
	plugs := []guest.Plug{{Guest: "qemu.db", Link: mine.Name, Index: mine.Index, Bridge: "br0"}}
	_, _, err = stop(plugs, false)
	if status(err) != guest.StatusRefused || !strings.Contains(err.Error(), "qemu.db (qdb-0)") || !strings.Contains(err.Error(), "stray") {
		t.Errorf("stop: %v", err)
	}
	if st, err := Look(b.Layout, br0); err != nil || st.State != guest.Running || st.Message != "10.0.0.1/24, 2 plugged in" {
		t.Errorf("%+v, %v", st, err)
	}
	was, cut, err := stop(plugs, true)
	if diff := cmp.Diff([]string{"qemu.db (qdb-0)", "stray"}, cut); !was || err != nil || diff != "" {
		t.Errorf("forced: %v, %v\n%s", was, err, diff)
	}
	if st, err := Look(b.Layout, br0); err != nil || st.State != guest.Stopped {
		t.Errorf("%+v, %v", st, err)
	}
	// Made anew, it has its guest back; a link of another number is left alone.
	if _, err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	done, err := Replug(t.Context(), append(plugs, guest.Plug{Guest: "qemu.x", Link: "stray", Index: mine.Index + 100, Bridge: "br0"}))
	if err != nil || len(done) != 1 || !strings.Contains(done[0], "qemu.db") {
		t.Errorf("%v, %v", done, err)
	}
	if done, err := Replug(t.Context(), plugs); err != nil || len(done) > 0 {
		t.Errorf("again: %v, %v", done, err)
	}
}

func TestStatusTellsWhatDiffers(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	l := layoutWith(t, map[string]string{"etc/conf.d/net.br0": "addresses=10.0.0.1/24\n"})
	if _, err := described(t, l).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"addresses=\"10.0.0.1/24 10.0.1.1/24\"\n": "10.0.1.1/24",
		"addresses=nonsense\n":                    "net.br0:1",
		"ports=absent0\n":                         "there is no such interface",
	} {
		if err := os.WriteFile(l.At("etc/conf.d/net.br0"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if st, err := Look(l, br0); err != nil || st.State != guest.Running || !strings.Contains(st.Message, want) {
			t.Errorf("%q: %+v, %v", text, st, err)
		}
	}
}

func TestBridgeOfAnotherToolIsNotTouched(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	l := layoutWith(t, map[string]string{"etc/conf.d/net.br0": "addresses=10.0.0.1/24\n", "etc/network/interfaces": "auto br0\niface br0 inet manual\n", "usr/sbin/ifup": ""})
	b := described(t, l)
	_, errStart := b.Start(t.Context())
	_, _, errStop := Stop(t.Context(), l, br0, nil, true)
	for _, err := range []error{errStart, errStop} {
		if status(err) != guest.StatusRefused || !strings.Contains(err.Error(), "ifupdown") || !strings.Contains(err.Error(), "interfaces:1") {
			t.Errorf("%v", err)
		}
	}
	if there, err := bridge.Exists("br0"); there || err != nil {
		t.Errorf("%v, %v", there, err)
	}
	if Ours(l, br0) {
		t.Error("it is called ours")
	}
}

func TestWhatNothingDescribesIsNotFound(t *testing.T) {
	l := layoutWith(t, map[string]string{"etc/conf.d/net": "bridge_br1=\"\"\n"})
	_, err := Open(l, br0)
	var e *guest.Error
	if !errors.As(err, &e) || e.Status != guest.StatusNotConfigured || !strings.Contains(e.Msg, "bridge_br0") || e.Hint == "" {
		t.Errorf("%v", err)
	}
	if b, err := Open(l, guest.Name{Kind: Kind, Instance: "br1"}); err != nil || b.Conf.Spec.Name != "br1" {
		t.Errorf("%+v, %v", b, err)
	}
	if err := os.WriteFile(l.At("etc/conf.d/net.br0"), []byte("mtu=lots\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(l, br0); status(err) != guest.StatusNotConfigured || !strings.Contains(err.Error(), "net.br0:1:1") {
		t.Errorf("%v", err)
	}
}

// A stop acts on what was started, though the files were edited, broken or
// deleted since. Of a bridge that was not started by us they are all there is.
func TestStopActsOnWhatWasStarted(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	l := layoutWith(t, map[string]string{"etc/conf.d/net.br0": "ports=eth0\n"})
	path := l.At("etc/conf.d/net.br0")
	tap(t, "eth0", "")
	for name, change := range map[string]func() error{
		"edited":  func() error { return os.WriteFile(path, []byte("ports=eth1\n"), 0o644) },
		"broken":  func() error { return os.WriteFile(path, []byte("if\n"), 0o644) },
		"deleted": func() error { return os.Remove(path) },
	} {
		if err := os.WriteFile(path, []byte("ports=eth0\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := described(t, l).Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if was, _, err := Stop(t.Context(), l, br0, nil, false); !was || err != nil {
			t.Errorf("%s: %v, %v", name, was, err)
		}
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	a := netlink.NewLinkAttrs()
	a.Name = "br0"
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: a}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Stop(t.Context(), l, br0, nil, false); status(err) != guest.StatusNotConfigured {
		t.Errorf("a bridge that nothing describes: %v", err)
	}
	if was, _, err := Stop(t.Context(), l, br0, nil, true); !was || err != nil {
		t.Errorf("forced: %v, %v", was, err)
	}
}

// What a start took from the port goes back to it, and what files once gave the
// bridge does not, after any edits. A start that fails leaves the record as it was.
func TestWhatWasTakenIsGivenBackAfterEdits(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	l := layoutWith(t, map[string]string{"etc/conf.d/net.br0": ""})
	tap(t, "eth0", "")
	eth0, err := netlink.LinkByName("eth0")
	if err == nil {
		err = netlink.AddrAdd(eth0, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 10), Mask: net.CIDRMask(24, 32)}})
	}
	if err != nil {
		t.Fatal(err)
	}
	tap(t, "eth1", "")
	for _, text := range []string{
		"ports=eth0\nmove_addresses=yes\naddresses=10.0.0.1/24\n",
		"ports='eth1 eth0'\naddresses='192.0.2.10/24 10.0.0.1/24'\n",
		"ports=eth0\naddresses=10.1.0.1/24\n",
		"ports=absent0\n", // fails
		"ports=\naddresses=10.2.0.1/24\n",
	} {
		if err := os.WriteFile(l.At("etc/conf.d/net.br0"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := described(t, l).Start(t.Context()); (err != nil) != strings.Contains(text, "absent0") {
			t.Fatalf("%q: %v", text, err)
		}
	}
	if was, _, err := Stop(t.Context(), l, br0, nil, false); !was || err != nil {
		t.Fatalf("%v, %v", was, err)
	}
	list, err := netlink.AddrList(eth0, netlink.FAMILY_V4)
	var got []string
	for _, a := range list {
		got = append(got, a.IPNet.String())
	}
	if diff := cmp.Diff([]string{"192.0.2.10/24"}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

// A record is of the bridge that was started, and of no other of its name.
func TestRecordIsOfOneBridge(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	l := layoutWith(t, map[string]string{"etc/conf.d/net.br0": "ports=eth0\n"})
	tap(t, "eth0", "")
	if _, err := described(t, l).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	br, err := netlink.LinkByName("br0")
	must(err)
	must(netlink.LinkDel(br))
	must(os.Remove(l.At("etc/conf.d/net.br0")))
	a := netlink.NewLinkAttrs()
	a.Name = "br0"
	must(netlink.LinkAdd(&netlink.Bridge{LinkAttrs: a}))
	if _, _, err := Stop(t.Context(), l, br0, nil, false); status(err) != guest.StatusNotConfigured {
		t.Errorf("a stranger's bridge: %v", err)
	}
	br, err = netlink.LinkByName("br0")
	must(err)
	must(netlink.LinkDel(br))
	if was, _, err := Stop(t.Context(), l, br0, nil, false); was || err != nil || Known(l, br0) {
		t.Errorf("once it is gone: %v, %v, known %v", was, err, Known(l, br0))
	}
}
