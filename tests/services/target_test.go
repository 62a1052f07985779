package services

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// guestrc.target is all guests: a stop of it stops them, a restart restarts those
// that run, and a start starts those that a boot starts.
func TestTargetOfAllGuests(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		m := h.machine()
		enabled, other := h.plain(h, "a"), h.plain(h, "b")
		h.enable(h.ctx, enabled)
		h.define(h.ctx, enabled)
		h.mustStart(enabled)
		h.mustStart(other)
		pid := h.status(other).PID
		m.Must(h.ctx, "systemctl", "restart", "guestrc.target")
		h.wants(enabled, started) // the target is up when it is
		h.eventually(other, started)
		if again := h.status(other).PID; again == pid {
			t.Errorf("a restart of the target left a guest as it was: %d", pid)
		}
		m.Must(h.ctx, "systemctl", "stop", "guestrc.target")
		h.eventually(enabled, stopped) // it goes before they do, and systemctl waits for no other
		h.eventually(other, stopped)
		h.inOrder(enabled)
		h.inOrder(other)
		m.Must(h.ctx, "systemctl", "start", "guestrc.target")
		h.wants(enabled, started)
		h.wants(other, stopped)
		h.mustStop(enabled)
		h.mustStart(other) // which starts no other one
		h.wants(enabled, stopped)
		m.Must(h.ctx, "systemctl", "stop", "guestrc.target")
		h.eventually(other, stopped)
		h.mustStart(other)
		m.Must(h.ctx, "systemctl", "stop", "guestrc.target") // though it is not active
		h.eventually(other, stopped)
		out, errs, code := m.Run(h.ctx, "systemd-analyze", "--man=no", "verify", "guestrc.target", unit(enabled))
		if errs = strings.ReplaceAll(errs, "Read-only bind remount failed, ignoring: Operation not supported\n", ""); code != 0 || strings.TrimSpace(out+errs) != "" {
			t.Errorf("systemd-analyze verify: exit %d\n%s%s", code, out, errs)
		}
	})
}

// What comes after the target finds guests ready.
func TestAfterTheTargetGuestsAreReady(t *testing.T) {
	need.Root(t)
	for _, c := range only(t, "systemd") {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.conf("net.br0", `addresses="10.77.0.1/24"`)
			s.enable(database)
			s.file("etc/systemd/system/after.service", "[Unit]\nAfter=guestrc.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"+
				"ExecStart=/bin/sh -c 'systemctl is-active guestrc.target "+unit(database)+" > "+filepath.Dir(s.witness())+"/after'\n")
			s.link("etc/systemd/system/multi-user.target.wants/after.service", "/etc/systemd/system/after.service")
			h := s.boot(c)
			text, err := os.ReadFile(filepath.Join(filepath.Dir(s.witness()), "after"))
			if err != nil || string(text) != "active\nactive\n" {
				t.Errorf("after the target: %q, %v\nhost:\n%s", text, err, h.machine().Console())
			}
		})
	}
}

// A guest that is to stop last is down after all others.
func TestStopLast(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		last, slow := h.container(rootfs.Sysvinit), h.container(rootfs.Sysvinit, slowDown("3"))
		for _, name := range []string{h.guest(last, `stop_last="yes"`), h.guest(slow)} {
			h.mustStart(name)
		}
		if strings.Contains(t.Name(), "systemd") {
			h.machine().Must(h.ctx, "systemctl", "stop", "guestrc.target")
		} else {
			h.machine().Must(h.ctx, "guestrc", "stop", "--all")
		}
		h.eventually("lxc."+last.Name, stopped)
		if first, end := down(t, h, slow), down(t, h, last); end.Before(first) {
			t.Errorf("the last one was down at %v, the other one at %v", end, first)
		}
	})
}

// goesDown are ways to bring systemd's services down, and what they are to a
// unit's stop.
var goesDown = map[string]string{"poweroff": "stopping", "reboot": "stopping", "halt": "stopping", "rescue": "maintenance"}

// systemd's own word for a host that goes down is there when a unit is stopped,
// and is another one for rescue mode.
func TestHostThatGoesDownIsKnownInAStop(t *testing.T) {
	need.Root(t)
	for _, c := range only(t, "systemd") {
		for verb, want := range goesDown {
			t.Run(c.String()+"/"+verb, func(t *testing.T) {
				t.Parallel()
				witness := filepath.Join(t.TempDir(), "pipe")
				h := newHost(t, func(t *testing.T, options ...lab.Option) system {
					return c.pid1(t, append(options, lab.Bind(filepath.Dir(witness)))...)
				}, containers{})
				m := h.machine()
				m.Install("/etc/systemd/system/witness.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"+
					"ExecStop=/bin/sh -c 'systemctl is-system-running > "+witness+"'\n", 0o644)
				m.Must(h.ctx, "mkfifo", witness)
				m.Must(h.ctx, "systemctl", "start", "witness.service")
				pipe, err := os.OpenFile(witness, os.O_RDWR|unix.O_NONBLOCK, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer pipe.Close()
				deadline, _ := h.ctx.Deadline()
				text := make([]byte, 100)
				n, err := 0, pipe.SetReadDeadline(deadline)
				if err == nil {
					m.Must(h.ctx, "systemctl", "--no-block", verb)
					n, err = pipe.Read(text)
				}
				if got := strings.TrimSpace(string(text[:n])); err != nil || got != want {
					t.Errorf("%s: systemd says %q, %v; want %s", verb, got, err, want)
				}
			})
		}
	}
}
