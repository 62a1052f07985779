package qemu

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// maxIfname is the longest name of a network interface (IFNAMSIZ - 1).
const maxIfname = 15

func (p *planner) networks() {
	taken := map[string]string{} // MAC → variable
	for _, n := range p.Indices("netN") {
		if p.Set("net" + strconv.Itoa(n)) {
			p.network(n, taken)
		}
	}
}

func (p *planner) network(n int, taken map[string]string) {
	id := "net" + strconv.Itoa(n)
	nic := NIC{Var: id, Type: p.Text(id), MAC: p.mac(id, n)}
	switch {
	case nic.Type == "bridge" && !p.Set(id+"_helper"):
		p.ownTap(n, &nic)
	case nic.Type == "bridge":
		nic.Bridge = p.Text(id + "_br")
		p.spawn = true
		p.netdev(nic.Type, id, p.options(id+"_", "mac", "device"))
	case nic.Type == "tap":
		p.theirTap(&nic)
	default:
		p.otherNetdev(&nic)
	}
	if other, ok := taken[nic.MAC]; ok && nic.MAC != "" {
		p.Fail(id+"_mac", "", "%s is the MAC address of %s too", nic.MAC, other).WithID("GR302")
	}
	taken[nic.MAC] = id
	p.add("-device", p.Text(id+"_device")+",id="+id+",netdev=host"+id+",mac="+nic.MAC)
	p.m.NICs = append(p.m.NICs, nic)
}

func (p *planner) netdev(kind, id string, options []option) {
	p.add("-netdev", kind+","+list(options)+"id=host"+id)
}

// ownTap puts the interface on a bridge by a tap that the starter makes and
// hands over: no setuid helper, and no bridge.conf to keep.
func (p *planner) ownTap(n int, nic *NIC) {
	id := nic.Var
	nic.Bridge, nic.Ifname = p.ifname(id+"_br"), p.ifname(id+"_ifname")
	if !p.Set(id + "_ifname") {
		nic.Ifname = tapName(p.m.Name, n)
	}
	fd := p.inherit(Inherit{What: "tap", Bridge: nic.Bridge, Ifname: nic.Ifname})
	options := p.options(id+"_", "mac", "device", "br", "ifname", "script", "downscript", "vnet_hdr")
	p.netdev("tap", id, append([]option{{"fd", fd}}, options...))
}

// theirTap uses an interface that the administrator made, or a script.
func (p *planner) theirTap(nic *NIC) {
	id := nic.Var
	nic.Ifname = p.ifname(id + "_ifname")
	scripted := false
	options := p.options(id+"_", "mac", "device", "script", "downscript")
	for _, script := range []string{"downscript", "script"} {
		value := p.Text(id + "_" + script)
		scripted = scripted || value != "no"
		options = append(options, option{script, value})
	}
	if !p.Set(id+"_ifname") && !scripted {
		p.Fail(id, id+"_ifname=tap0 for an interface that exists, or "+id+"=bridge", "a tap needs %s_ifname or %s_script", id, id)
	}
	p.spawn = p.spawn || scripted
	p.netdev("tap", id, sortOptions(options))
	nic.Scripted = scripted
}

// otherNetdev passes everything on. Of user networking it must know which
// ports of the host it takes, and whether it runs programs.
func (p *planner) otherNetdev(nic *NIC) {
	id := nic.Var
	options := p.options(id+"_", "mac", "device", "hostfwd")
	for _, rule := range p.hostfwd(id) {
		options = append(options, option{"hostfwd", rule})
		if host, _, ok := parseHostfwd(rule); ok {
			nic.Ports = append(nic.Ports, host)
		}
	}
	if p.Set(id+"_smb") || strings.Contains(p.Text(id+"_guestfwd"), "cmd:") {
		p.spawn = true
	}
	p.m.Ports = append(p.m.Ports, nic.Ports...)
	p.netdev(nic.Type, id, sortOptions(options))
}

func (p *planner) hostfwd(id string) []string { return forwards(p.Text(id + "_hostfwd")) }

// forwards lists the rules, which may be separated by blanks or, as one could
// write it for qemu-openrc, by ",hostfwd=".
func forwards(text string) []string {
	return strings.Fields(strings.ReplaceAll(text, ",hostfwd=", " "))
}

// parseHostfwd reads [tcp|udp]:[HOST]:PORT-[GUEST]:PORT, as in qemu(1). host is
// as in guest.Claim.
func parseHostfwd(rule string) (host string, guestPort int, ok bool) {
	proto, rest, _ := strings.Cut(rule, ":")
	dash := strings.LastIndexByte(rest, '-')
	if dash < 0 || proto != "" && proto != "tcp" && proto != "udp" {
		return "", 0, false
	}
	address, port, ok1 := cutLast(rest[:dash], ":")
	_, guestText, ok2 := cutLast(rest[dash+1:], ":")
	inside, err1 := strconv.ParseUint(guestText, 10, 16)
	_, err2 := strconv.ParseUint(port, 10, 16)
	if !ok1 || !ok2 || err1 != nil || err2 != nil || inside == 0 {
		return "", 0, false
	}
	if proto == "" {
		proto = "tcp"
	}
	if address == "" {
		address = "0.0.0.0"
	}
	return proto + ":" + address + ":" + port, int(inside), true
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, separator string) (before, after string, ok bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// ifnameChars are fewer than the kernel allows: the rest means something to
// shells and to /sys.
const ifnameChars = lower + upper + digit + "_.-"

// ifname is the name that a variable gives; empty for one that cannot be.
func (p *planner) ifname(variable string) string {
	switch name := p.Text(variable); {
	case len(name) > maxIfname:
		p.Fail(variable, "", "%q has %d bytes, and an interface's name at most %d", name, len(name), maxIfname).WithID("GR102")
	case !only(name, ifnameChars) || name == "." || name == "..":
		p.Fail(variable, "letters, digits, _ . and -", "%q cannot be an interface's name", name).WithID("GR102")
	default:
		return name
	}
	return ""
}

// mac is the configured address, else qemu-openrc's: 52:54 and the first four
// bytes of the MD5 of NAME#N.
func (p *planner) mac(id string, n int) string {
	if p.Set(id + "_mac") {
		return confd.Typed(p.Settings, id+"_mac", confd.ParseMAC).String()
	}
	sum := md5.Sum([]byte(p.m.Name.Instance + "#" + strconv.Itoa(n)))
	return net.HardwareAddr{0x52, 0x54, sum[0], sum[1], sum[2], sum[3]}.String()
}

// tapName is the name of interface n on the host: "qdb-0" for qemu.db, and a
// hash where that would be too long. Two guests' names are never the same
// unless the hashes are.
func tapName(name guest.Name, n int) string {
	plain := fmt.Sprintf("q%s-%d", name.Instance, n)
	if len(plain) <= maxIfname {
		return plain
	}
	sum := sha256.Sum256([]byte(name.String()))
	return fmt.Sprintf("gr%x-%d", sum[:4], n)
}
