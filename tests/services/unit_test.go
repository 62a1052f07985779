package services

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// The unit's main process is LXC's monitor, and systemd leaves control groups
// and signals to it.
func TestContainersUnit(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		c := h.container(rootfs.Systemd)
		name := h.guest(c)
		h.mustStart(name)
		h.shows(name, "MainPID", strconv.Itoa(inside(t, monitorOf(t, c))))
		h.shows(name, "Delegate", "yes")
		h.shows(name, "KillMode", "mixed")
		h.shows(name, "Type", "notify")
		h.shows(name, "StatusText", "running")
		h.mustStop(name)
		h.shows(name, "Result", "success")
		h.inOrder(name)
	})
}

func TestContainerSurvivesSystemdsReload(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		c := h.container(rootfs.Systemd)
		name := h.guest(c)
		h.mustStart(name)
		first, pid := initOf(t, c), h.status(name).PID
		for _, verb := range []string{"daemon-reload", "daemon-reexec", "daemon-reload"} {
			h.machine().Must(h.ctx, "systemctl", verb)
			h.wants(name, started)
			h.shows(name, "MainPID", strconv.Itoa(pid))
		}
		if first.Ended() {
			t.Error("the container's init ended")
		}
		h.mustStop(name)
		h.wants(name, stopped)
		h.inOrder(name)
	})
}

// The unit of a container that nobody described is well-formed, and says what is
// missing.
func TestUnitOfNothing(t *testing.T) {
	under(t, "systemd", func(t *testing.T, h *host) {
		out, code := h.start(h.ctx, "lxc.x")
		if code == 0 || !strings.Contains(out, "cannot find guest lxc.x") {
			t.Errorf("start: exit %d\n%s", code, out)
		}
		stdout, stderr, code := h.machine().Run(h.ctx, "systemd-analyze", "verify", unit("lxc.x"))
		if code != 0 || strings.TrimSpace(stdout+stderr) != "" {
			t.Errorf("systemd-analyze verify: exit %d\n%s%s", code, stdout, stderr)
		}
	})
}

// TestStopOfAStartUnderWay leaves nothing that comes up later, whatever the
// start was at: LXC's monitor does not belong to the unit's cgroup.
func TestStopOfAStartUnderWay(t *testing.T) {
	for at, options := range map[string][]rootfs.Option{
		"hook": {rootfs.Extra("lxc.hook.start-host = /hook")},
		"boot": {rootfs.File("etc/runit/1", waits, 0o755)},
	} {
		t.Run(at, func(t *testing.T) {
			under(t, "systemd", func(t *testing.T, h *host) {
				c := h.container(rootfs.Runit, options...)
				h.machine().Install("/hook", "#!/bin/sh\nwhile [ ! -e "+marks(c)+"/go ]; do sleep 0.05; done\n", 0o755)
				name := h.guest(c)
				h.machine().Must(h.ctx, "systemctl", "start", "--no-block", unit(name))
				awaitMonitor(t, h.ctx, c)
				time.AfterFunc(time.Second, func() { _ = os.WriteFile(filepath.Join(marks(c), "go"), nil, 0o644) })
				h.mustStop(name)
				if state := h.state(h.ctx, name); state != stopped && state != crashed {
					t.Errorf("the unit is %s", state)
				}
				nothingLeft(t, c)
				clean(t, c)
				if st := h.status(name); st.State != guest.Stopped {
					t.Errorf("%+v", st)
				}
				h.mustStart(name)
				h.wants(name, started)
			})
		})
	}
}

// awaitMonitor waits until LXC's monitor has gone into its own cgroup, of which
// nothing tells.
func awaitMonitor(t *testing.T, ctx context.Context, c *rootfs.Container) {
	t.Helper()
	for {
		m, err := c.Monitor()
		if err == nil {
			m.Close()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
