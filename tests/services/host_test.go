package services

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// host is a machine whose guests are services.
type host struct {
	system
	sort
	t   *testing.T
	ctx context.Context
}

func newHost(t *testing.T, boot booting, s sort) *host {
	t.Helper()
	return &host{system: boot(t), sort: s, t: t, ctx: within(t, 8*time.Minute)}
}

// describe writes a guest's conf.d file and tells the init system of it.
func (h *host) describe(name string, lines ...string) {
	h.t.Helper()
	h.machine().Install("/etc/conf.d/"+name, strings.Join(lines, "\n")+"\n", 0o644)
	h.define(h.ctx, name)
}

// container makes one of LXC's that the machine can see, but nothing else
// there knows of.
func (h *host) container(init rootfs.Init, options ...rootfs.Option) *rootfs.Container {
	h.t.Helper()
	c := rootfs.Make(h.t, init, options...)
	h.machine().Show(filepath.Dir(c.LXCPath))
	return c
}

// guest makes a container a guest.
func (h *host) guest(c *rootfs.Container, lines ...string) (name string) {
	h.t.Helper()
	name = "lxc." + c.Name
	h.describe(name, append([]string{"CONFIGFILE=" + c.Config, "lxcpath=" + c.LXCPath}, lines...)...)
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

func (h *host) must(verb, name string) {
	h.t.Helper()
	if out, code := h.act(h.ctx, name, verb); code != 0 {
		h.t.Fatalf("%s of %s: exit %d\n%s", verb, name, code, out)
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

// inOrder wants the guest to have shut itself down when it was asked.
func (h *host) inOrder(name string) guest.StopRecord {
	h.t.Helper()
	rung, cause := h.orderly()
	st := h.status(name)
	if st.State != guest.Stopped || st.LastStop == nil || st.LastStop.Stop.By != rung || st.LastStop.Cause != cause || st.LastStop.Stop.Forced {
		h.t.Fatalf("%s: %+v, last stop %+v; want it stopped by %s, %s", name, st, st.LastStop, rung, cause)
	}
	return *st.LastStop
}

// kill9 kills the guest's process and nothing else.
func (h *host) kill9(name string) {
	h.t.Helper()
	h.machine().Must(h.ctx, "kill", "-KILL", strconv.Itoa(h.status(name).PID))
}

// gone wants no process of that number in the machine.
func (h *host) gone(pid int) {
	h.t.Helper()
	if _, _, code := h.machine().Run(h.ctx, "test", "-e", fmt.Sprintf("/proc/%d", pid)); code == 0 {
		h.t.Errorf("process %d is there", pid)
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
