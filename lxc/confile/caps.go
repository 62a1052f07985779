package confile

import (
	"strconv"
	"strings"
)

// capabilities by number (include/uapi/linux/capability.h).
var capabilities = strings.Fields(`chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable
	net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct
	sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override
	mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore`)

// Caps are the lines in effect of lxc.cap.drop and lxc.cap.keep. LXC refuses to
// have both.
func (c *Config) Caps() (all []Entry) {
	for _, e := range c.Entries {
		switch {
		case !isCap(e.Key):
		case e.Value == "":
			all = nil
		default:
			all = append(all, e)
		}
	}
	return all
}

// CapDropped finds the line that leaves the container without a capability, named
// as LXC does: sys_boot. lxc.cap.keep takes away all that it does not name, and
// with "none" every one.
func (c *Config) CapDropped(name string) (by Entry, dropped bool) {
	var listed, keep bool
	for _, e := range c.Caps() {
		keep = e.Key == "lxc.cap.keep"
		words := strings.FieldsFunc(e.Value, func(r rune) bool { return strings.ContainsRune(blank, r) })
		for _, word := range words {
			if keep && word == "none" {
				listed = false
			}
			if word == name || byNumber(word) == name {
				listed, by = true, e
			}
		}
		if keep {
			by = e
		}
	}
	return by, listed != keep
}

func byNumber(word string) string {
	if n, err := strconv.Atoi(word); err == nil && n >= 0 && n < len(capabilities) {
		return capabilities[n]
	}
	return ""
}
