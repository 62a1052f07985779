package services

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/rootfs"
)

// An edit of LXC's configuration, or of what it includes, changes what the
// container's service depends on at the next start: OpenRC notices by itself,
// systemd is told to read its files anew.
func TestEditOfAnIncludeChangesDependencies(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		for _, name := range []string{"net.br0", "net.br7"} {
			h.describe(name, `addresses=""`, `ports=""`)
		}
		c := h.container(rootfs.Sysvinit, rootfs.Extra("lxc.net.0.type = veth"))
		include := filepath.Join(c.Dir, "network.conf")
		later := time.Now()
		edit := func(text string) {
			t.Helper()
			if err := os.WriteFile(include, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			// OpenRC does not see an edit in the second of the last that it saw.
			later = later.Add(5 * time.Second)
			if err := os.Chtimes(include, later, later); err != nil {
				t.Fatal(err)
			}
		}
		config, err := os.ReadFile(c.Config)
		if err != nil {
			t.Fatal(err)
		}
		edit("lxc.net.0.link = br0\n")
		if err := os.WriteFile(c.Config, append(config, "lxc.include = "+include+"\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
		name := h.guest(c)
		h.mustStart(name)
		h.wants("net.br0", started)
		h.wants("net.br7", stopped)
		h.mustStop(name)

		edit("lxc.net.0.link = br7\n")
		if strings.Contains(t.Name(), "systemd") {
			h.define(h.ctx, name)
		}
		h.mustStart(name)
		h.wants("net.br7", started)
		h.mustStop(name)
	})
}
