package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc"
	"github.com/guestrc/guestrc/shutdown"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// TestManyStartsInOneProcess: what failed starts leave comes to the process that
// started others too, all of which are its children. It ends the right ones.
func TestManyStartsInOneProcess(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	const (
		stays  = "sleep 98761" // of hooks of those that start
		leaves = "sleep 98762" // of those that do not
	)
	background := func(command string) string { return command + " >/dev/null 2>&1 </dev/null &\n" }
	w := newWorld(t)
	house := guest.House{Layout: guest.Layout{Root: w.root}, Kinds: []guest.Kind{lxc.Kind{}}, Now: time.Now}
	type start struct {
		c      *rootfs.Container
		name   guest.Name
		fails  bool
		called time.Duration // off after; 0: never
		err    error
	}
	var starts []*start
	add := func(fails bool, hook, script string, called time.Duration) {
		c := rootfs.Make(t, rootfs.Handler, rootfs.Extra("lxc.hook."+hook+" = "+w.script(fmt.Sprintf("hook%d", len(starts)), script)))
		n, err := guest.ParseName(w.guest(c))
		if err != nil {
			t.Fatal(err)
		}
		starts = append(starts, &start{c: c, name: n, fails: fails, called: called})
	}
	for range 4 {
		add(false, "start-host", background(stays)+"sleep 0.2\n", 0)
	}
	add(true, "pre-start", background(leaves)+"exit 1\n", 0)
	add(true, "start-host", background(leaves)+"exit 1\n", 0)
	add(true, "start-host", background(leaves)+"sleep 98762\n", time.Second)
	add(true, "pre-start", background(leaves)+"sleep 98762\n", time.Second)

	var group sync.WaitGroup
	for _, s := range starts {
		group.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if s.called > 0 {
				time.AfterFunc(s.called, cancel)
			}
			s.err = house.Start(ctx, s.name, silent{})
		})
	}
	group.Wait()
	for _, s := range starts {
		if (s.err != nil) != s.fails || s.called > 0 && !errors.Is(s.err, context.Canceled) {
			t.Errorf("%s: %v, want an error: %v", s.name, s.err, s.fails)
		}
		if s.fails {
			nothingLeft(t, s.c)
			w.wants(s.name.String(), guest.Stopped)
			continue
		}
		w.wants(s.name.String(), guest.Running)
	}
	if n := countOf(stays); n != 4 {
		t.Errorf("%d processes of those that started live, want 4", n)
	}
	if n := countOf(leaves); n != 0 {
		t.Errorf("%d processes of those that failed live", n)
	}
	for _, s := range starts {
		if !s.fails {
			w.must("stop", s.name.String())
			nothingLeft(t, s.c)
		}
	}
}

// silent is a Progress that nobody looks at.
type silent struct{}

func (silent) Say(string)                       {}
func (silent) Warn(error)                       {}
func (silent) Started(int, bool, time.Duration) {}
func (silent) Unready(error)                    {}
func (silent) Rung(shutdown.Event)              {}

// countOf counts processes by their command line.
func countOf(command string) (n int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		text, _ := os.ReadFile(line)
		if strings.ReplaceAll(strings.TrimRight(string(text), "\x00"), "\x00", " ") == command {
			n++
		}
	}
	return n
}

// script makes an executable file and returns its path.
func (w *world) script(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.root, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		w.t.Fatal(err)
	}
	return path
}
