package services

import (
	"path/filepath"
	"testing"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// startStop wants a guest to come up, and down in order.
func (h *host) startStop(name string) {
	h.t.Helper()
	h.wants(name, stopped)
	h.mustStart(name)
	h.wants(name, started)
	if st := h.status(name); st.State != guest.Running {
		h.t.Errorf("%s: %+v", name, st)
	}
	h.mustStop(name)
	h.wants(name, stopped)
	h.inOrder(name)
}

// As Gentoo has it: a symlink, and the container in LXC's own directory.
func TestNoConfdFile(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		c := h.container(rootfs.Sysvinit)
		h.machine().Install("/etc/lxc/lxc.conf", "lxc.lxcpath = "+c.LXCPath+"\n", 0o644)
		name := "lxc." + c.Name
		h.define(h.ctx, name)
		h.startStop(name)
	})
}

// As Gentoo's lxc script has it: the configuration, and no more.
func TestGentooConfd(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		c := h.container(rootfs.Sysvinit)
		name := "lxc." + c.Name
		h.describe(name, `# Configuration file for lxc.`, `CONFIGFILE="`+c.Config+`"`)
		h.startStop(name)
	})
}

// As Alpine's lxc script has it, with defaults for all containers.
func TestAlpineConfd(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		c := h.container(rootfs.Busybox)
		name := "lxc." + c.Name
		h.machine().Install("/etc/conf.d/lxc", "# Timeout for stopping a container\nTIMEOUT=20\nPOWEROFF_SIGNAL=\"SIGUSR2\"\n", 0o644)
		h.describe(name, `CONFIGFILE="`+c.Config+`"`)
		h.startStop(name)
		h.mustStart(name)
		if st := h.status(name); st.Schedule != "halt/20/exec/20/KILL/5" {
			t.Errorf("schedule %s", st.Schedule)
		}
		clean(t, c)
	})
}

// A container that lxc-start began is taken over, and stopped in order.
func TestStrayIsTakenOver(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		c := h.container(rootfs.Sysvinit)
		name := h.guest(c)
		h.machine().Must(h.ctx, "lxc-start", "-P", c.LXCPath, "-n", c.Name, "-f", filepath.Clean(c.Config), "-d")
		up(t, c)
		monitor := inside(t, monitorOf(t, c))
		h.mustStart(name)
		h.wants(name, started)
		if st := h.status(name); st.PID != monitor {
			t.Errorf("pid %d, want the monitor's %d", st.PID, monitor)
		}
		h.mustStop(name)
		h.wants(name, stopped)
		h.inOrder(name)
	})
}
