package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// crowd is how many guests are stopped at once.
const crowd = 100

// stopAll measures the stop of many containers at once, whose own shutdown
// takes 100 ms each, against the slowest of them and against one that is
// stopped alone.
func (b *bench) stopAll() (err error) {
	p := &place{ctx: b.ctx, dir: b.tmp}
	defer p.end()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot measure the stop of many: %v", r)
		}
	}()
	names := make([]string, crowd)
	for i := range names {
		c := rootfs.Make(p, rootfs.Handler, rootfs.Extra("lxc.signal.halt = SIGTERM"))
		names[i] = "lxc." + c.Name
		if err := b.describe("all", names[i], fmt.Sprintf("CONFIGFILE=%s\nlxcpath=%s\nready=running\n", c.Config, c.LXCPath)); err != nil {
			return err
		}
	}
	root := b.dir + "/all"
	var alone, started, all, beyond samples
	for range min(b.runs, 5) {
		if _, err := b.once(b.program, "--root", root, "start", names[0]); err != nil {
			return err
		}
		took, err := b.once(b.program, "--root", root, "stop", names[0])
		if err != nil {
			return err
		}
		alone = append(alone, took)
		if took, err = b.once(b.program, "--root", root, "start", "--all"); err != nil {
			return err
		}
		started = append(started, took)
		if took, err = b.once(b.program, "--root", root, "stop", "--all"); err != nil {
			return err
		}
		slowest, err := b.slowest(root)
		if err != nil {
			return err
		}
		all, beyond = append(all, took), append(beyond, took-slowest)
	}
	b.add("guestrc stop of one container of them alone", "", alone)
	b.add(fmt.Sprintf("guestrc start --all of %d containers", crowd), "", started)
	b.add(fmt.Sprintf("guestrc stop --all of %d containers", crowd), "", all)
	b.add("guestrc stop --all, beyond the slowest of them", "≤ 500", beyond)
	return nil
}

// slowest is the longest that one of the guests took to stop, by its record.
func (b *bench) slowest(root string) (slowest time.Duration, err error) {
	out, err := exec.CommandContext(b.ctx, b.program, "--root", root, "list", "--json").Output()
	if err != nil {
		return 0, fmt.Errorf("guestrc list: %w", err)
	}
	var list struct{ Guests []guest.Status }
	if err := json.Unmarshal(out, &list); err != nil {
		return 0, fmt.Errorf("guestrc list: %w", err)
	}
	for _, st := range list.Guests {
		if st.LastStop == nil || !st.LastStop.Stop.Down || st.LastStop.Stop.Forced {
			return 0, fmt.Errorf("%s did not stop by itself: %+v", st.Guest, st.LastStop)
		}
		slowest = max(slowest, time.Duration(st.LastStop.Stop.Took))
	}
	return slowest, nil
}
