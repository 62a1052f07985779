package services

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
)

func TestStartStatusStop(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		name := h.plain(h, "a")
		h.wants(name, stopped)
		h.mustStart(name)
		st := h.status(name)
		if st.State != guest.Running || st.ReadyAt.IsZero() {
			t.Errorf("start returned before the guest was ready: %+v", st)
		}
		h.wants(name, started)
		h.mustStart(name) // once more is success
		if again := h.status(name); again.PID != st.PID {
			t.Errorf("another start made another guest: %d, %d", st.PID, again.PID)
		}
		h.mustStop(name)
		h.wants(name, stopped)
		h.inOrder(name)
		h.gone(st.PID)
	})
}

func TestRestart(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		name := h.plain(h, "a")
		h.mustStart(name)
		first := h.status(name)
		if out, code := h.restart(h.ctx, name); code != 0 {
			t.Fatalf("restart: exit %d\n%s", code, out)
		}
		h.wants(name, started)
		second := h.status(name)
		rung, _ := h.orderly()
		if second.PID == first.PID || second.LastStop == nil || second.LastStop.Stop.By != rung {
			t.Errorf("after restart: %+v, last stop %+v", second, second.LastStop)
		}
	})
}

// What a guest needs goes first, and last.
func TestNeed(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		b := h.plain(h, "b")
		a := h.plain(h, "a", fmt.Sprintf("rc_need=%q", b))
		h.mustStart(a)
		h.wants(a, started)
		h.wants(b, started)
		if !h.status(b).ReadyAt.Before(h.status(a).StartedAt) {
			t.Errorf("b was ready at %v, a was started at %v", h.status(b).ReadyAt, h.status(a).StartedAt)
		}
		h.mustStop(b)
		h.wants(a, stopped)
		h.wants(b, stopped)
		if first, last := h.inOrder(a), h.inOrder(b); !first.At.Before(last.At) {
			t.Errorf("a ended at %v, b at %v", first.At, last.At)
		}
	})
}

// A container may need a virtual machine, and the other way round.
func TestContainerNeedsMachine(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		db := newMachines(t).plain(h, "db")
		web := h.plain(h, "web", fmt.Sprintf("rc_need=%q", db))
		h.mustStart(web)
		h.wants(db, started)
		h.mustStop(db)
		h.wants(web, stopped)
		h.wants(db, stopped)
		first, last := h.inOrder(web), h.status(db).LastStop
		if last == nil || last.Stop.By != "acpi" || !first.At.Before(last.At) {
			t.Errorf("the container ended at %v, what it needs: %+v", first.At, last)
		}
	})
}

func TestCrash(t *testing.T) {
	ready := map[string]string{"qemu": `ready="monitor"`, "lxc": `ready="running"`}
	each(t, func(t *testing.T, h *host) {
		name := h.plain(h, "a", ready[h.kind()])
		h.mustStart(name)
		h.kill9(name)
		h.eventually(name, crashed)
		h.mustStart(name)
		h.wants(name, started)
		h.must("kill", name)
	})
}

// A guest that powers itself off was not asked to, but did nothing wrong.
func TestOwnPoweroff(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		name := h.leaving(h, "a")
		h.mustStart(name)
		h.wants(name, started)
		h.eventually(name, stopped)
		h.mustStart(name)
	})
}

func TestGuestThatCannotStart(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		name, says := h.broken(h, "a")
		out, code := h.start(h.ctx, name)
		if code == 0 || !strings.Contains(out, says) {
			t.Errorf("start: exit %d\n%s", code, out)
		}
		if state := h.state(h.ctx, name); state == started {
			t.Error("it counts as started")
		}
	})
}

// Type=notify to the letter: the guest's process is the main process, and a
// stop that takes longer than the unit's limit gets the time that its rungs have.
func TestSystemdUnit(t *testing.T) {
	eachUnder(t, "systemd", func(t *testing.T, h *host) {
		name, takes := h.slow(h, "a")
		h.machine().Install(filepath.Join("/etc/systemd/system", unit(name)+".d", "short.conf"), "[Service]\nTimeoutStopSec=3\nTimeoutStartSec=2\n", 0o644)
		h.define(h.ctx, name)
		h.mustStart(name)
		pid := h.status(name).PID
		h.shows(name, "MainPID", strconv.Itoa(pid))
		h.shows(name, "Slice", "machine.slice")
		h.mustStop(name)
		h.shows(name, "Result", "success")
		h.gone(pid)
		if last := h.inOrder(name); time.Duration(last.Stop.Took) < takes {
			t.Errorf("the guest was not slow: %v", last.Stop.Took)
		}
		out, errs, code := h.machine().Run(h.ctx, "systemd-analyze", "verify", unit(name))
		if code != 0 || strings.Contains(out+errs, "guestrc") {
			t.Errorf("systemd-analyze verify: exit %d\n%s%s", code, out, errs)
		}
	})
}

// shows wants a property of a unit.
func (h *host) shows(name, property, want string) {
	h.t.Helper()
	got := strings.TrimSpace(h.machine().Must(h.ctx, "systemctl", "show", "--value", "-p", property, unit(name)))
	if got != want {
		h.t.Errorf("%s of %s is %q, want %q", property, name, got, want)
	}
}

// Leaving a runlevel stops its guests gracefully, and entering it starts them.
func TestRunlevel(t *testing.T) {
	eachUnder(t, "openrc", func(t *testing.T, h *host) {
		name := h.plain(h, "a")
		h.enable(h.ctx, name)
		h.machine().Must(h.ctx, "openrc", "default")
		h.wants(name, started)
		h.machine().Must(h.ctx, "openrc", "nonetwork")
		h.wants(name, stopped)
		h.inOrder(name)
		h.machine().Must(h.ctx, "openrc", "default")
		h.wants(name, started)
	})
}
