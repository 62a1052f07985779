package bridge

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
)

// steadyMAC chooses the address of a new bridge, which by itself would change it
// whenever it gets a port with a lower one (net/bridge/br_stp_if.c,
// br_stp_recalculate_bridge_id). In order: that of the spec; of the port whose
// addresses move, so that neighbours find the host where it was; of the first
// port that is no guest's; else one of its own.
func (p *plan) steadyMAC() (net.HardwareAddr, error) {
	if p.spec.MAC != nil {
		return p.spec.MAC, nil
	}
	var first netlink.Link
	for _, l := range p.ports {
		if !oneInterface(l.Attrs().HardwareAddr) {
			continue
		}
		gives := slices.Contains(p.giving, l)
		if gives && p.hasAddrs(l) {
			return l.Attrs().HardwareAddr, nil
		}
		if guests := kind(l) == "tun" || kind(l) == "veth"; first == nil && (gives || !guests) {
			first = l
		}
	}
	if first != nil {
		return first.Attrs().HardwareAddr, nil
	}
	return ownMAC(p.spec.Name)
}

// ownMAC is the same for a bridge of that name that is deleted and made anew,
// so that guests, which outlive it, need not look for it again. It differs in
// another namespace, on another host, and after its next boot. It is a locally
// administered one.
func ownMAC(name string) (net.HardwareAddr, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("cannot choose a MAC for %s: %w", name, err)
	}
	ns, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("cannot choose a MAC for %s: %w", name, err)
	}
	sum := sha256.Sum256([]byte(string(boot) + ns + name))
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2
	return mac, nil
}
