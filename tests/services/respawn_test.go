package services

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
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
// it would take.
func (h *host) staysDown(name, state string) {
	h.t.Helper()
	h.eventually(name, state)
	time.Sleep(2500 * time.Millisecond)
	h.wants(name, state)
	if st := h.status(name); st.Code == guest.StateRunning {
		h.t.Errorf("%s runs: %+v\n%s", name, st, h.words(name))
	}
	if out, _, code := h.machine().Run(h.ctx, "pgrep", "-f", "run --service "+name); code == 0 {
		h.t.Errorf("a supervisor is left: %s\n%s", out, h.words(name))
	}
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
		if h.state(h.ctx, name) == started {
			t.Error("it is started after a kill")
		}
		h.mustStop(name)
		h.staysDown(name, stopped)
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
		h.staysDown(name, h.afterAKill())
		h.byHand("start", name)
		h.kill9(name)
		h.byHand("stop", name) // before it comes again
		h.staysDown(name, stopped)
	})
}

// afterAKill is what a service is whose main process was killed on purpose:
// systemd counts how it ended.
func (h *host) afterAKill() string {
	if h.systemd() {
		return crashed
	}
	return stopped
}

// Only a guest whose start can succeed the next time is started again.
func TestRespawnOfWhatCannotStart(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		name := h.quick("a", `respawn="sometimes"`)
		if out, code := h.start(h.ctx, name); code == 0 {
			t.Errorf("start of a faulty guest: %s", out)
		}
		if state := h.state(h.ctx, name); state == started {
			t.Error("it is started")
		}
	})
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
