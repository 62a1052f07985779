package services

import (
	"fmt"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/rootfs"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// sort makes guests of one kind, for the tests that hold for all kinds. The
// lines are more of conf.d; a label tells guests of a host apart.
type sort interface {
	kind() string
	orderly() (rung, cause string) // how a stop is recorded that went well
	plain(h *host, label string, lines ...string) (name string)
	// slow takes its time when it is asked to stop, at least so much.
	slow(h *host, label string) (name string, takes time.Duration)
	// leaving powers itself off, some time after its start is complete.
	leaving(h *host, label string) (name string)
	// broken cannot start, of which its start says why and where.
	broken(h *host, label string) (name, says string)
}

func sorts(t *testing.T) []sort {
	t.Helper()
	return []sort{newMachines(t), containers{}}
}

// machines are QEMU's, with an init of ours.
type machines struct{ img tinyguest.Image }

func newMachines(t *testing.T) machines {
	t.Helper()
	img, err := tinyguest.Build(t.Context(), tinyguest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return machines{img}
}

func (machines) kind() string                  { return "qemu" }
func (machines) orderly() (rung, cause string) { return "acpi", "guest-shutdown" }

// make hands words to the init inside.
func (m machines) make(h *host, label, words string, lines ...string) string {
	h.t.Helper()
	name := "qemu." + label
	h.describe(name, append([]string{
		`user="nobody"`, `enable_kvm="no"`, `machine="q35"`, `memory="256M"`, `vga="none"`,
		fmt.Sprintf("kernel=%q", m.img.Kernel), fmt.Sprintf("initrd=%q", m.img.Initrd),
		fmt.Sprintf("cmdline=%q", tinyguest.Cmdline(words)),
		`console="yes"`, `ready="console:guestrc: up"`, `ready_timeout="240"`, `stop_schedule="acpi/60/KILL/5"`,
	}, lines...)...)
	return name
}

func (m machines) plain(h *host, label string, lines ...string) string {
	h.t.Helper()
	return m.make(h, label, "", lines...)
}

func (m machines) slow(h *host, label string) (string, time.Duration) {
	h.t.Helper()
	return m.make(h, label, "gr.slowdown=8000"), 8 * time.Second
}

func (m machines) leaving(h *host, label string) string {
	h.t.Helper()
	return m.make(h, label, "gr.boot=poweroff gr.after=1500")
}

func (m machines) broken(h *host, label string) (name, says string) {
	h.t.Helper()
	name = m.make(h, label, "", `disk0_file="/nonexistent.qcow2"`)
	return name, "/etc/conf.d/" + name + ":13:"
}

// containers are LXC's, with sysvinit, which is up and down at once.
type containers struct{}

func (containers) kind() string                  { return "lxc" }
func (containers) orderly() (rung, cause string) { return "halt", "poweroff" }

func (containers) plain(h *host, _ string, lines ...string) string {
	h.t.Helper()
	return h.guest(h.container(rootfs.Sysvinit), lines...)
}

func (containers) slow(h *host, _ string) (string, time.Duration) {
	h.t.Helper()
	return h.guest(h.container(rootfs.Sysvinit, slowDown("5"))), 5 * time.Second
}

func (containers) leaving(h *host, _ string) string {
	h.t.Helper()
	return h.guest(h.container(rootfs.Sysvinit, rootfs.File("etc/guest/up", "#!/bin/sh\nsleep 1.5\nexec /sbin/init 0\n", 0o755)))
}

func (containers) broken(h *host, _ string) (name, says string) {
	h.t.Helper()
	c := h.container(rootfs.Sysvinit, rootfs.Extra("lxc.rootfs.path = dir:/nowhere"))
	return h.guest(c), "cannot use the rootfs /nowhere"
}

// slowDown makes a container's shutdown take so many seconds.
func slowDown(seconds string) rootfs.Option {
	return rootfs.File("etc/guest/down", "#!/bin/sh\nsleep "+seconds+"\necho clean > /marks/down\n", 0o755)
}
