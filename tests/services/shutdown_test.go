package services

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// powerOff shuts down a machine of combination.pid1, by its init system.
var powerOff = map[string]func(*lab.Machine, context.Context) (how string, err error){
	"openrc":  (*lab.Machine).PowerOffOpenRC,
	"systemd": (*lab.Machine).PowerOffSystemd,
}

// The console of a guest that ended by itself has the kernel's last words.
const lastWords = "reboot: Power down"

// A host that goes down takes its guests down in good order.
func TestHostShutdown(t *testing.T) {
	need.Root(t)
	m := newMachines(t)
	for _, c := range combinations(t) {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			h := newHost(t, c.pid1, m)
			dir := t.TempDir()
			h.machine().Show(dir)
			// A second serial port on a file, which outlives the machine.
			port := func(g string) string {
				return fmt.Sprintf(`extra_args="-chardev file,id=second,path=%s -device isa-serial,chardev=second"`, filepath.Join(dir, g))
			}
			guests := []string{m.make(h, "b", "earlyprintk=ttyS1,115200,keep gr.slowdown=3000", port("qemu.b"))}
			guests = append(guests, m.make(h, "a", "earlyprintk=ttyS1,115200,keep", port("qemu.a"), `rc_need="qemu.b"`))
			for _, g := range guests {
				h.enable(h.ctx, g)
				h.mustStart(g)
			}
			if how, err := powerOff[c.init](h.machine(), h.ctx); err != nil {
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

// The same for containers: each marks the end of its own shutdown, and what is
// needed goes last although it is the fastest.
func TestHostShutdownOfContainers(t *testing.T) {
	need.Root(t)
	for _, c := range combinations(t) {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			h := newHost(t, c.pid1, containers{})
			db := h.container(rootfs.Sysvinit)
			web := h.container(rootfs.Systemd)
			slow := h.container(rootfs.Busybox, slowDown("2"))
			dbName := h.guest(db)
			for _, g := range []string{dbName, h.guest(web, fmt.Sprintf("rc_need=%q", dbName)), h.guest(slow, fmt.Sprintf("rc_need=%q", dbName))} {
				h.enable(h.ctx, g)
				h.mustStart(g)
			}
			if how, err := powerOff[c.init](h.machine(), h.ctx); err != nil {
				t.Errorf("power off: %s, %v", how, err)
			}
			last := down(t, h, db)
			for _, user := range []*rootfs.Container{web, slow} {
				if at := down(t, h, user); at.After(last) {
					t.Errorf("%s was down at %v, what it needs at %v", user.Name, at, last)
				}
			}
		})
	}
}

// down is when a container had shut itself down.
func down(t *testing.T, h *host, c *rootfs.Container) time.Time {
	t.Helper()
	if clean, err := c.Clean(); err != nil || !clean {
		t.Fatalf("%s was not shut down (%v)\n%s\nhost:\n%s", c.Name, err, c.Console(), h.machine().Console())
	}
	info, err := os.Stat(filepath.Join(marks(c), "down"))
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// marks is what a container sees as /marks.
func marks(c *rootfs.Container) string { return filepath.Join(filepath.Dir(c.LXCPath), "marks") }
