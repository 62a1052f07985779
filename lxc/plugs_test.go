package lxc

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/rootfs"
)

func TestLinksBelongWhereTheRecordSays(t *testing.T) {
	link := func(index int, master string) bridge.Link {
		return bridge.Link{Name: "veth" + string(rune('A'+index)), Index: index, Kind: "veth", Master: master}
	}
	recorded := []bridge.Link{link(7, "br1"), link(5, "br0"), link(9, "")}
	for what, c := range map[string]struct{ now, want []bridge.Link }{
		"as recorded":             {[]bridge.Link{link(5, "br0"), link(7, "br1"), link(9, "")}, []bridge.Link{link(5, "br0"), link(7, "br1")}},
		"the bridges are gone":    {[]bridge.Link{link(9, ""), link(7, ""), link(5, "")}, []bridge.Link{link(5, "br0"), link(7, "br1")}},
		"moved by somebody":       {[]bridge.Link{link(5, "br7"), link(7, "br1"), link(9, "br7")}, []bridge.Link{link(5, "br0"), link(7, "br1")}},
		"one is gone":             {[]bridge.Link{link(7, "")}, []bridge.Link{link(7, "br1")}},
		"one more is there":       {[]bridge.Link{link(5, ""), link(7, ""), link(9, ""), link(11, ""), link(12, "br2")}, []bridge.Link{link(5, "br0"), link(7, "br1"), link(12, "br2")}},
		"one was replaced":        {[]bridge.Link{link(5, ""), link(9, ""), link(11, "")}, []bridge.Link{link(5, "br0")}},
		"rebooted":                {[]bridge.Link{link(15, "br0"), link(16, "br1"), link(17, "")}, []bridge.Link{link(15, "br0"), link(16, "br1")}},
		"rebooted, bridges gone":  {[]bridge.Link{link(16, ""), link(15, ""), link(17, "")}, []bridge.Link{link(15, "br0"), link(16, "br1")}},
		"rebooted, one link less": {[]bridge.Link{link(15, ""), link(16, "br1")}, []bridge.Link{link(16, "br1")}},
		"nothing":                 {nil, nil},
	} {
		if diff := cmp.Diff(c.want, belonging(recorded, c.now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// TestPlugsFollowTheContainersLinks has a process that a network namespace was
// made for stand in for a container's init.
func TestPlugsFollowTheContainersLinks(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	sleep := lab.Start(t, cmd)
	init, err := pidfile.Capture(sleep.Pid())
	must(t, err)
	t.Cleanup(func() { init.Close() })
	addBridge(t, "br0")
	for _, name := range []string{"vethB", "vethA", "vethC"} {
		addVeth(t, name, init.Pid())
	}
	for _, name := range []string{"vethB", "vethA"} {
		plug(t, name, "br0")
	}
	c := &Container{Name: web}
	c.Links, err = bridge.Peers(init.Pid())
	must(t, err)

	want := func(what string, links ...string) {
		t.Helper()
		var plugs []guest.Plug
		for _, name := range links {
			plugs = append(plugs, guest.Plug{Guest: "lxc.web", Link: name, Index: named(t, name).Attrs().Index, Bridge: "br0"})
		}
		listing, err := bridge.Links()
		must(t, err)
		got, err := c.plugsOf(listing, init)
		if diff := cmp.Diff(plugs, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", what, err, diff)
		}
	}
	want("as started", "vethB", "vethA")
	must(t, netlink.LinkDel(named(t, "br0")))
	want("without the bridge", "vethB", "vethA")
	addBridge(t, "br0")
	want("with another bridge of that name", "vethB", "vethA")

	must(t, netlink.LinkDel(named(t, "vethA")))
	addVeth(t, "vethA", os.Getpid())
	want("with a stranger's link of that name", "vethB")

	for _, name := range []string{"vethA", "vethB", "vethC"} {
		must(t, netlink.LinkDel(named(t, name)))
	}
	for _, name := range []string{"veth1", "veth2", "veth3"} { // a reboot
		addVeth(t, name, init.Pid())
	}
	want("after a reboot", "veth1", "veth2")

	sleep.Kill()
	want("after the end")
}

// TestPlugsOfARealContainer has it reboot by itself, of which its record does
// not know.
func TestPlugsOfARealContainer(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	addBridge(t, "br0")
	addBridge(t, "br1")
	box := rootfs.Make(t, rootfs.Busybox, rootfs.Net("br1", ""), rootfs.Extra(
		"lxc.net.1.type = veth", "lxc.net.1.link = br0", "lxc.net.2.type = veth", "lxc.net.2.link = br1", "lxc.net.3.type = veth"))
	box.Start(t)
	c := &Container{Name: guest.Name{Kind: "lxc", Instance: box.Name}, LXCPath: box.LXCPath}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	monitor, err := box.Monitor()
	must(t, err)
	defer monitor.Close()
	init, err := c.init(ctx, monitor)
	must(t, err)
	defer init.Close()
	must(t, c.note(monitor, init))

	bridges := func(what string) (links []int) {
		t.Helper()
		plugs, err := Kind{}.Plugs(ctx, []guest.RunningInstance{{Instance: c, Process: monitor}})
		must(t, err)
		var got []string
		for _, p := range plugs {
			got, links = append(got, p.Bridge), append(links, p.Index)
		}
		if diff := cmp.Diff([]string{"br1", "br0", "br1"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		return links
	}
	before := bridges("as started")
	must(t, init.Signal(box.Init.RebootSignal()))
	_, err = box.Up(ctx)
	must(t, err)
	after := bridges("after a reboot")
	must(t, netlink.LinkDel(named(t, "br1")))
	if diff := cmp.Diff(after, bridges("without a bridge")); diff != "" || slices.Contains(before, after[0]) {
		t.Errorf("the links were %v, then %v (-then +without a bridge)\n%s", before, after, diff)
	}
	box.Stop(t)
	if plugs, err := (Kind{}).Plugs(ctx, []guest.RunningInstance{{Instance: c, Process: monitor}}); plugs != nil || err != nil {
		t.Errorf("after the end: %v, %v", plugs, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func named(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l
}

func attrs(name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	return a
}

func addBridge(t *testing.T, name string) {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs(name)}))
}

func plug(t *testing.T, name, into string) {
	t.Helper()
	must(t, netlink.LinkSetMaster(named(t, name), named(t, into)))
}

// addVeth makes a pair and gives one end to the process.
func addVeth(t *testing.T, name string, pid int) {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs(name), PeerName: name + "p"}))
	must(t, netlink.LinkSetNsPid(named(t, name+"p"), pid))
}
