package services

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/romguest"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// quick is a guest that is up and down at once: of QEMU's, one that is nothing
// but firmware.
func (h *host) quick(label string, lines ...string) string {
	h.t.Helper()
	if h.kind() == "lxc" {
		return h.plain(h, label, lines...)
	}
	return h.firmware(label, romguest.Do(romguest.ListenToButton(), romguest.AwaitPress(), romguest.PowerOff()), lines...)
}

// brief is one that powers itself off after a while.
func (h *host) brief(label string, lines ...string) string {
	h.t.Helper()
	if h.kind() == "lxc" {
		return h.guest(h.container(rootfs.Sysvinit, rootfs.File("etc/guest/up", "#!/bin/sh\nsleep 1.5\nexec /sbin/init 0\n", 0o755)), lines...)
	}
	return h.firmware(label, romguest.Do(romguest.ListenToButton(), romguest.Count(300_000_000), romguest.PowerOff()), lines...)
}

func (h *host) firmware(label string, code romguest.Code, lines ...string) string {
	h.t.Helper()
	name, path := "qemu."+label, "/"+label+".rom"
	h.machine().Install(path, string(romguest.Firmware(code)), 0o644)
	h.describe(name, append([]string{`user="nobody"`, `enable_kvm="no"`, `machine="q35"`, `memory="16M"`, `vga="none"`,
		fmt.Sprintf("firmware=%q", path), `stop_schedule="acpi/60/KILL/5"`}, lines...)...)
	return name
}

// another waits until the guest runs as another process than pid.
func (h *host) another(name string, pid int) int {
	h.t.Helper()
	var st guest.Status
	for range 600 {
		if st = h.status(name); st.State == guest.Running && st.PID != pid {
			return st.PID
		}
		time.Sleep(50 * time.Millisecond) // there is no event that both have
	}
	h.t.Fatalf("%s does not come again: %+v\n%s", name, st, h.words(name))
	return 0
}

// words are what systemd or OpenRC has to say of a service.
func (h *host) words(name string) string {
	out, errs, _ := h.machine().Run(h.ctx, "sh", "-c", `systemctl status --no-pager -l "$1" || { ps ax; guestrc history "$2"; rc-service "$2" status; }`, "sh", unit(name), name)
	return out + errs
}

// staysDown wants a service that is not started again, in twice the time that
// it would take. To systemd, one that was killed has failed whatever follows.
func (h *host) staysDown(name string, states ...string) {
	h.t.Helper()
	h.oneOf(name, states...)
	time.Sleep(2500 * time.Millisecond)
	h.oneOf(name, states...)
	if st := h.status(name); st.Code == guest.StateRunning {
		h.t.Errorf("%s runs: %+v\n%s", name, st, h.words(name))
	}
	if out, _, code := h.machine().Run(h.ctx, "pgrep", "-f", "run --service "+name); code == 0 {
		h.t.Errorf("a supervisor is left: %s\n%s", out, h.words(name))
	}
}

// oneOf waits for one of these states.
func (h *host) oneOf(name string, states ...string) {
	h.t.Helper()
	var got string
	for range 200 {
		if got = h.state(h.ctx, name); slices.Contains(states, got) {
			return
		}
		time.Sleep(50 * time.Millisecond) // as eventually
	}
	h.t.Errorf("%s is %s, want %v\n%s", name, got, states, h.words(name))
}

// byHand is a verb that an admin uses by hand.
func (h *host) byHand(args ...string) string {
	h.t.Helper()
	out, errs, code := h.machine().Run(h.ctx, "guestrc", args...)
	if code != 0 {
		h.t.Fatalf("guestrc %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out + errs
}

// A guest whose process died comes again, and stays away when it is told to.
func TestRespawnAfterACrash(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		name := h.quick("a", `respawn="on-crash"`)
		h.mustStart(name)
		h.wants(name, started)
		pid := h.status(name).PID
		for range 2 {
			h.kill9(name)
			pid = h.another(name, pid)
		}
		h.eventually(name, started)
		h.mustStart(name) // once more is success
		if again := h.status(name).PID; again != pid {
			t.Errorf("a start of what runs made another: %d, %d", pid, again)
		}
		h.mustStop(name)
		h.staysDown(name, stopped)
		h.inOrder(name)

		h.mustStart(name)
		if out, code := h.restart(h.ctx, name); code != 0 {
			t.Fatalf("restart: exit %d\n%s", code, out)
		}
		h.wants(name, started)
		h.kill9(name)
		h.another(name, h.status(name).PID)
		h.must("kill", name)
		h.staysDown(name, stopped, crashed)
	})
}

// A guest that powers itself off is down for good, or not, as its files say.
func TestRespawnAfterAnOwnPowerOff(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		name := h.brief("a", `respawn="on-crash"`)
		h.mustStart(name)
		h.staysDown(name, stopped)

		always := h.brief("b", `respawn="always"`)
		h.mustStart(always)
		h.another(always, h.another(always, 0))
		h.mustStop(always)
		h.staysDown(always, stopped)
	})
}

// A guest that crashes again and again is left as it is in the end.
func TestRespawnHasLimits(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		name := h.quick("a", `respawn="on-crash"`, `respawn_max="2"`)
		h.mustStart(name)
		time.Sleep(time.Second) // what ends before the supervisor watches is not counted
		pid := h.status(name).PID
		for range 2 {
			h.kill9(name)
			pid = h.another(name, pid)
		}
		h.kill9(name)
		h.staysDown(name, crashed)
		if h.systemd() {
			h.machine().Must(h.ctx, "systemctl", "reset-failed", unit(name))
		}
		h.mustStart(name)
		h.wants(name, started)
		h.mustStop(name)
	})
}

func (h *host) systemd() bool {
	_, is := h.system.(*systemd)
	return is
}

// What an admin does by hand holds, whoever keeps the guest up.
func TestRespawnByHand(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		name := h.quick("a", `respawn="always"`)
		if said := h.byHand("start", name); !strings.Contains(said, name+" is kept up by ") {
			t.Errorf("start: %s", said)
		}
		h.wants(name, started)
		h.kill9(name)
		pid := h.another(name, 0)
		if said := h.byHand("restart", name); !strings.Contains(said, name+" is kept up by ") {
			t.Errorf("restart: %s", said)
		}
		h.wants(name, started)
		h.another(name, pid)
		h.byHand("stop", name)
		h.staysDown(name, stopped)
		h.inOrder(name)
		h.byHand("start", name)
		h.byHand("kill", name)
		h.staysDown(name, stopped, crashed)
		h.byHand("start", name)
		h.kill9(name)
		h.byHand("stop", name) // before it comes again
		h.staysDown(name, stopped, crashed)
		h.byHand("start", name)
		h.byHand("stop", "--all")
		h.staysDown(name, stopped)
	})
}

// Only a guest whose start can succeed the next time is started again.
func TestRespawnOfWhatCannotStart(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		name := h.quick("a", `respawn="always"`, `ready_timeout="soon"`)
		if out, code := h.start(h.ctx, name); code == 0 {
			t.Errorf("start of a faulty guest: %s", out)
		}
		if state := h.state(h.ctx, name); state == started {
			t.Error("it is started")
		}

		name = h.quick("b", `respawn="always"`, `respawn_max="0"`)
		h.mustStart(name)
		file := "/etc/conf.d/" + name
		was := h.machine().Must(h.ctx, "cat", file)
		h.machine().Install(file, was+"ready_timeout=\"soon\"\n", 0o644)
		h.kill9(name)
		h.staysDown(name, stopped, crashed)
		h.machine().Install(file, was, 0o644)
		h.mustStart(name)
		h.mustStop(name)
	})
}

// A host that goes down takes such guests down once, and none comes up again.
func TestRespawnEndsWithTheHost(t *testing.T) {
	need.Root(t)
	const counts = "#!/bin/sh\necho up >> /marks/ups\n"
	test := func(t *testing.T, c combination, gate bool) {
		t.Parallel()
		h := newHost(t, c.pid1, containers{})
		var all []*rootfs.Container
		for range 2 {
			one := h.container(rootfs.Sysvinit, rootfs.File("etc/guest/up", counts, 0o755))
			name := h.guest(one, `respawn="always"`)
			h.enable(h.ctx, name)
			h.mustStart(name)
			all = append(all, one)
		}
		if gate {
			h.enable(h.ctx, "guestrc")
			h.mustStart("guestrc")
		}
		if how, err := powerOff[c.init](h.machine(), h.ctx); err != nil {
			t.Errorf("power off: %s, %v", how, err)
		}
		for _, one := range all {
			down(t, h, one)
			ups, err := os.ReadFile(filepath.Join(marks(one), "ups"))
			if err != nil || string(ups) != "up\n" {
				t.Errorf("it came up %d times (%v)\n%s", strings.Count(string(ups), "up"), err, h.machine().Console())
			}
		}
	}
	for _, c := range combinations(t) {
		t.Run(c.String(), func(t *testing.T) { test(t, c, false) })
		if c.init == "openrc" {
			t.Run(c.String()+"-gate", func(t *testing.T) { test(t, c, true) })
		}
	}
}

// OpenRC's supervisor, and its child, are no part of the guest: it outlives them,
// and has them again.
func TestSupervisorsAreReplaced(t *testing.T) {
	eachUnder(t, "openrc", func(t *testing.T, h *host) {
		name := h.quick("a", `respawn="on-crash"`)
		h.mustStart(name)
		pid := h.status(name).PID
		find := func(pattern string) string {
			return strings.TrimSpace(h.machine().Must(h.ctx, "pgrep", "-o", "-f", pattern))
		}
		h.machine().Must(h.ctx, "kill", "-KILL", find("^/usr/bin/guestrc run --service "+name))
		for range 100 {
			if _, _, code := h.machine().Run(h.ctx, "pgrep", "-f", "^/usr/bin/guestrc run --service "+name); code == 0 {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		h.machine().Must(h.ctx, "kill", "-KILL", find("^supervise-daemon "+name))
		h.machine().Must(h.ctx, "rc-service", name, "zap")
		h.mustStart(name)
		if now := h.status(name).PID; now != pid {
			t.Errorf("the guest was %d and is %d", pid, now)
		}
		h.kill9(name)
		h.another(name, pid)
		h.mustStop(name)
		h.staysDown(name, stopped)
	})
}
