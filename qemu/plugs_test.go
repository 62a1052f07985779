package qemu

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/romguest"
)

// TestEndsOfTheRecordStay: those of one list are not overwritten by the next.
func TestEndsOfTheRecordStay(t *testing.T) {
	m := Machine{recalled: make([]hostEnd, 1, 2), NICs: []NIC{{Type: "tap", Ifname: "tap0"}}}
	first := m.ends()
	m.NICs[0].Ifname = "tap1"
	m.ends()
	if diff := cmp.Diff([]hostEnd{{}, {Link: "tap0"}}, first); diff != "" {
		t.Error(diff)
	}
}

func TestRecordedEndsAreMatchedWithOpenTaps(t *testing.T) {
	helped := []hostEnd{{"qdb-0", "br0"}, {"", "br1"}, {"tap7", ""}, {"", "br2"}}
	for what, c := range map[string]struct {
		ends []hostEnd
		taps map[string]int
		want []hostEnd
	}{
		"ours":              {[]hostEnd{{"qdb-0", "br0"}, {"qdb-1", "br1"}}, map[string]int{"qdb-0": 5, "qdb-1": 4}, []hostEnd{{"qdb-0", "br0"}, {"qdb-1", "br1"}}},
		"another":           {[]hostEnd{{"qdb-0", "br0"}}, map[string]int{"qdb-0": 5, "tap0": 4}, []hostEnd{{"qdb-0", "br0"}, {"tap0", ""}}},
		"one that is gone":  {[]hostEnd{{"qdb-0", "br0"}}, map[string]int{}, nil},
		"one's own":         {[]hostEnd{{"tap7", ""}, {"tap8", ""}}, map[string]int{"tap7": 5}, []hostEnd{{"tap7", ""}}},
		"the helper's":      {helped, map[string]int{"tap1": 8, "tap7": 2, "tap0": 9, "qdb-0": 7}, []hostEnd{{"qdb-0", "br0"}, {"tap7", ""}, {"tap1", "br1"}, {"tap0", "br2"}}},
		"one too few":       {helped, map[string]int{"tap1": 8, "tap7": 2, "qdb-0": 7}, []hostEnd{{"qdb-0", "br0"}, {"tap7", ""}, {"tap1", ""}}},
		"one too many":      {helped, map[string]int{"tap1": 8, "tap7": 2, "tap0": 9, "tap3": 10, "qdb-0": 7}, []hostEnd{{"qdb-0", "br0"}, {"tap7", ""}, {"tap1", ""}, {"tap0", ""}, {"tap3", ""}}},
		"a script's choice": {[]hostEnd{{"", ""}, {"", "br0"}}, map[string]int{"tap1": 8, "tap2": 9}, []hostEnd{{"tap1", ""}, {"tap2", "br0"}}},
	} {
		if diff := cmp.Diff(c.want, matched(c.ends, c.taps)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// TestPlugsAreTheTapsThatQEMUHasOpen: with their bridges where the record knows.
func TestPlugsAreTheTapsThatQEMUHasOpen(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	addTap(t, "qdb-2") // has the name of one that QEMU does not have
	r := upROM(t, romguest.Do(romguest.Up(), romguest.Idle()),
		"-netdev", "tap,id=a,ifname=qdb-0,script=no,downscript=no", "-netdev", "tap,id=b,ifname=tap9,script=no,downscript=no",
		"-netdev", "tap,id=c,ifname=lan1,script=no,downscript=no")
	m := recalled(t, "net0=bridge\nnet1=tap\nnet1_ifname=tap9\nnet2=bridge\nnet3=bridge\nnet3_br=lan\nnet3_ifname=lan1\nnet4=user\n")
	want := func(what string, plugs ...guest.Plug) {
		t.Helper()
		got, err := m.plugs(r.p)
		if diff := cmp.Diff(plugs, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", what, err, diff)
		}
	}
	plug := func(name, bridge string) guest.Plug {
		return guest.Plug{Guest: "qemu.db", Link: name, Index: link(t, name).Index, Bridge: bridge}
	}
	lan, own := plug("lan1", "lan"), plug("tap9", "")
	want("as started", plug("qdb-0", "br0"), own, lan)

	tap, err := netlink.LinkByName("qdb-0")
	if err == nil {
		err = netlink.LinkSetName(tap, "other0")
	}
	if err != nil {
		t.Fatal(err)
	}
	addTap(t, "qdb-0")
	want("a stranger's tap has the name", own, lan, plug("other0", ""))
	if plugs, err := recalled(t, "net0=user\n").plugs(r.p); plugs != nil || err != nil {
		t.Errorf("without a tap: %v, %v", plugs, err)
	}
	r.Kill()
	want("after the end")
}

// TestPlugsOfTheHelpersTaps: this process stands in for a QEMU whose helper
// chose names.
func TestPlugsOfTheHelpersTaps(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	addBridge(t, "br0")
	addBridge(t, "br1")
	for _, tap := range [][2]string{{"zap0", "br0"}, {"tap0", "br1"}} {
		f, err := openTap(tap[0], tap[1])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
	}
	self, err := pidfile.Capture(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { self.Close() })
	m := recalled(t, "net0=bridge\nnet0_helper=/helper\nnet1=bridge\nnet1_br=br1\nnet1_helper=/helper\n")
	got, err := m.plugs(self)
	want := []guest.Plug{{Guest: "qemu.db", Link: "zap0", Index: link(t, "zap0").Index, Bridge: "br0"}, {Guest: "qemu.db", Link: "tap0", Index: link(t, "tap0").Index, Bridge: "br1"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// recalled is a machine as its record has it, and as the record of that has it.
func recalled(t *testing.T, conf string) *Machine {
	t.Helper()
	name := mustName(t, "qemu.db")
	m, err := newMachine(guest.Layout{Root: "/"}, name, parseConf(t, name, conf), newFakeHost())
	for range 2 {
		if err != nil {
			t.Fatal(err)
		}
		memo, errMemo := m.Memo()
		if errMemo != nil {
			t.Fatal(errMemo)
		}
		var i guest.Instance
		i, err = Kind{}.Recall(m.Layout, name, memo, nil)
		m, _ = i.(*Machine)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}
