package qemu

import (
	"net"
	"slices"
	"strings"
)

// makers are those of other virtual machines: what came from there may well
// have kept its address.
var makers = map[string]string{
	"00:16:3e": "Xen", "00:0c:29": "VMware", "00:50:56": "VMware", "08:00:27": "VirtualBox", "00:15:5d": "Hyper-V", "00:1c:42": "Parallels",
}

// addresses looks for MAC addresses that some maker may have given to a device:
// those without the bit for locally administered ones (IEEE 802, 8.2.2).
func (x *examination) addresses() {
	for _, nic := range x.m.NICs {
		mac, err := net.ParseMAC(nic.MAC)
		if err != nil || len(mac) == 0 || mac[0]&2 != 0 {
			continue
		}
		whose := "a maker of network cards, who may have given it to one"
		if maker, ok := makers[nic.MAC[:8]]; ok {
			whose = maker + ", which may give it to another machine"
		}
		x.tell("GR303", []string{nic.Var + "_mac", nic.Var}, "", "%s belongs to %s", nic.MAC, whose)
	}
}

// loopback tells whether only this host reaches an address.
func loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// displays looks for VNC without a password that others than this host reach.
func (x *examination) displays() {
	if listen := x.Text("vnc_listen"); x.Set("vnc_display") && !x.Set("vnc_password") && !loopback(listen) {
		x.tell("GR309", []string{"vnc_listen", "vnc_display"}, "", "anybody who reaches %s has the guest's keyboard and screen: VNC has no password", listen)
	}
	displays := x.option("vnc")
	for _, display := range x.option("display") {
		if vnc, ok := strings.CutPrefix(display, "vnc="); ok {
			displays = append(displays, vnc)
		}
	}
	for _, display := range displays {
		address, options, _ := strings.Cut(display, ",")
		host, _, ok := cutLast(address, ":")
		guarded := slices.ContainsFunc([]string{"password", "sasl", "tls-creds", "tls-authz"}, func(s string) bool { return strings.Contains(options, s) })
		if ok && host != "unix" && !strings.HasPrefix(address, "unix:") && !guarded && !loopback(host) && !strings.Contains(options, "reverse") {
			x.tell("GR309", []string{"extra_args"}, "vnc_display= in place of -vnc listens on 127.0.0.1", "-vnc %s: anybody who reaches it has the guest's keyboard and screen: it has no password", display)
		}
	}
}

// monitors looks for monitors and debuggers that listen on TCP, which ask
// nobody who they are.
func (x *examination) monitors() {
	const hint = "a socket in a directory of root's: -monitor unix:/run/guestrc/qemu.NAME/monitor2,server=on,wait=off; monitor_socket= is one already"
	for _, name := range []string{"monitor", "qmp", "qmp-pretty", "gdb"} {
		for _, value := range x.option(name) {
			protocol, _, _ := strings.Cut(value, ":")
			if slices.Contains([]string{"tcp", "telnet", "websocket"}, protocol) {
				x.tell("GR704", []string{"extra_args"}, hint, "-%s %s: whoever connects is in charge of the guest", name, value)
			}
		}
	}
	if slices.Contains(x.extra, "-s") {
		x.tell("GR704", []string{"extra_args"}, "-gdb unix:PATH,server=on,wait=off in its place", "-s: a debugger's port on all addresses, and whoever connects is in charge of the guest")
	}
}
