package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/rootfs"
)

// containers compares the start and the stop of a container with LXC's own
// tools, and with what Gentoo's init script does.
func (b *bench) containers() (err error) {
	p := &place{ctx: b.ctx, dir: b.tmp}
	defer p.end()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot measure containers: %v", r)
		}
	}()
	// A program that ends 100 ms after a SIGTERM: a guest whose own time is known.
	for _, measure := range []func(*containerBench) error{(*containerBench).starts, (*containerBench).stops, (*containerBench).gentoo} {
		c := rootfs.Make(p, rootfs.Handler, rootfs.Extra("lxc.signal.halt = SIGTERM"))
		m := &containerBench{b, p, c, "lxc." + c.Name}
		conf := fmt.Sprintf("CONFIGFILE=%s\nlxcpath=%s\nready=running\n", c.Config, c.LXCPath)
		if err := b.describe("c", m.name, conf); err != nil {
			return err
		}
		if err := measure(m); err != nil {
			return err
		}
	}
	return nil
}

type containerBench struct {
	*bench
	place *place
	c     *rootfs.Container
	name  string
}

func (m *containerBench) guestrc(verb string) (time.Duration, error) {
	return m.once(m.program, "--root", m.dir+"/c", verb, m.name)
}

func (m *containerBench) lxcStart() (time.Duration, error) {
	return m.once("lxc-start", "-P", m.c.LXCPath, "-n", m.c.Name, "-f", m.c.Config, "-d")
}

// kill ends the container and waits for its monitor, without a shutdown.
func (m *containerBench) kill() error {
	monitor, err := m.c.Monitor()
	if err != nil {
		return err
	}
	defer monitor.Close()
	init, err := m.c.Process()
	if err != nil {
		return err
	}
	defer init.Close()
	if err := init.Signal(unix.SIGKILL); err != nil {
		return err
	}
	return monitor.Wait(m.ctx)
}

func (m *containerBench) starts() error {
	mine, raw, err := m.pairs(
		func() (time.Duration, error) {
			took, err := m.guestrc("start")
			if err == nil {
				_, err = m.guestrc("kill")
			}
			return took, err
		},
		func() (time.Duration, error) {
			took, err := m.lxcStart()
			if err == nil {
				err = m.kill()
			}
			return took, err
		})
	if err != nil {
		return err
	}
	m.add("lxc-start -d", "", raw)
	m.add("guestrc start of a container", "", mine)
	m.add("guestrc start of a container, beyond lxc-start -d", "≤ 5 (p95)", difference(mine, raw))
	return nil
}

// stops compares with the container's own time: from the signal to the end of
// its monitor.
func (m *containerBench) stops() error {
	own := func() (time.Duration, error) {
		if _, err := m.guestrc("start"); err != nil {
			return 0, err
		}
		monitor, err := m.c.Monitor()
		if err != nil {
			return 0, err
		}
		defer monitor.Close()
		if _, err := m.c.Up(m.ctx); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := m.c.PowerOff(); err != nil {
			return 0, err
		}
		err = monitor.Wait(m.ctx)
		return time.Since(began), err
	}
	stopped := func(stop func() (time.Duration, error)) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			if _, err := m.guestrc("start"); err != nil {
				return 0, err
			}
			if _, err := m.c.Up(m.ctx); err != nil {
				return 0, err
			}
			return stop()
		}
	}
	mine, container, err := m.pairs(stopped(func() (time.Duration, error) { return m.guestrc("stop") }), own)
	if err != nil {
		return err
	}
	theirs, _, err := m.pairs(stopped(func() (time.Duration, error) {
		return m.once("lxc-stop", "-P", m.c.LXCPath, "-n", m.c.Name, "-t", "30")
	}), func() (time.Duration, error) { return 0, nil })
	if err != nil {
		return err
	}
	m.add("a container's own shutdown, until its monitor has ended", "", container)
	m.add("lxc-stop -t 30, beyond the container's own shutdown", "", difference(theirs, container))
	m.add("guestrc stop of a container, beyond its own shutdown", "≤ 5 (p95)", difference(mine, container))
	return nil
}

// gentooRuns is small: each takes a second, most of it asleep.
const gentooRuns = 5

// gentoo does what the script of Gentoo's package does (lxc.initd.9): start,
// sleep a second, ask whether it runs.
func (m *containerBench) gentoo() error {
	var took samples
	script := fmt.Sprintf("env -i $(command -v lxc-start) -P %[1]s -n %[2]s -f %[3]s -d -o /dev/null; sleep 1; [ \"$(lxc-info -P %[1]s -n %[2]s -s -H)\" = RUNNING ]",
		m.c.LXCPath, m.c.Name, m.c.Config)
	for range gentooRuns {
		d, err := m.once("sh", "-c", script)
		if err != nil {
			return err
		}
		took = append(took, d)
		if err := m.kill(); err != nil {
			return err
		}
	}
	m.add(fmt.Sprintf("start as Gentoo's script does it (%d runs)", gentooRuns), "", took)
	return nil
}
