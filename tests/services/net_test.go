package services

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/debs"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// network is a host with a bridge, br0, of the address 10.77.0.1.
type network struct {
	*host
	machines
}

func newNetwork(t *testing.T, h *host) network {
	t.Helper()
	// Not every release's machine has a ping of its own.
	dir, err := debs.Unpack(t.Context(), "busybox-static")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join(dir, "usr/bin/busybox"))
	if err != nil {
		t.Fatal(err)
	}
	h.machine().Install(pinger, string(program), 0o755)
	return network{h, newMachines(t)}
}

// pinger is busybox.
const pinger = "/usr/bin/busybox-lab"

// onNetwork runs a test under each init system.
func onNetwork(t *testing.T, test func(t *testing.T, n network)) {
	both(t, func(t *testing.T, h *host) { test(t, newNetwork(t, h)) })
}

func (n network) bridge(lines ...string) {
	n.t.Helper()
	n.describe("net.br0", append([]string{`addresses="10.77.0.1/24"`}, lines...)...)
}

// vm is a virtual machine on the bridge, with the address 10.77.0.2.
func (n network) vm(lines ...string) (name string) {
	n.t.Helper()
	return n.make(n.host, "a", "ip=10.77.0.2/24", append([]string{`net0="bridge"`, `net0_br="br0"`}, lines...)...)
}

// container is one of LXC's on the bridge, with the address 10.77.0.3.
func (n network) onBridge(lines ...string) (name string) {
	n.t.Helper()
	return n.guest(n.container(rootfs.Sysvinit, rootfs.Net("br0", "10.77.0.3/24")), lines...)
}

func (n network) reach(when string, addresses ...string) {
	n.t.Helper()
	for _, address := range addresses {
		out, errs, code := n.machine().Run(n.ctx, pinger, "ping", "-c", "1", "-W", "20", address)
		if code != 0 {
			n.t.Errorf("%s, %s does not answer: %s%s", when, address, out, errs)
		}
	}
}

// reload has the init system change what differs.
func (n network) reload(name string) {
	n.t.Helper()
	if _, ok := n.system.(*openRC); ok {
		n.machine().Must(n.ctx, "rc-service", name, "reload")
		return
	}
	n.machine().Must(n.ctx, "systemctl", "reload", unit(name))
}

// link is the number of the bridge's interface, which another one would not have.
func (n network) link() string {
	n.t.Helper()
	number, _, _ := strings.Cut(n.machine().Must(n.ctx, "ip", "-o", "link", "show", "dev", "br0"), ":")
	return number
}

const vmAddress, containerAddress = "10.77.0.2", "10.77.0.3"

// during pings all the while that act takes, ten times a second, and wants every
// answer.
func (n network) during(what string, act func(), addresses ...string) {
	n.t.Helper()
	const pings = 30
	var outputs []*bytes.Buffer
	var running []*lab.Process
	for _, address := range addresses {
		out := &bytes.Buffer{}
		cmd := n.machine().Command(n.ctx, pinger, "ping", "-c", fmt.Sprint(pings), "-i", "0.1", "-W", "20", address)
		cmd.Stdout, cmd.Stderr = out, out
		outputs, running = append(outputs, out), append(running, lab.Start(n.t, cmd))
	}
	act()
	for i, p := range running {
		if err := p.Wait(n.ctx); err != nil || !strings.Contains(outputs[i].String(), fmt.Sprintf("%d packets received", pings)) {
			n.t.Errorf("%s, %s: %v\n%s", what, addresses[i], err, outputs[i])
		}
	}
}

// A guest has its bridge started for it; a restart of the bridge neither stops
// the guest nor cuts it off, and a stop is refused while it is plugged in.
func TestBridgeIsRestartedUnderGuests(t *testing.T) {
	onNetwork(t, func(t *testing.T, n network) {
		n.bridge()
		vm, ct := n.vm(), n.onBridge()
		n.mustStart(vm)
		n.mustStart(ct)
		n.wants("net.br0", started)
		before := []int{n.status(vm).PID, n.status(ct).PID}
		link := n.link()
		n.reach("at first", vmAddress, containerAddress)
		n.during("while the bridge is restarted", func() {
			for range 3 {
				if out, code := n.restart(n.ctx, "net.br0"); code != 0 {
					t.Errorf("restart: exit %d\n%s", code, out)
				}
			}
		}, vmAddress, containerAddress)
		n.wants("net.br0", started)

		n.machine().Install("/etc/conf.d/net.br0", "addresses=\"10.77.0.1/24 10.78.0.1/24\"\nmtu=1400\nageing_time=60\n", 0o644)
		n.during("while the bridge is changed", func() {
			if out, code := n.restart(n.ctx, "net.br0"); code != 0 {
				t.Errorf("restart: exit %d\n%s", code, out)
			}
		}, vmAddress, containerAddress)
		if got := n.machine().Must(n.ctx, "ip", "-o", "address", "show", "dev", "br0"); !strings.Contains(got, "10.78.0.1/24") {
			t.Errorf("the new address is missing:\n%s", got)
		}

		n.reload("net.br0")

		out, code := n.stop(n.ctx, "net.br0")
		for _, name := range []string{vm, ct} {
			if code == 0 && n.state(n.ctx, "net.br0") != crashed || !strings.Contains(out+n.said("net.br0"), name) {
				t.Errorf("stop with guests plugged in: exit %d, without %s:\n%s", code, name, out)
			}
		}
		n.reach("after the refused stop", vmAddress, containerAddress)
		for i, name := range []string{vm, ct} {
			if st := n.status(name); st.PID != before[i] {
				t.Errorf("%s was restarted: %+v", name, st)
			}
		}
		n.mustStart("net.br0")
		n.mustStop(vm)
		n.mustStop(ct)
		if out, code := n.restart(n.ctx, "net.br0"); code != 0 || n.link() != link {
			t.Errorf("restart without guests: exit %d, and a new bridge: %v\n%s", code, n.link() != link, out)
		}
		if said := n.said("net.br0"); strings.Contains(said, "repeated too quickly") || strings.Count(said, "Failed with result") > 1 { // the refused stop
			t.Errorf("the journal has more failures than there were:\n%s", said)
		}
		n.mustStop("net.br0")
		n.wants("net.br0", stopped)
		if _, _, code := n.machine().Run(n.ctx, "ip", "link", "show", "br0"); code == 0 {
			t.Error("the bridge is there after its stop")
		}
	})
}

// said is what a service put in the journal, where there is one.
func (h *host) said(name string) string {
	out, _, _ := h.machine().Run(h.ctx, "journalctl", "--no-pager", "-u", unit(name))
	return out
}

// With bridge_dep=need a stop of the bridge stops its guests first.
func TestGuestThatNeedsItsBridge(t *testing.T) {
	onNetwork(t, func(t *testing.T, n network) {
		n.bridge()
		ct := n.onBridge(`bridge_dep="need"`)
		n.mustStart(ct)
		n.wants("net.br0", started)
		n.reach("at first", containerAddress)
		n.mustStop("net.br0")
		n.wants("net.br0", stopped)
		n.wants(ct, stopped)
		n.inOrder(ct)
	})
}

// A bridge that somebody removed is made anew, and its guests are plugged in
// again; where somebody else makes it anew, replug does it.
func TestGuestsArePluggedInAgain(t *testing.T) {
	onNetwork(t, func(t *testing.T, n network) {
		n.bridge()
		vm, ct := n.vm(), n.onBridge()
		n.mustStart(vm)
		n.mustStart(ct)
		n.reach("at first", vmAddress, containerAddress)
		n.machine().Must(n.ctx, "ip", "link", "delete", "br0")
		if st := n.status("net.br0"); st.State != guest.Stopped {
			t.Errorf("without the bridge: %+v", st)
		}
		if out, code := n.restart(n.ctx, "net.br0"); code != 0 {
			t.Errorf("restart: exit %d\n%s", code, out)
		}
		n.reach("after it was made anew", vmAddress, containerAddress)

		n.machine().Must(n.ctx, "ip", "link", "delete", "br0")
		n.machine().Must(n.ctx, "sh", "-c", "ip link add br0 type bridge && ip link set br0 up && ip address add 10.77.0.1/24 dev br0")
		out := n.machine().Must(n.ctx, "guestrc", "replug")
		if !strings.Contains(out, vm) || !strings.Contains(out, ct) {
			t.Errorf("replug said: %s", out)
		}
		n.reach("after replug", vmAddress, containerAddress)
	})
}

// An edit that has the bridge no longer take the port's addresses must not cost
// the host its way out: a stop gives back what the start took.
func TestEditOfABridgeOverTheOnlyPort(t *testing.T) {
	onNetwork(t, func(t *testing.T, n network) {
		n.outside()
		n.machine().Install("/etc/conf.d/net.br0", "ports=eth0\n", 0o644)
		n.define(n.ctx, "net.br0")
		n.mustStart("net.br0")
		n.reach("over the bridge", "10.90.0.1")
		n.machine().Install("/etc/conf.d/net.br0", "ports=eth0\naddresses=10.91.0.1/24\n", 0o644)
		if out, code := n.restart(n.ctx, "net.br0"); code != 0 {
			t.Errorf("restart: exit %d\n%s", code, out)
		}
		n.reach("after the edit", "10.90.0.1")
		n.mustStop("net.br0")
		n.reach("without the bridge", "10.90.0.1")
	})
}

// outside is a network that the host reaches by eth0 alone; 10.90.0.1 is its
// gateway.
func (n network) outside() {
	n.t.Helper()
	n.machine().Must(n.ctx, "sh", "-c", `ip netns add outside && ip link add eth0 type veth peer name far netns outside &&
		ip netns exec outside ip address add 10.90.0.1/24 dev far && ip netns exec outside ip link set far up &&
		ip address add 10.90.0.2/24 dev eth0 && ip link set eth0 up && ip route add default via 10.90.0.1`)
	n.reach("before there is a bridge", "10.90.0.1")
}

// netifrc's own variables are understood, unless netifrc itself is in charge.
func TestBridgeOfNetifrcsVariables(t *testing.T) {
	onNetwork(t, func(t *testing.T, n network) {
		n.machine().Install("/etc/conf.d/net", `
bridge_br0=""
config_br0="10.77.0.1/24
10.79.0.1/24 brd 10.79.0.255"
bridge_forward_delay_br0="0"
routes_br0="10.80.0.0/16 via 10.79.0.2"
postup() {
	true
}
`, 0o644)
		n.define(n.ctx, "net.br0")
		n.mustStart("net.br0")
		routes := n.machine().Must(n.ctx, "ip", "route")
		addresses := n.machine().Must(n.ctx, "ip", "-o", "address", "show", "dev", "br0")
		if !strings.Contains(routes, "10.80.0.0/16 via 10.79.0.2") || !strings.Contains(addresses, "10.77.0.1/24") || !strings.Contains(addresses, "10.79.0.1/24") {
			t.Errorf("%s%s", routes, addresses)
		}
		n.mustStop("net.br0")
	})
}

// A bridge over the host's only way out: the address moves to it, and back.
func TestBridgeOverAPort(t *testing.T) {
	onNetwork(t, func(t *testing.T, n network) {
		n.outside()
		n.machine().Install("/etc/conf.d/net.br0", "ports=eth0\nmove_addresses=yes\n", 0o644)
		n.define(n.ctx, "net.br0")
		vm := n.make(n.host, "a", "ip=10.90.0.3/24", `net0="bridge"`, `net0_br="br0"`)
		n.mustStart("net.br0")
		n.reach("over the bridge", "10.90.0.1")
		if route := n.machine().Must(n.ctx, "ip", "route", "show", "default"); !strings.Contains(route, "via 10.90.0.1 dev br0") {
			t.Errorf("the default route is %s", route)
		}
		n.mustStart(vm)
		n.reach("the guest", "10.90.0.3")
		n.machine().Must(n.ctx, "ip", "netns", "exec", "outside", pinger, "ping", "-c", "1", "-W", "20", "10.90.0.3")
		n.mustStop(vm)
		n.mustStop("net.br0")
		n.reach("after the bridge", "10.90.0.1")
		if route := n.machine().Must(n.ctx, "ip", "route", "show", "default"); !strings.Contains(route, "via 10.90.0.1 dev eth0") {
			t.Errorf("the default route is %s", route)
		}
	})
}
