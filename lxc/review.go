package lxc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/lxc/confile"
)

// review finds what is risky, or without effect, in LXC's configuration. All
// of it may be meant, so that none stands in the way of a start.
func (c *Container) review() []*confd.Error {
	r := reviewer{c: c}
	r.names()
	r.capabilities()
	r.sharing()
	r.hostMounts()
	r.limits(cgroupVersions())
	r.unknown()
	return r.found
}

type reviewer struct {
	c     *Container
	found []*confd.Error
}

func (r *reviewer) warn(at confile.Pos, hint, format string, args ...any) *confd.Error {
	e := problem(at, hint, format, args...)
	r.found = append(r.found, e)
	return e
}

// unknown: of a file that is something else altogether, some are enough.
func (r *reviewer) unknown() {
	const most = 20
	all := r.c.file.Unknown()
	for n, e := range all {
		if n == most {
			r.warn(e.Pos, "", "and %d more keys that LXC may not know", len(all)-most).WithID("GR502")
			return
		}
		hint := ""
		if near, ok := confile.Nearest(e.Key); ok {
			hint = "did you mean " + near + "?"
		}
		r.warn(e.Pos, hint, "unknown key %q: LXC may refuse to start the container", e.Written).WithID("GR502")
	}
}

// names: LXC knows the container by the guest's name, whatever it calls itself.
func (r *reviewer) names() {
	e, ok := r.c.file.Get("lxc.uts.name")
	if ok && e.Value != r.c.instance() {
		r.warn(e.Pos, "", "the container's host name is %q, while the guest is called %q", e.Value, r.c.instance()).WithID("GR515")
	}
}

// capabilities: reboot(2) needs CAP_SYS_BOOT in a pid namespace as well
// (kernel/reboot.c).
func (r *reviewer) capabilities() {
	by, dropped := r.c.file.CapDropped("sys_boot")
	if !dropped {
		return
	}
	r.warn(by.Pos, "let the container keep sys_boot: in its own pid namespace it is harmless",
		"the container has no CAP_SYS_BOOT, so its init cannot power off; a stop ends it when nothing but init is left").WithID("GR507")
}

// shares are namespaces that the container has in common with the host.
func (c *Container) shares() map[string]confile.Pos {
	shared := map[string]confile.Pos{}
	nets := c.file.Nets()
	if len(nets) > 0 && !slices.ContainsFunc(nets, func(n confile.Net) bool { return n.Type != "none" }) {
		shared["net"] = nets[0].Pos
	}
	for _, e := range c.file.All("lxc.namespace.keep") {
		for _, name := range strings.Fields(e.Value) {
			shared[name] = e.Pos
		}
	}
	for _, name := range []string{"net", "pid", "ipc", "uts", "mnt"} {
		if e, ok := c.file.Get("lxc.namespace.share." + name); ok && e.Value == "1" {
			shared[name] = e.Pos
		}
	}
	return shared
}

// sharing: with the host's network, a shutdown command inside talks to the
// host's init through its abstract sockets; with its processes, by number.
func (r *reviewer) sharing() {
	shared := r.c.shares()
	for _, ns := range namespaces {
		name := ns.name
		if at, ok := shared[name]; ok {
			r.warn(at, "", "the container shares the host's %s namespace: the rung exec is refused, as a shutdown inside could reach the host", name).WithID("GR508")
		}
	}
}

func (r *reviewer) hostMounts() {
	mounts, err := r.c.file.Mounts()
	if err != nil {
		return // preflight's to tell
	}
	for _, m := range mounts {
		bind := slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
		if source := filepath.Clean(m.Source); bind && (source == "/" || slices.Contains(controlPoints, source)) {
			r.warn(m.Pos, "mount only what the container needs from there",
				"the host's %s is visible inside: a shutdown inside may reach the host's init, and the rung exec is refused", m.Source).WithID("GR509")
		}
	}
}

// limits: LXC passes over settings of a cgroup version that the host lacks. A
// file that has settings of both for a controller is made for either.
func (r *reviewer) limits(host1, host2 bool) {
	type subject struct {
		file, controller string
		version          int
	}
	set, told := map[subject]bool{}, map[string]bool{}
	for _, e := range r.c.file.Entries {
		version, controller := limit(e)
		set[subject{e.Pos.File, controller, version}] = true
	}
	for _, e := range r.c.file.Entries {
		version, controller := limit(e)
		if version == 0 || e.Value == "" || version == 1 && host1 || version == 2 && host2 || told[controller] || set[subject{e.Pos.File, controller, 3 - version}] {
			continue
		}
		told[controller] = true
		if version == 1 {
			r.warn(e.Pos, "lxc.cgroup2. sets those of version 2", "%s is without effect: this host has no cgroup v1", e.Key).WithID("GR506")
		} else {
			r.warn(e.Pos, "lxc.cgroup. sets those of version 1", "%s is without effect: this host has no cgroup v2 with controllers", e.Key).WithID("GR506")
		}
	}
}

// limit is the cgroup version of a setting, and its controller by the name that
// version 2 has for it; 0: lxc.cgroup.dir and lxc.cgroup.relative are of none.
func limit(e confile.Entry) (version int, controller string) {
	rest, is2 := strings.CutPrefix(e.Key, "lxc.cgroup2.")
	version = 2
	if !is2 {
		var is1 bool
		if rest, is1 = strings.CutPrefix(e.Key, "lxc.cgroup."); !is1 || strings.HasPrefix(rest, "dir") || rest == "relative" {
			return 0, ""
		}
		version = 1
	}
	controller, _, _ = strings.Cut(rest, ".")
	switch controller {
	case "blkio":
		controller = "io"
	case "cpuacct":
		controller = "cpu"
	}
	return version, controller
}

// cgroupVersions says which versions have controllers on this host.
func cgroupVersions() (v1, v2 bool) {
	groups, err := cgroup.Of(os.Getpid())
	if err != nil {
		return true, true // not known: nothing is claimed to be without effect
	}
	for _, g := range groups {
		v1 = v1 || g.Version == 1 && len(g.Controllers) > 0
		v2 = v2 || g.Version == 2 && len(g.Controllers) > 0
	}
	return v1, v2
}
