package services

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// bare is a host with the program and nothing else of guestrc's.
func bare(t *testing.T, c combination) *host {
	t.Helper()
	need.Programs(t, "make", "lxc-start")
	from, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(filepath.Join(from, "usr/bin/guestrc"))
	dir := t.TempDir()
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, "usr/bin"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "usr/bin/guestrc"), binary, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755) // the machine's root becomes as it is
	}
	if err != nil {
		t.Fatal(err)
	}
	return newHost(t, c.with(map[string]booting{
		"openrc": func(t *testing.T, options ...lab.Option) system {
			return &openRC{t, lab.OpenRC(t, append(options, lab.Layer(dir))...)}
		},
		"systemd": func(t *testing.T, options ...lab.Option) system {
			return &systemd{t, lab.Systemd(t, append(options, lab.Layer(dir))...)}
		},
	}), containers{})
}

// tree is what an installation may touch: kinds, modes, targets and contents.
func (h *host) tree() []string {
	h.t.Helper()
	const script = `find /etc /usr/lib/systemd /usr/local /usr/share/man/man8 -printf '%y %m %p %l\n'; find /etc /usr/lib/systemd -type f -exec sha256sum {} +`
	lines := strings.Split(h.machine().Must(h.ctx, "sh", "-c", script), "\n")
	slices.Sort(lines)
	return lines
}

// guestrc runs it in the machine and wants an exit status, and words.
func (h *host) guestrc(status int, says string, args ...string) string {
	h.t.Helper()
	out, errs, code := h.machine().Run(h.ctx, "guestrc", args...)
	if code != status || !strings.Contains(out+errs, says) {
		h.t.Fatalf("guestrc %s: exit status %d, want %d and %q\n%s%s", strings.Join(args, " "), code, status, says, out, errs)
	}
	return out + errs
}

// enabled asks the init system itself.
func (h *host) enabled(name string) bool {
	h.t.Helper()
	if _, ok := h.system.(*systemd); ok {
		_, _, code := h.machine().Run(h.ctx, "systemctl", "is-enabled", unit(name))
		return code == 0
	}
	return slices.Contains(strings.Fields(h.machine().Must(h.ctx, "rc-update", "show", "default")), name)
}

// From nothing to a guest that is a service, and back.
func TestInstallEnableDisableUninstall(t *testing.T) {
	need.Root(t)
	for _, c := range combinations(t) {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			h := bare(t, c)
			before := h.tree()
			h.guestrc(0, "would be installed", "install", "--dry-run", "--init", c.init)
			if diff := cmp.Diff(before, h.tree()); diff != "" {
				t.Fatalf("a dry run changed something:\n%s", diff)
			}
			h.guestrc(0, "installed", "install", "--init", c.init)
			h.guestrc(0, "is as it should be", "install", "--init", c.init)

			box := h.container(rootfs.Sysvinit)
			name := "lxc." + box.Name
			h.guestrc(6, "cannot find guest "+name, "enable", name)
			h.machine().Install("/etc/conf.d/"+name, fmt.Sprintf("CONFIGFILE=%s\nlxcpath=%s\n", box.Config, box.LXCPath), 0o644)
			for range 2 {
				h.guestrc(0, name+": ", "enable", name)
				if !h.enabled(name) {
					t.Fatalf("%s is not enabled", name)
				}
			}
			h.startStop(name)
			h.guestrc(4, name, "uninstall")

			h.mustStart(name)
			h.guestrc(4, "hint: guestrc stop "+name, "uninstall")
			h.guestrc(0, name, "disable", name)
			if h.enabled(name) {
				t.Errorf("%s is still enabled", name)
			}
			h.wants(name, started) // and can be stopped like before
			h.mustStop(name)
			h.inOrder(name)
			for range 2 {
				h.guestrc(0, name, "disable", name)
			}
			h.machine().Must(h.ctx, "rm", "/etc/conf.d/"+name)
			h.bridgeNeedsInstallation()
			h.guestrc(0, "removed", "uninstall")
			if diff := cmp.Diff(before, h.tree()); diff != "" {
				t.Errorf("left behind (-before +after):\n%s", diff)
			}
		})
	}
}

// What make install has put there is as it should be, and not uninstall's.
func TestMakeInstallIsLeftAlone(t *testing.T) {
	need.Root(t)
	for _, c := range combinations(t) {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			h := newHost(t, c.boot, containers{})
			before := h.tree()
			if out := h.guestrc(0, "is as it should be", "install", "--init", "all"); strings.Contains(out, "replaced") || strings.Contains(out, "installed\n") {
				t.Errorf("make install and guestrc install differ:\n%s", out)
			}
			h.guestrc(0, "guestrc install has installed nothing here", "uninstall")
			if diff := cmp.Diff(before, h.tree()); diff != "" {
				t.Errorf("changed (-before +after):\n%s", diff)
			}
		})
	}
}

// bridgeNeedsInstallation starts a bridge that is not enabled: without what is
// installed nothing would take it down.
func (h *host) bridgeNeedsInstallation() {
	h.t.Helper()
	const name = "net.br9"
	h.machine().Install("/etc/conf.d/"+name, "addresses=10.77.9.1/24\n", 0o644)
	h.guestrc(0, name+" is up", "start", name)
	h.guestrc(4, "hint: guestrc stop "+name, "uninstall")
	h.guestrc(0, name+" is removed", "stop", name)
	if _, ok := h.system.(*openRC); ok {
		out, errs, code := h.machine().Run(h.ctx, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "guestrc", "enable", name)
		if code != 4 || !strings.Contains(errs, "write /etc/init.d/"+name+": permission denied\n     hint: run as root") {
			h.t.Errorf("not root: exit status %d\n%s%s", code, out, errs)
		}
	}
	h.machine().Must(h.ctx, "rm", "/etc/conf.d/"+name)
}

// fakeQEMU is in the place of qemu-openrc's script; it starts nothing.
const fakeQEMU = `#!/sbin/openrc-run
start() { echo "fake: $RC_SVCNAME is started"; }
stop() { echo "fake: $RC_SVCNAME is stopped"; }
`

func TestAdoptedMachineIsStartedAndGivenBack(t *testing.T) {
	for _, c := range only(t, "openrc") {
		t.Run(c.String(), func(t *testing.T) {
			need.Root(t)
			t.Parallel()
			h := newHost(t, c.boot, newMachines(t))
			name := h.plain(h, "db")
			h.enable(h.ctx, name)
			h.machine().Install("/etc/init.d/qemu", fakeQEMU, 0o755)
			h.machine().Must(h.ctx, "ln", "-sfn", "qemu", "/etc/init.d/"+name)
			h.machine().Must(h.ctx, "rc-update", "-u")
			before := h.tree()
			if out, code := h.start(h.ctx, name); code != 0 || !strings.Contains(out, "fake: "+name+" is started") {
				t.Fatalf("exit status %d\n%s", code, out)
			}
			h.guestrc(4, "hint: stop it first: rc-service "+name+" stop", "adopt", "--write", name)
			h.mustStop(name)
			h.guestrc(0, "+/etc/init.d/"+name+" -> guestrc", "adopt", name)
			if diff := cmp.Diff(before, h.tree()); diff != "" {
				t.Fatalf("a dry run changed something:\n%s", diff)
			}
			h.guestrc(0, name+": adopted", "adopt", "--write", name)
			if !h.enabled(name) {
				t.Errorf("%s is in no runlevel any more", name)
			}
			h.mustStart(name)
			h.wants(name, started)
			h.guestrc(4, "it runs, and the old script would not find its process", "adopt", "--undo", name)
			h.mustStop(name)
			h.inOrder(name)
			h.guestrc(0, "is a symlink to qemu again", "adopt", "--undo", name)
			if diff := cmp.Diff(before, h.tree()); diff != "" {
				t.Errorf("not as before:\n%s", diff)
			}
			if out, code := h.start(h.ctx, name); code != 0 || !strings.Contains(out, "fake: "+name+" is started") {
				t.Errorf("exit status %d\n%s", code, out)
			}
		})
	}
}

// What a start would find here is part of what adopt tells.
func TestAdoptionTellsOfThisHost(t *testing.T) {
	under(t, "openrc", adoptionTellsOfThisHost)
}

func adoptionTellsOfThisHost(t *testing.T, h *host) {
	h.machine().Install("/etc/init.d/net.lo", fakeQEMU, 0o755)
	h.machine().Install("/etc/init.d/qemu", fakeQEMU, 0o755)
	h.machine().Install("/etc/conf.d/net", "bridge_br8=\"\"\nconfig_br8=\"10.77.8.1/24\"\n", 0o644)
	h.machine().Install("/etc/conf.d/qemu.nodisk", "user=root\nenable_kvm=no\ndisk0_file=/nonexistent.raw\ndisk0_format=raw\n", 0o644)
	h.machine().Must(h.ctx, "ln", "-s", "net.lo", "/etc/init.d/net.br8")
	h.machine().Must(h.ctx, "ln", "-s", "qemu", "/etc/init.d/qemu.nodisk")
	if out := h.guestrc(0, "+the next start: ", "adopt", "net.br8"); !strings.Contains(out, "10.77.8.1/24") {
		t.Errorf("without the address:\n%s", out)
	}
	h.guestrc(0, "warning: a start would be refused now: ", "adopt", "qemu.nodisk")
}

// The program as an LSB script is run by OpenRC and not understood by it: it
// cannot be enabled before it is adopted.
func TestLSBScriptBecomesAService(t *testing.T) {
	for _, c := range only(t, "openrc") {
		t.Run(c.String(), func(t *testing.T) {
			need.Root(t)
			t.Parallel()
			h := newHost(t, c.boot, containers{})
			box := h.container(rootfs.Sysvinit)
			name := "lxc." + box.Name
			h.machine().Install("/etc/conf.d/"+name, fmt.Sprintf("CONFIGFILE=%s\nlxcpath=%s\n", box.Config, box.LXCPath), 0o644)
			h.machine().Must(h.ctx, "ln", "-s", "/usr/bin/guestrc", "/etc/init.d/"+name)
			before := h.tree()
			h.machine().Must(h.ctx, "/etc/init.d/"+name, "start")
			h.guestrc(4, "hint: guestrc adopt "+name, "enable", name)
			h.guestrc(0, "it runs, and OpenRC learns that by: rc-service "+name+" start", "adopt", "--write", name)
			pid := h.status(name).PID
			h.mustStart(name)
			h.wants(name, started)
			if now := h.status(name).PID; now != pid {
				t.Errorf("process %d became %d", pid, now)
			}
			h.guestrc(0, "added to the runlevel", "enable", name)
			h.mustStop(name)
			h.inOrder(name)
			h.guestrc(0, "stays, as it was adopted", "disable", name)
			h.guestrc(0, "is a symlink to /usr/bin/guestrc again", "adopt", "--undo", name)
			h.machine().Must(h.ctx, "rc-update", "del", "guestrc", "default") // the gate stays: others may need it
			if diff := cmp.Diff(before, h.tree()); diff != "" {
				t.Errorf("not as before:\n%s", diff)
			}
		})
	}
}

// fakeLXC is in the place of Gentoo's script: it starts the container that
// conf.d names.
const fakeLXC = `#!/sbin/openrc-run
start() { lxc-start -P "$lxcpath" -n "${RC_SVCNAME#lxc.}" -f "$CONFIGFILE" -d; }
stop() { lxc-stop -P "$lxcpath" -n "${RC_SVCNAME#lxc.}"; }
`

// LXC's monitor answers whoever asks: the container need not be stopped.
func TestRunningContainerIsAdopted(t *testing.T) {
	for _, c := range only(t, "openrc") {
		t.Run(c.String(), func(t *testing.T) {
			need.Root(t)
			t.Parallel()
			h := newHost(t, c.boot, containers{})
			box := h.container(rootfs.Sysvinit)
			name := h.guest(box)
			h.machine().Install("/etc/init.d/lxc", fakeLXC, 0o755)
			h.machine().Must(h.ctx, "ln", "-sfn", "/etc/init.d/lxc", "/etc/init.d/"+name)
			h.machine().Must(h.ctx, "rc-update", "-u")
			h.mustStart(name)
			up(t, box)
			monitor := inside(t, monitorOf(t, box))

			h.guestrc(0, "+running container: goes on", "adopt", name)
			h.guestrc(0, name+": adopted", "adopt", "--write", name)
			h.wants(name, started)
			if st := h.status(name); st.State != guest.Running || st.PID != monitor {
				t.Errorf("%+v, want the monitor's pid %d", st, monitor)
			}
			h.mustStop(name)
			h.inOrder(name)
			clean(t, box)
			h.guestrc(0, "is a symlink to /etc/init.d/lxc again", "adopt", "--undo", name)
			h.mustStart(name)
			h.mustStop(name)
		})
	}
}
