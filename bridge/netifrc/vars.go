package netifrc

import "github.com/guestrc/guestrc/confd"

// Vars is every variable of one bridge. Those marked Theirs are netifrc's and
// have the interface's name in theirs; the others count in net.NAME only.
func Vars(name string) confd.Table {
	table := own()
	for _, v := range [][2]string{
		{"bridge", "Interfaces that are ports. An empty text is a bridge without any."},
		{"config", "Addresses, one to a line, or null. DHCP is refused. The variable of a port: null takes the addresses off it."},
		{"routes", "Routes, one to a line: default via 192.0.2.1."},
		{"metric", "Metric of the routes that have none."},
		{"mtu", "Bytes, of the bridge only. The variable of a port sets the port's."},
		{"txqueuelen", "Packets that wait to be sent."},
		{"mac", "MAC address. The words for a random one are refused."},
		{"bridge_stp_state", "Spanning tree, 1 or 0. The old name has no bridge_ before it, as those below have."},
		{"bridge_forward_delay", "Like all netifrc's times in 1/100 s."},
		{"bridge_hello_time", "1/100 s, 100 to 1000."},
		{"bridge_max_age", "1/100 s, 600 to 4000."},
		{"bridge_ageing_time", "1/100 s."},
		{"bridge_priority", "Priority for the spanning tree, 0 to 65535."},
		{"bridge_vlan_filtering", "1 or 0."},
		{"bridge_multicast_snooping", "1 or 0."},
		{"brctl", "Commands of brctl(8), one to a line, times in seconds: setfd, sethello, setmaxage, setageing, setbridgeprio, stp."},
		{"bridge_force", "Set to anything: a bridge without ports of its own, to which others add themselves by bridge_add_PORT."},
	} {
		table = append(table, confd.Var{Name: v[0] + "_" + Variable(name), Group: "netifrc's, for /etc/conf.d/net", Type: confd.String, Theirs: true, Help: v[1]})
	}
	return table
}

// own are ours. Those that netifrc has as well win over netifrc's.
func own() confd.Table {
	return confd.Table{
		{Name: "ports", Group: "Bridge", Type: confd.String,
			Help: "Interfaces that are ports, between blanks. Guests plug themselves in. An empty text is a bridge without any."},
		{Name: "addresses", Group: "Bridge", Type: confd.String,
			Help: "Addresses with the length of their network, between blanks; one to a line if words of ip-address(8) such as broadcast follow: 172.16.11.1/24."},
		{Name: "routes", Group: "Bridge", Type: confd.String,
			Help: "Routes in the words of ip-route(8), one to a line: default via 192.0.2.1."},
		{Name: "move_addresses", Group: "Bridge", Type: confd.Bool,
			Help: "Whether addresses and routes of the ports become the bridge's. The default is yes where neither the bridge nor the ports have a configuration, else no."},
		{Name: "mtu", Group: "Bridge", Type: confd.Int,
			Help: "Bytes, of the bridge and of its ports, 68 to 65535."},
		{Name: "mac", Group: "Bridge", Type: confd.MAC,
			Help: "MAC address. The default of a new bridge is that of a port, else one that stays the same as long as the host is up."},
		{Name: "stp", Group: "Forwarding", Type: confd.Bool,
			Help: "Spanning tree."},
		{Name: "forward_delay", Group: "Forwarding", Type: confd.String,
			Help: "Seconds that a new port listens and learns before it forwards, at most 30; with stp at least 2. Decimals are allowed, as with the times below."},
		{Name: "hello_time", Group: "Forwarding", Type: confd.String,
			Help: "Seconds between hello packets of the spanning tree, 1 to 10."},
		{Name: "max_age", Group: "Forwarding", Type: confd.String,
			Help: "Seconds that the spanning tree's root may be silent, 6 to 40."},
		{Name: "ageing_time", Group: "Forwarding", Type: confd.String,
			Help: "Seconds that a silent MAC address is remembered, at most 1000000."},
		{Name: "priority", Group: "Forwarding", Type: confd.Int,
			Help: "Priority for the spanning tree, 0 to 65535; the lowest is the root."},
		{Name: "vlan_filtering", Group: "Forwarding", Type: confd.Bool,
			Help: "Whether ports belong to VLANs."},
		{Name: "multicast_snooping", Group: "Forwarding", Type: confd.Bool,
			Help: "Whether multicast goes only to ports that want it."},
		{Name: "rc_*", Group: "Dependencies", Type: confd.String, Theirs: true,
			Help: "OpenRC's own: rc_use, rc_want, rc_before, rc_after and others, see openrc-run(8)."},
	}
}
