package containers

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// What explain tells of a running container is what its stop would meet.
func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		init    rootfs.Init
		options []rootfs.Option
		lines   []string
		before  func(w *world, name string)
		want    []string // rung, severity, a part of the text
	}{
		"an init":            {rootfs.Busybox, nil, nil, nil, []string{"halt good PID 1 is busybox and hears", "exec good would run"}},
		"a program":          {rootfs.Handler, nil, nil, nil, []string{"halt doubtful has a handler", "exec doubtful no shutdown command"}},
		"one that is deaf":   {rootfs.Stubborn, nil, nil, nil, []string{"halt bad ", "exec doubtful no shutdown command"}},
		"not to power off":   {rootfs.Busybox, []rootfs.Option{rootfs.Extra("lxc.cap.drop = sys_boot")}, nil, nil, []string{"halt doubtful no CAP_SYS_BOOT", "exec doubtful no CAP_SYS_BOOT"}},
		"processes of ours":  {rootfs.Handler, []rootfs.Option{rootfs.NoPidNS()}, []string{"exec_command=/bin/poweroff"}, nil, []string{"halt doubtful has a handler", "exec bad shares the pid namespace"}},
		"signals":            {rootfs.Busybox, nil, []string{"stop_schedule=TERM/1/WINCH/1/KILL/1"}, nil, []string{"TERM good has a handler", "WINCH bad does not hear"}},
		"frozen":             {rootfs.Busybox, nil, nil, func(w *world, name string) { w.must("freeze", name) }, []string{"halt good hears", "exec good would run", " good it is frozen"}},
		"stopped by SIGSTOP": {rootfs.Busybox, nil, nil, stopMonitor, []string{" good monitor is stopped", "halt good hears", "exec good would run"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctr := rootfs.Make(t, c.init, c.options...)
			name := w.guest(ctr, c.lines...)
			w.must("start", name)
			if c.before != nil {
				c.before(w, name)
			}
			r := w.must("explain", "--json", name)
			var report struct {
				Guests []struct{ Reasons []guest.Reason }
			}
			if err := json.Unmarshal([]byte(r.out), &report); err != nil || len(report.Guests) != 1 {
				t.Fatalf("%v: %s", err, r)
			}
			for _, want := range c.want {
				rung, rest, _ := strings.Cut(want, " ")
				severity, text, _ := strings.Cut(rest, " ")
				found := 0
				for _, reason := range report.Guests[0].Reasons {
					if reason.Rung == rung && reason.Severity == severity && strings.Contains(reason.Text, text) {
						found++
					}
				}
				if found != 1 {
					t.Errorf("%q is told %d times: %s", want, found, r.out)
				}
			}
			w.must("kill", name)
			nothingLeft(t, ctr)
		})
	}
}

// stopMonitor returns once it has stopped, which takes it a moment.
func stopMonitor(w *world, name string) {
	monitor, err := pidfile.Capture(w.status(name).PID)
	if err != nil {
		w.t.Fatal(err)
	}
	defer monitor.Close()
	if err := monitor.Signal(unix.SIGSTOP); err != nil {
		w.t.Fatal(err)
	}
	for stopped := false; !stopped; time.Sleep(time.Millisecond) {
		if stopped, err = monitor.Stopped(); err != nil || w.t.Context().Err() != nil {
			w.t.Fatal(err)
		}
	}
}
