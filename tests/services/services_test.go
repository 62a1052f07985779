package services

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// both runs a test under each init system.
func both(t *testing.T, test func(t *testing.T, h *host)) {
	need.Root(t)
	img, err := tinyguest.Build(t.Context(), tinyguest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, boot := range map[string]func(*testing.T, ...lab.Option) system{"openrc": newOpenRC, "systemd": newSystemd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, &host{t: t, system: boot(t), img: img, ctx: within(t, 8*time.Minute)})
		})
	}
}

// host is a machine whose guests are services.
type host struct {
	system
	t   *testing.T
	img tinyguest.Image
	ctx context.Context
}

// guest describes a guest and tells the init system of it.
func (h *host) guest(name, words string, more ...string) string {
	h.t.Helper()
	lines := append([]string{
		`user="nobody"`, `enable_kvm="no"`, `machine="q35"`, `memory="256M"`, `vga="none"`,
		fmt.Sprintf("kernel=%q", h.img.Kernel), fmt.Sprintf("initrd=%q", h.img.Initrd),
		fmt.Sprintf("cmdline=%q", tinyguest.Cmdline(words)),
		`console="yes"`, `ready="console:guestrc: up"`, `ready_timeout="240"`, `stop_schedule="acpi/60/KILL/5"`,
	}, more...)
	h.machine().Install("/etc/conf.d/"+name, strings.Join(lines, "\n")+"\n", 0o644)
	h.define(h.ctx, name)
	return name
}

// status is guestrc's own word.
func (h *host) status(name string) guest.Status {
	h.t.Helper()
	out, errs, _ := h.machine().Run(h.ctx, "guestrc", "status", "--json", name)
	var report struct{ Guests []guest.Status }
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Guests) != 1 {
		h.t.Fatalf("status of %s: %v: %s%s", name, err, out, errs)
	}
	return report.Guests[0]
}

func (h *host) mustStart(name string) {
	h.t.Helper()
	if out, code := h.start(h.ctx, name); code != 0 {
		h.t.Fatalf("start of %s: exit %d\n%s", name, code, out)
	}
}

func (h *host) mustStop(name string) {
	h.t.Helper()
	if out, code := h.stop(h.ctx, name); code != 0 {
		h.t.Fatalf("stop of %s: exit %d\n%s", name, code, out)
	}
}

func (h *host) wants(name, state string) {
	h.t.Helper()
	if got := h.state(h.ctx, name); got != state {
		h.t.Errorf("%s is %s, want %s", name, got, state)
	}
}

// eventually waits for what the init system learns by itself.
func (h *host) eventually(name, state string) {
	h.t.Helper()
	for range 200 {
		if h.state(h.ctx, name) == state {
			return
		}
		time.Sleep(50 * time.Millisecond) // there is no event that both have
	}
	h.wants(name, state)
}

// byACPI wants the guest to have shut itself down.
func (h *host) byACPI(name string) guest.StopRecord {
	h.t.Helper()
	st := h.status(name)
	if st.State != guest.Stopped || st.LastStop == nil || st.LastStop.Stop.By != "acpi" || st.LastStop.Cause != "guest-shutdown" {
		h.t.Fatalf("%s: %+v, last stop %+v; want it stopped by acpi", name, st, st.LastStop)
	}
	return *st.LastStop
}

func (h *host) kill9(name string) {
	h.t.Helper()
	h.machine().Must(h.ctx, "kill", "-KILL", strconv.Itoa(h.status(name).PID))
}

func TestStartStatusStop(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		name := h.guest("qemu.a", "")
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
		h.byACPI(name)
		if _, _, code := h.machine().Run(h.ctx, "test", "-e", fmt.Sprintf("/proc/%d", st.PID)); code == 0 {
			t.Error("stop returned before the process was gone")
		}
	})
}

func TestRestart(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		name := h.guest("qemu.a", "")
		h.mustStart(name)
		first := h.status(name)
		if out, code := h.restart(h.ctx, name); code != 0 {
			t.Fatalf("restart: exit %d\n%s", code, out)
		}
		h.wants(name, started)
		second := h.status(name)
		if second.PID == first.PID || second.LastStop == nil || second.LastStop.Stop.By != "acpi" {
			t.Errorf("after restart: %+v, last stop %+v", second, second.LastStop)
		}
	})
}

// rc_need="qemu.b" means the same under both: b first, and b last.
func TestNeed(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		b := h.guest("qemu.b", "")
		a := h.guest("qemu.a", "", `rc_need="qemu.b"`)
		h.mustStart(a)
		h.wants(a, started)
		h.wants(b, started)
		if !h.status(b).ReadyAt.Before(h.status(a).StartedAt) {
			t.Errorf("b was ready at %v, a was started at %v", h.status(b).ReadyAt, h.status(a).StartedAt)
		}
		h.mustStop(b)
		h.wants(a, stopped)
		h.wants(b, stopped)
		if first, last := h.byACPI(a), h.byACPI(b); !first.At.Before(last.At) {
			t.Errorf("a ended at %v, b at %v", first.At, last.At)
		}
	})
}

func TestCrash(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		name := h.guest("qemu.a", "", `ready="monitor"`)
		h.mustStart(name)
		h.kill9(name)
		h.eventually(name, crashed)
		h.mustStart(name)
		h.wants(name, started)
		h.machine().Must(h.ctx, "guestrc", "kill", name)
	})
}

// A guest that powers itself off was not asked to, but did nothing wrong.
func TestOwnPoweroff(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		name := h.guest("qemu.a", "gr.boot=poweroff gr.after=1500")
		h.mustStart(name)
		h.wants(name, started)
		h.eventually(name, stopped)
		h.guest("qemu.b", "")
		h.mustStart(name)
	})
}

func TestGuestThatCannotStart(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		name := h.guest("qemu.a", "", `disk0_file="/nonexistent.qcow2"`)
		out, code := h.start(h.ctx, name)
		if code == 0 || !strings.Contains(out, "/etc/conf.d/qemu.a:13:") {
			t.Errorf("start: exit %d\n%s", code, out)
		}
		if state := h.state(h.ctx, name); state == started {
			t.Error("it counts as started")
		}
	})
}

// The console of a guest that ended by itself has the kernel's last words.
const lastWords = "reboot: Power down"

// A host that goes down takes its guests down in good order.
func TestHostShutdown(t *testing.T) {
	need.Root(t)
	img, err := tinyguest.Build(t.Context(), tinyguest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		boot func(*testing.T, ...lab.Option) system
		off  func(*lab.Machine, context.Context) (string, error)
	}{
		"openrc":  {bootedOpenRC, (*lab.Machine).PowerOffOpenRC},
		"systemd": {newSystemd, (*lab.Machine).PowerOffSystemd},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := shared(t)
			h := &host{t: t, system: c.boot(t, lab.Bind(dir)), img: img, ctx: within(t, 8*time.Minute)}
			// A second serial port on a file, which outlives the machine.
			port := func(g string) string {
				return fmt.Sprintf(`extra_args="-chardev file,id=second,path=%s -device isa-serial,chardev=second"`, filepath.Join(dir, g))
			}
			guests := []string{h.guest("qemu.b", "earlyprintk=ttyS1,115200,keep gr.slowdown=3000", port("qemu.b"))}
			guests = append(guests, h.guest("qemu.a", "earlyprintk=ttyS1,115200,keep", port("qemu.a"), `rc_need="qemu.b"`))
			for _, g := range guests {
				h.enable(h.ctx, g)
				h.mustStart(g)
			}
			if how, err := c.off(h.machine(), h.ctx); err != nil {
				t.Errorf("power off: %s, %v", how, err)
			}
			for _, g := range guests {
				text, err := os.ReadFile(filepath.Join(dir, g))
				if err != nil || !strings.Contains(string(text), lastWords) {
					t.Errorf("%s was not shut down (%v); its console ends with %q\nhost:\n%s", g, err, tail(string(text)), h.machine().Console())
				}
			}
		})
	}
}

func tail(s string) string { return s[max(0, len(s)-300):] }

// Leaving a runlevel stops its guests gracefully, and entering it starts them.
func TestRunlevel(t *testing.T) {
	need.Root(t)
	img, err := tinyguest.Build(t.Context(), tinyguest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, system: newOpenRC(t), img: img, ctx: within(t, 5*time.Minute)}
	name := h.guest("qemu.a", "")
	h.enable(h.ctx, name)
	h.machine().Must(h.ctx, "openrc", "default")
	h.wants(name, started)
	h.machine().Must(h.ctx, "openrc", "nonetwork")
	h.wants(name, stopped)
	h.byACPI(name)
	h.machine().Must(h.ctx, "openrc", "default")
	h.wants(name, started)
}

// Type=notify to the letter: QEMU is the main process, and a stop that takes
// longer than the unit's limit gets the time that its rungs have.
func TestSystemdUnit(t *testing.T) {
	need.Root(t)
	img, err := tinyguest.Build(t.Context(), tinyguest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, system: newSystemd(t), img: img, ctx: within(t, 5*time.Minute)}
	name := h.guest("qemu.a", "gr.slowdown=8000")
	h.machine().Install("/etc/systemd/system/guestrc-qemu@a.service.d/short.conf", "[Service]\nTimeoutStopSec=3\nTimeoutStartSec=2\n", 0o644)
	h.define(h.ctx, name)
	h.mustStart(name)
	show := func(property string) string {
		return strings.TrimSpace(h.machine().Must(h.ctx, "systemctl", "show", "--value", "-p", property, unit(name)))
	}
	if pid := show("MainPID"); pid != strconv.Itoa(h.status(name).PID) {
		t.Errorf("MainPID is %s, QEMU's is %d", pid, h.status(name).PID)
	}
	if slice := show("Slice"); slice != "machine.slice" {
		t.Errorf("Slice is %s", slice)
	}
	h.mustStop(name)
	if result := show("Result"); result != "success" {
		t.Errorf("the unit's result is %s", result)
	}
	if last := h.byACPI(name); time.Duration(last.Stop.Took) < 8*time.Second {
		t.Errorf("the guest was not slow: %v", last.Stop.Took)
	}
	out, errs, code := h.machine().Run(h.ctx, "systemd-analyze", "verify", unit(name))
	if code != 0 || strings.Contains(out+errs, "guestrc") {
		t.Errorf("systemd-analyze verify: exit %d\n%s%s", code, out, errs)
	}
}

// The script that no symlink names is no guest, and says what to do.
func TestScriptItself(t *testing.T) {
	need.Root(t)
	h := &host{t: t, system: newOpenRC(t), ctx: within(t, time.Minute)}
	out, code := h.start(h.ctx, "guestrc")
	if code == 0 || !strings.Contains(out, "ln -s guestrc /etc/init.d/qemu.NAME") {
		t.Errorf("start of guestrc itself: exit %d\n%s", code, out)
	}
}
