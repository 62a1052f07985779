package services

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// showList is a property of a unit that is a list.
func (h *host) showList(name, property string) []string {
	h.t.Helper()
	return strings.Fields(h.machine().Must(h.ctx, "systemctl", "show", "--value", "-p", property, unit(name)))
}

// has wants entries in a property of a unit, and none of the others.
func (h *host) has(name, property string, want []string, not ...string) {
	h.t.Helper()
	got := h.showList(name, property)
	for _, w := range want {
		if !slices.Contains(got, w) {
			h.t.Errorf("%s of %s has no %s: %q", property, name, w, got)
		}
	}
	for _, n := range not {
		if slices.Contains(got, n) {
			h.t.Errorf("%s of %s has %s: %q", property, name, n, got)
		}
	}
}

// What conf.d says is what systemd has understood, however odd the names.
func TestUnitsSayWhatConfdSays(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		m := h.machine()
		m.Install("/etc/systemd/system/chronyd.service", "[Service]\nExecStart=/bin/true\n", 0o644)
		m.Install("/etc/init.d/oldd", "#!/bin/sh\n", 0o755)
		m.Install("/etc/conf.d/net.br0", "addresses=10.9.8.1/24\n", 0o644)
		m.Install("/etc/network/interfaces", "auto br1\niface br1 inet manual\n\tbridge_ports none\n", 0o644)
		m.Install("/etc/systemd/system/networking.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n", 0o644)
		m.Must(h.ctx, "systemctl", "enable", "networking.service")
		m.Install("/etc/systemd/network/br2.netdev", "[NetDev]\nName=br2\nKind=bridge\n", 0o644)
		m.Install("/etc/systemd/system/systemd-networkd.service", "[Service]\nExecStart=/bin/true\n", 0o644) // nobody has enabled it
		h.describe("qemu.x",
			`disk0_file="/srv/a b/100%/q\"u'o\\te/\\x2d/ü.img"`, `disk1_file="/srv/plain.img"`,
			`net0=bridge`, `net0_br=br0`, `net1=bridge`, `net1_br=br1`, `net2=bridge`, `net2_br=br2`,
			`rc_need="qemu.db net chronyd"`, `rc_want="oldd"`, `rc_use="dns hostname"`, `rc_before="qemu.lb"`,
			`stop_schedule="acpi/100/KILL/23"`)
		paths := m.Must(h.ctx, "systemctl", "show", "--value", "-p", "RequiresMountsFor", unit("qemu.x"))
		for _, want := range []string{`/srv/plain.img`, `"/srv/a b/100%/q\"u'o\\te/\\x2d/ü.img"`} { // quoted, as systemctl prints it
			if !strings.Contains(paths, want) {
				t.Errorf("RequiresMountsFor is %q, without %s", paths, want)
			}
		}
		h.has("qemu.x", "Requires", []string{unit("qemu.db"), "chronyd.service"}, "networking.service", unit("net.br0"), "network-online.target")
		h.has("qemu.x", "Wants", []string{unit("net.br0"), "networking.service", "network-online.target"}, unit("net.br1"), "systemd-networkd.service")
		h.has("qemu.x", "After", []string{unit("qemu.db"), "chronyd.service", unit("net.br0"), "networking.service", "systemd-networkd.service",
			"network-online.target", "nss-lookup.target", "local-fs.target"})
		// systemd 260 knows LSB scripts no more.
		if _, _, code := m.Run(h.ctx, "test", "-e", "/usr/lib/systemd/system-generators/systemd-sysv-generator"); code == 0 {
			h.has("qemu.x", "Wants", []string{"oldd.service"})
			h.has("qemu.x", "After", []string{"oldd.service"})
		}
		h.has("qemu.x", "Before", []string{unit("qemu.lb")})
		h.shows("qemu.x", "TimeoutStopUSec", "2min 33s") // the schedule's sum, and 30 s
		h.shows("qemu.x", "SourcePath", "/etc/conf.d/qemu.x")

		log, _, _ := m.Run(h.ctx, "journalctl", "--no-pager", "--quiet", "--grep", "50-guestrc.conf|rdering cycle", "_PID=1")
		if strings.TrimSpace(log) != "" {
			t.Errorf("systemd complains:\n%s", log)
		}
	})
}

// A loop would cost somebody a job at boot, sshd for one.
func TestWhateverConfdSaysThereIsNoLoop(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		m := h.machine()
		m.Install("/etc/systemd/system/ssh.service",
			"[Unit]\nAfter=network.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n", 0o644)
		m.Install("/etc/systemd/system/nfs-client.target", "[Unit]\nBefore=remote-fs-pre.target\nWants=remote-fs-pre.target\n[Install]\nWantedBy=multi-user.target remote-fs.target\n", 0o644)
		m.Install("/etc/systemd/system/wall.service",
			"[Unit]\nDefaultDependencies=no\nBefore=network-pre.target\nWants=network-pre.target\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n", 0o644)
		enabled := []string{"ssh.service", "nfs-client.target", "wall.service"}
		for name, text := range map[string]string{
			"net.br0": "addresses=10.9.8.1/24\nrc_need=\"sshd localmount\"\n", "net.br1": "addresses=10.9.7.1/24\nrc_use=\"net qemu.router\"\n",
			"qemu.router": "rc_need=net.br1\n", "qemu.mount": "rc_before=nfsclient\n", "qemu.wall": "rc_before=wall\n",
			"qemu.a": "rc_after=qemu.b\n", "qemu.b": "rc_after=qemu.a\n", "qemu.c": "rc_need=qemu.d\n", "qemu.d": "rc_need=qemu.c\n",
		} {
			m.Install("/etc/conf.d/"+name, text, 0o644)
			enabled = append(enabled, unit(name))
		}
		m.Must(h.ctx, "systemctl", append([]string{"enable"}, enabled...)...)
		out, errs, code := m.Run(h.ctx, "systemd-analyze", "--man=no", "--generators=yes", "verify", "multi-user.target")
		if code != 0 || strings.Contains(out+errs, "cycl") {
			t.Errorf("systemd-analyze verify multi-user.target: exit %d\n%s%s", code, out, errs)
		}
		h.has("qemu.c", "Requires", []string{unit("qemu.d")})
		h.has("qemu.d", "Requires", []string{unit("qemu.c")})
		h.has("net.br0", "Requires", nil, "ssh.service")
	})
}

// systemd sees for itself that a unit no longer says what its conf.d file does.
func TestEditedConfdAsksForAReload(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		h.describe("net.br0", "addresses=10.9.8.1/24")
		h.mustStart("net.br0")
		h.shows("net.br0", "NeedDaemonReload", "no")
		h.machine().Must(h.ctx, "touch", "-d", "tomorrow", "/etc/conf.d/net.br0")
		h.shows("net.br0", "NeedDaemonReload", "yes")
	})
}

func TestUnitsAreWellFormed(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		m := h.machine()
		m.Install("/etc/conf.d/net.br0", "addresses=10.9.8.1/24\n", 0o644)
		m.Install("/etc/conf.d/qemu.bad", "memory=$(id)\n", 0o644)
		m.Install("/etc/conf.d/lxc.c", "rc_want=qemu.x\n", 0o644)
		h.describe("qemu.x", `disk0_file="/srv/a b/100%.img"`, "net0=bridge", "net0_br=br0", `rc_need="qemu.bad localmount"`)
		for _, name := range []string{"qemu.x", "qemu.bad", "lxc.c", "net.br0", "qemu.undescribed"} {
			out, errs, code := m.Run(h.ctx, "systemd-analyze", "--man=no", "--generators=yes", "verify", unit(name))
			// What systemd 262 says of the sandbox that it runs generators in is about this machine.
			errs = strings.ReplaceAll(errs, "Read-only bind remount failed, ignoring: Operation not supported\n", "")
			if code != 0 || strings.TrimSpace(out+errs) != "" {
				t.Errorf("systemd-analyze verify %s: exit %d\n%s%s", unit(name), code, out, errs)
			}
		}
	})
}

// One guest's faulty file is told of in the journal, under its unit, when the
// units are generated, and again when it is to start; the others do not suffer.
func TestFaultyConfd(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		m := h.machine()
		m.Install("/etc/conf.d/qemu.good", "rc_need=lxc.db\n", 0o644)
		h.describe("qemu.bad", "# a comment", "memory=$(id)")
		const says = "/etc/conf.d/qemu.bad:2:8: command substitution"
		m.Must(h.ctx, "journalctl", "--sync")
		for _, args := range [][]string{{"journalctl", "--no-pager", "-u", unit("qemu.bad")}, {"systemctl", "status", "--no-pager", "--full", "--lines=50", unit("qemu.bad")}} {
			if out, _, _ := m.Run(h.ctx, args[0], args[1:]...); !strings.Contains(out, "guestrc-generator") || !strings.Contains(out, says) {
				t.Errorf("%q does not warn: %s", args, out)
			}
		}
		h.has("qemu.good", "Requires", []string{unit("lxc.db")})
		if _, code := h.start(h.ctx, "qemu.bad"); code == 0 {
			t.Error("it started")
		}
		h.shows("qemu.bad", "ExecMainStatus", "6")
		m.Must(h.ctx, "journalctl", "--sync")
		if out, _, _ := m.Run(h.ctx, "systemctl", "status", "--no-pager", "--full", "--lines=50", unit("qemu.bad")); !strings.Contains(out, "guestrc[") || !strings.Contains(out, says) {
			t.Errorf("its status does not say why: %s", out)
		}
	})
}

// In a container there is no udev: to wait for a device would be to wait for
// nothing. With a /sys that udev can write there is one, by its own condition.
func TestDevicesAreWaitedForWhereUdevRuns(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		h.describe("qemu.x", "disk0_file=/dev/vg-a/disk")
		const device = `"dev-vg\\x2da-disk.device"` // as systemctl prints it
		h.has("qemu.x", "Wants", nil, device)
		h.machine().Install("/etc/systemd/system/systemd-udevd.service", "[Service]\nExecStart=/bin/true\n", 0o644)
		h.define(h.ctx, "qemu.x")
		h.has("qemu.x", "Wants", nil, device)
		h.machine().Must(h.ctx, "mount", "-o", "remount,bind,rw", "/sys")
		h.define(h.ctx, "qemu.x")
		h.has("qemu.x", "Wants", []string{device})
		h.has("qemu.x", "After", []string{device})
	})
}

// A guest that only its link in multi-user.target.wants tells of, and LXC's own
// configuration.
func TestEnabledContainerWithoutConfd(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		m := h.machine()
		m.Install("/var/lib/lxc/web/config", "lxc.rootfs.path = dir:/srv/web root\nlxc.net.0.type = veth\nlxc.net.0.link = br0\n", 0o644)
		m.Install("/etc/conf.d/net.br0", "addresses=10.9.8.1/24\n", 0o644)
		h.enable(h.ctx, "lxc.web")
		h.define(h.ctx, "lxc.web")
		h.has("lxc.web", "Wants", []string{unit("net.br0")})
		if paths := m.Must(h.ctx, "systemctl", "show", "--value", "-p", "RequiresMountsFor", unit("lxc.web")); !strings.Contains(paths, "/srv/web") {
			t.Errorf("RequiresMountsFor is %q", paths)
		}
		if _, err := m.ReadFile(filepath.Join("/run/systemd/generator", unit("lxc.web")+".d/50-guestrc.conf")); err != nil {
			t.Error(err)
		}
	})
}

// A restart of a bridge with something plugged in leaves it up, and its unit
// active; a stop is refused, and the unit says why.
func TestBridgeInUseRestartsAndIsNotStopped(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		m := h.machine()
		h.describe("net.br0", "addresses=10.9.8.1/24")
		h.mustStart("net.br0")
		h.shows("net.br0", "ActiveState", "active")
		m.Must(h.ctx, "ip", "tuntap", "add", "plug0", "mode", "tap")
		m.Must(h.ctx, "ip", "link", "set", "plug0", "master", "br0", "up")
		plugged := func() {
			t.Helper()
			if out := m.Must(h.ctx, "ip", "-oneline", "link", "show", "master", "br0"); !strings.Contains(out, "plug0") {
				t.Errorf("nothing is plugged in: %q", out)
			}
			if out := m.Must(h.ctx, "ip", "-oneline", "address", "show", "br0"); !strings.Contains(out, "10.9.8.1/24") {
				t.Errorf("the bridge lost its address: %q", out)
			}
		}
		for _, verb := range []string{"restart", "reload"} {
			m.Must(h.ctx, "systemctl", verb, unit("net.br0"))
			h.shows("net.br0", "ActiveState", "active")
			h.shows("net.br0", "Result", "success")
			plugged()
		}
		out, _ := h.stop(h.ctx, "net.br0") // systemd counts a unit that failed as stopped
		h.shows("net.br0", "ActiveState", "failed")
		if status, _, _ := m.Run(h.ctx, "systemctl", "status", "--no-pager", "--full", "--lines=50", unit("net.br0")); !strings.Contains(status, "cannot stop net.br0: plugged in: plug0") {
			t.Errorf("no word of the refusal: %s%s", out, status)
		}
		plugged()
		h.mustStart("net.br0")
		h.shows("net.br0", "ActiveState", "active")
		plugged()
		m.Must(h.ctx, "ip", "link", "delete", "plug0")
		h.mustStop("net.br0")
		h.shows("net.br0", "ActiveState", "inactive")
		if _, _, code := m.Run(h.ctx, "ip", "link", "show", "br0"); code == 0 {
			t.Error("the bridge is there after its stop")
		}
	})
}
