package qemu

import (
	"slices"
	"strings"

	"github.com/guestrc/guestrc/confd"
)

// words are those that QEMU 7.2 to 11 takes for some variables (qemu(1): -drive,
// -netdev, -vga; "qemu-img --help" for formats).
var words = map[string][]string{
	"diskN_cache":  {"none", "writeback", "unsafe", "directsync", "writethrough"},
	"diskN_format": {"raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "luks", "parallels", "bochs", "cloop", "dmg", "host_device"},
	"netN": {"user", "tap", "bridge", "none", "passt", "l2tpv3", "vde", "netmap", "hubport", "socket", "stream", "dgram", "af-xdp", "vhost-user", "vhost-vdpa",
		"vmnet-host", "vmnet-shared", "vmnet-bridged"},
	"vga": {"none", "std", "cirrus", "vmware", "qxl", "virtio", "xenfb", "tcx", "cg3"},
}

// vocabulary finds words that are one or two slips away from one that QEMU takes.
// Any other may be of a QEMU that we do not know.
func (x *examination) vocabulary() {
	for _, v := range x.Config.Values {
		known, _, _, ok := Vars.Lookup(v.Name)
		word, _, _ := strings.Cut(v.Text, ",")
		if !ok || v.Pos == (confd.Pos{}) || word == "" || words[known.Name] == nil || slices.Contains(words[known.Name], word) {
			continue
		}
		if near, ok := confd.NearestWord(words[known.Name], word); ok {
			x.tell("GR107", []string{v.Name}, v.Name+"="+near, "QEMU has no %q for it", word)
		}
	}
	for _, nic := range x.m.NICs {
		variable := nic.Var + "_hostfwd"
		if nic.Type != "user" || !x.Sound(variable) {
			continue
		}
		for _, rule := range forwards(x.Text(variable)) {
			protocol, _, _ := strings.Cut(rule, ":") // of one that is not ours to know nothing is said
			if _, _, ok := parseHostfwd(rule); !ok && slices.Contains([]string{"", "tcp", "udp", rule}, protocol) {
				x.tell("GR107", []string{variable}, variable+"=tcp:127.0.0.1:2222-:22", "QEMU cannot forward by the rule %q", rule)
			}
		}
	}
}
