package containers

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/tests/rootfs"
)

// The sentence that explain begins with is true of the container: where it says
// that a rung ends it cleanly, that rung does; and where it says that nothing
// will, a stop fails.
func TestVerdictsOfContainers(t *testing.T) {
	for name, c := range map[string]struct {
		init    rootfs.Init
		options []rootfs.Option
		lines   []string
		want    string // severity, and the text
		by      string // the rung that its stop ends by; empty: it fails
	}{
		"systemd": {rootfs.Systemd, nil, nil, "good: would stop cleanly by halt", "halt"},
		"systemd that may not power off": {rootfs.Systemd, []rootfs.Option{rootfs.Extra("lxc.cap.drop = sys_boot")}, nil,
			"doubtful: may stop cleanly by halt or exec, or else would be forced down by KILL after 1m20s at most", "halt"},
		"systemd, as LXC asks it": {rootfs.Systemd, []rootfs.Option{rootfs.Extra("lxc.signal.halt = SIGRTMIN+3")}, nil, "good: would stop cleanly by halt", "halt"},
		"busybox, told to halt":   {rootfs.Busybox, nil, []string{"POWEROFF_SIGNAL=SIGUSR1"}, "good: would stop cleanly by halt", "halt"},
		"busybox, told to reboot": {rootfs.Busybox, nil, []string{"stop_schedule=TERM/20/KILL/5"}, "good: would stop cleanly by TERM", "TERM"},
		"a signal that systemd has another use for": {rootfs.Systemd, nil, []string{"stop_schedule=TERM/2/KILL/5"},
			"doubtful: may stop cleanly by TERM, or else would be forced down by KILL after 2s at most", "KILL"},
		"an app that knows no signal": {rootfs.Stubborn, nil, []string{"stop_schedule=halt/2/TERM/1/KILL/5"},
			"bad: would be forced down by KILL after 3s at most", "KILL"},
		"the same without KILL": {rootfs.Stubborn, nil, []string{"stop_schedule=halt/2/TERM/1"}, "bad: would stay up", ""},
		"a command that does nothing": {rootfs.Stubborn, nil, []string{"stop_schedule=halt/2/exec/2/KILL/5", "exec_command=/bin/true"},
			"doubtful: may stop cleanly by exec, or else would be forced down by KILL after 4s at most", "KILL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctr := rootfs.Make(t, c.init, c.options...)
			name := w.guest(ctr, c.lines...)
			if got := w.verdict(name); !strings.HasPrefix(got, "doubtful: may stop cleanly by ") || !strings.HasSuffix(got, ": more can be told while it runs") {
				t.Errorf("before its start: %s", got)
			}
			w.must("start", name)
			up(t, ctr)
			if got := w.verdict(name); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			r := w.run("stop", name)
			if c.by != "" {
				w.stoppedBy(name, c.by, c.by == "KILL")
			} else if r.code != 1 {
				t.Errorf("it should have stayed up: %s", r)
			}
			w.must("kill", name)
			nothingLeft(t, ctr)
		})
	}
}

// verdict is what explain begins with.
func (w *world) verdict(name string) string {
	w.t.Helper()
	r := w.must("explain", "--json", name)
	var report struct {
		Guests []struct{ Severity, Text string }
	}
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || len(report.Guests) != 1 {
		w.t.Fatalf("explain --json: %v: %s", err, r)
	}
	return report.Guests[0].Severity + ": " + report.Guests[0].Text
}
