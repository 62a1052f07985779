package confile

import (
	"slices"
	"strings"
)

// known are the keys of LXC 5.0 to 7.0 (config_jump_table in
// src/lxc/confile.c), but for those of groups.
var known = []string{
	"lxc.apparmor.allow_incomplete", "lxc.apparmor.allow_nesting", "lxc.apparmor.profile", "lxc.apparmor.raw", "lxc.arch",
	"lxc.autodev", "lxc.autodev.tmpfs.size", "lxc.cap.drop", "lxc.cap.keep", "lxc.cgroup.dir", "lxc.cgroup.dir.container",
	"lxc.cgroup.dir.container.inner", "lxc.cgroup.dir.monitor", "lxc.cgroup.dir.monitor.pivot", "lxc.cgroup.relative",
	"lxc.console.buffer.size", "lxc.console.logfile", "lxc.console.path", "lxc.console.rotate", "lxc.console.size",
	"lxc.environment", "lxc.environment.hooks", "lxc.environment.runtime", "lxc.ephemeral", "lxc.execute.cmd", "lxc.group",
	"lxc.hook.autodev", "lxc.hook.clone", "lxc.hook.destroy", "lxc.hook.mount", "lxc.hook.post-stop", "lxc.hook.pre-mount",
	"lxc.hook.pre-start", "lxc.hook.start", "lxc.hook.start-host", "lxc.hook.stop", "lxc.hook.version", "lxc.idmap", "lxc.include",
	"lxc.init.cmd", "lxc.init.cwd", "lxc.init.gid", "lxc.init.groups", "lxc.init.uid", "lxc.keyring.session", "lxc.log.file",
	"lxc.log.level", "lxc.log.syslog", "lxc.monitor.signal.pdeath", "lxc.monitor.unshare", "lxc.mount.auto", "lxc.mount.entry",
	"lxc.mount.fstab", "lxc.namespace.clone", "lxc.namespace.keep", "lxc.namespace.share.cgroup", "lxc.namespace.share.ipc",
	"lxc.namespace.share.mnt", "lxc.namespace.share.net", "lxc.namespace.share.pid", "lxc.namespace.share.time",
	"lxc.namespace.share.user", "lxc.namespace.share.uts", "lxc.no_new_privs", "lxc.pty.max", "lxc.rootfs.managed",
	"lxc.rootfs.mount", "lxc.rootfs.options", "lxc.rootfs.path", "lxc.sched.core", "lxc.seccomp.allow_nesting",
	"lxc.seccomp.notify.cookie", "lxc.seccomp.notify.proxy", "lxc.seccomp.profile", "lxc.selinux.context",
	"lxc.selinux.context.keyring", "lxc.signal.halt", "lxc.signal.reboot", "lxc.signal.stop", "lxc.start.auto", "lxc.start.delay",
	"lxc.start.order", "lxc.time.offset.boot", "lxc.time.offset.monotonic", "lxc.tty.dir", "lxc.tty.max", "lxc.uts.name",
}

// netKeys follow lxc.net.N. (config_jump_table_net).
var netKeys = []string{
	"flags", "hwaddr", "ipv4.address", "ipv4.gateway", "ipv6.address", "ipv6.gateway", "ipvlan.isolation", "ipvlan.mode",
	"l2proxy", "link", "macvlan.mode", "mtu", "name", "script.down", "script.up", "type", "veth.ipv4.route", "veth.ipv6.route",
	"veth.mode", "veth.n_rxqueues", "veth.n_txqueues", "veth.pair", "veth.vlan.id", "veth.vlan.tagged.id", "vlan.id",
}

// groups are keys after which anything may follow; without that, and without a
// value, they take back the whole group. lxc.cgroup, of cgroup v1, ends with
// LXC 6.
var groups = []string{"lxc.cgroup", "lxc.cgroup2", "lxc.prlimit", "lxc.proc", "lxc.sysctl"}

// clearsGroup says whether the key is one that without a value takes back
// several.
func clearsGroup(key string) bool {
	if _, sub, ok := numbered(key, "lxc.net."); ok && sub == "" {
		return true
	}
	return key == "lxc.net" || key == "lxc.hook" || slices.Contains(groups, key)
}

// checkValue refuses what LXC refuses whatever its version.
func checkValue(e *Entry) *Error {
	switch {
	case e.Value != "" && clearsGroup(e.Key):
		return errorf(e.Pos, "say which, as in "+e.Key+".KEY = VALUE", "%s takes no value: it takes back all that begins so", e.Written)
	case e.Value == "" && e.Key == "lxc.mount.fstab":
		return errorf(e.Pos, "leave the line out", "%s needs a value: LXC refuses it without", e.Written)
	case e.Value != "" && e.Key == "lxc.rootfs.backend" && !slices.Contains(backends, e.Value):
		return errorf(e.Pos, "one of "+strings.Join(backends, ", "), "LXC never knew a storage of that name")
	}
	return nil
}

// Unknown returns the entries whose keys no LXC from 5.0 to 7.0 knows; LXC
// refuses to start the container. Legacy keys are not among them.
func (c *Config) Unknown() []Entry {
	var found []Entry
	for _, e := range c.Entries {
		if !e.Dropped && !isKnown(e.Key) {
			found = append(found, e)
		}
	}
	return found
}

func isKnown(key string) bool {
	if _, sub, ok := numbered(key, "lxc.net."); ok && sub != "" {
		return slices.Contains(netKeys, sub[1:]) && sub[0] == '.'
	}
	for _, g := range groups {
		if len(key) > len(g)+1 && strings.HasPrefix(key, g+".") {
			return true
		}
	}
	return slices.Contains(known, key) || clearsGroup(key)
}
