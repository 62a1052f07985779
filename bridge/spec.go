package bridge

import (
	"net"
	"net/netip"
	"time"
)

// Spec is how a bridge is to be. What is nil, empty or zero is left as it is;
// a new bridge then has the kernel's default.
type Spec struct {
	Name      string
	Ports     []string  // are to be ports; others that are plugged in stay
	Addresses []Address // of the bridge; others that it has stay
	Routes    []Route   // out of the bridge; others stay

	// Move has addresses and routes of the Ports become those of the bridge, so
	// that the host stays reachable over it. Without, a port that has an address of
	// the bridge loses it, its routes move, and one with others is refused.
	Move bool
	// NoAddresses are interfaces that are to have no address, config_eth0="null"
	// of netifrc. Link-local ones of IPv6 are the kernel's and stay.
	NoAddresses []string

	MTU        int              // bytes, of the bridge
	PortMTU    int              // bytes, of each of Ports
	TxQueueLen int              // packets; what the host sends while that changes is lost
	MAC        net.HardwareAddr // of a new bridge without: see steadyMAC

	// The times have the kernel's unit, 1/100 s.
	ForwardDelay, HelloTime, MaxAge, AgeingTime *time.Duration
	Priority                                    *uint16
	STP, VLANFiltering, MulticastSnooping       *bool
}

// Address is one of the bridge, in the terms of ip-address(8).
type Address struct {
	Prefix    netip.Prefix   // the address itself, and the length of its network
	Broadcast netip.Addr     // IPv4; none given: as it is, at first the last of the network; 0.0.0.0: none
	Peer      netip.Prefix   // of a point-to-point address
	Label     string         // IPv4: the bridge's name, or that with ":x" after it
	Scope     string         // "global", "site", "link", "host", or a number to 255; none: by the address
	Valid     *time.Duration // whole seconds; nil is for ever
	Preferred *time.Duration // whole seconds; nil is as long as Valid
	NoDAD     bool           // IPv6: usable without a look for duplicates
	// NoPrefixRoute leaves the route to the address's network out.
	NoPrefixRoute bool
}

// Route leads out of the bridge, in the terms of ip-route(8).
type Route struct {
	Dst    netip.Prefix // zero: default, of the family of Via or Src, else of IPv4
	Via    netip.Addr   // the gateway; none: Dst is on the link
	Src    netip.Addr   // preferred source address
	Metric int          // 0: the kernel's default
	Table  int          // 0: main
	Scope  string       // as of Address; none: "link" without Via, else "global"
	MTU    int          // bytes
	OnLink bool         // Via is on the link though no address says so
}

// Status is how a bridge is now.
type Status struct {
	Exists    bool
	Up        bool           // as an administrator set it, whatever the ports say
	Addresses []netip.Prefix // without the link-local ones of IPv6
	Ports     []Link
}
