package bridge

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func attrs(name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	return a
}

// guest is a process in a network namespace of its own.
func guest(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	return lab.Start(t, cmd).Pid()
}

// veth makes a pair and gives one end to the process.
func veth(t *testing.T, name string, pid int) Link {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs(name), PeerName: name + "p"}))
	peer, err := netlink.LinkByName(name + "p")
	must(t, err)
	must(t, netlink.LinkSetNsPid(peer, pid))
	end, err := netlink.LinkByName(name)
	must(t, err)
	return Link{Name: name, Index: end.Attrs().Index, Kind: "veth"}
}

func TestBridgesAreTold(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs("br0")}))
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs("veth0"), PeerName: "veth1"}))
	for name, want := range map[string][2]bool{
		"br0":                            {true, true},
		"veth0":                          {true, false},
		"lo":                             {true, false},
		"absent":                         {false, false},
		"":                               {false, false},
		"br0/../x":                       {false, false},
		"much-longer-than-a-name-may-be": {false, false},
	} {
		exists, is, err := IsBridge(name)
		if err != nil || exists != want[0] || is != want[1] {
			t.Errorf("IsBridge %q: %v, %v, %v", name, exists, is, err)
		}
		if there, err := Exists(name); err != nil || there != want[0] {
			t.Errorf("Exists %q: %v, %v", name, there, err)
		}
	}
}

func TestPeersAreTheHostsEndsOfAGuestsLinks(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	web, db, alone := guest(t), guest(t), guest(t)
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs("br0")}))
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs("veth0"), PeerName: "veth1"})) // both ends are here
	if none, err := Peers(web); err != nil || len(none) > 0 {
		t.Errorf("before there is any: %+v, %v", none, err)
	}
	want := map[int][]Link{web: {veth(t, "web0", web), veth(t, "web1", web)}, db: {veth(t, "db0", db)}, alone: nil, os.Getpid(): nil}
	br, err := netlink.LinkByName("br0")
	must(t, err)
	port, err := netlink.LinkByName("web1")
	must(t, err)
	must(t, netlink.LinkSetMaster(port, br))
	want[web][1].Master = "br0"
	for pid, want := range want {
		for range 2 {
			got, err := Peers(pid)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		}
		if same, err := SameNet(pid); err != nil || same != (pid == os.Getpid()) {
			t.Errorf("SameNet: %v, %v", same, err)
		}
	}
}

func TestPeersOfManyAreFoundInOneListing(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	web, db := guest(t), guest(t)
	want := veth(t, "web0", web)
	l, err := Links()
	must(t, err)
	for pid, want := range map[int][]Link{web: {want}, db: nil} {
		got, err := PeersIn(l, pid)
		must(t, err)
		equal(t, "peers", got, want)
	}
	// The number of a namespace that ended becomes another's.
	must(t, Remove(want))
	other := attrs("other")
	other.Index = want.Index
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: other, PeerName: "both"}))
	equal(t, "index", index(t, "other"), want.Index)
	if got, err := PeersIn(l, web); err != nil || len(got) > 0 {
		t.Errorf("of a link that is another: %+v, %v", got, err)
	}
}

func TestOfNoProcessNothingIsSaid(t *testing.T) {
	const none = 1 << 22 // PID_MAX_LIMIT
	if links, err := Peers(none); err == nil {
		t.Errorf("%+v", links)
	}
	if same, err := SameNet(none); err == nil {
		t.Errorf("%v", same)
	}
}

func TestOnlyTheNotedLinkIsRemoved(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	pid := guest(t)
	link := veth(t, "web0", pid)
	for _, other := range []Link{
		{Name: "web1", Index: link.Index, Kind: "veth"},
		{Name: "web0", Index: link.Index, Kind: "bridge"},
		{Name: "web0", Index: link.Index + 100, Kind: "veth"},
		{Name: "lo", Index: 1, Kind: "veth"},
	} {
		if err := Remove(other); err != nil {
			t.Errorf("%+v: %v", other, err)
		}
		if there, err := Exists("web0"); err != nil || !there {
			t.Fatalf("%+v: web0 is gone (%v)", other, err)
		}
	}
	for range 2 { // once it is absent, that is fine
		if err := Remove(link); err != nil {
			t.Error(err)
		}
		if there, err := Exists("web0"); err != nil || there {
			t.Errorf("web0 is there (%v)", err)
		}
	}
	if got, err := Peers(pid); err != nil || len(got) > 0 {
		t.Error(fmt.Sprint(got), err)
	}
}
