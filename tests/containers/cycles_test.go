package containers

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// TestCyclesLeaveNothingBehind starts and stops a container many times, and now
// and then kills its monitor, which then clears up nothing.
func TestCyclesLeaveNothingBehind(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	const cycles, brutal = 200, 20
	w := newWorld(t)
	host(t, "ip", "link", "add", "br-cycle", "type", "bridge")
	host(t, "ip", "link", "set", "br-cycle", "up")
	// LXC looks in sysfs whether there is such a bridge, and that shows the
	// network namespace that it was mounted in.
	ch := newChamber(t, w, `mount -t sysfs sysfs /mnt; mount --bind /mnt/class /sys/class; mount --bind /mnt/devices /sys/devices; umount /mnt`)
	c := rootfs.Make(t, rootfs.Handler, rootfs.Net("br-cycle", ""))
	name := w.guest(c, "ready=running", "stop_schedule=halt/10/KILL/5")

	ch.cycle(name, c)
	first := take(t, ch, c)
	began, worst := time.Now(), time.Duration(0)
	for n := range cycles {
		at := time.Now()
		if n%brutal == brutal-1 {
			ch.crash(name, c)
		} else {
			ch.cycle(name, c)
		}
		worst = max(worst, time.Since(at))
		if t.Failed() {
			t.Fatalf("in cycle %d", n+1)
		}
	}
	took := time.Since(began)
	t.Logf("%d cycles took %s, each %s, the longest %s", cycles, took, took/cycles, worst)
	ch.cycle(name, c) // after the last crash
	differs(t, first, take(t, ch, c))
}

// cycle starts and stops the container, with nothing in between but what makes
// the stop an orderly one.
func (ch *chamber) cycle(name string, c *rootfs.Container) {
	ch.t.Helper()
	ch.must("start", name)
	ch.reads(c)
	ch.must("stop", name)
	if err := c.ForgetClean(); err != nil {
		ch.t.Fatal(err)
	}
}

// reads waits until the container says that it is up.
func (ch *chamber) reads(c *rootfs.Container) {
	ch.t.Helper()
	ctx, cancel := context.WithTimeout(ch.t.Context(), 20*time.Second)
	defer cancel()
	if _, err := c.Up(ctx); err != nil {
		ch.t.Fatalf("%v\n%s", err, c.Console())
	}
}

// crash kills the monitor, and wants that told. The next start has to sweep.
func (ch *chamber) crash(name string, c *rootfs.Container) {
	ch.t.Helper()
	ch.must("start", name)
	ch.reads(c)
	crash(ch.t, c)
	ch.wants(name, guest.Crashed)
}

// crash kills the monitor.
func crash(t *testing.T, c *rootfs.Container) {
	t.Helper()
	m, err := c.Monitor()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := m.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestTheLastContainerTakesLXCsPivotAlong: the cgroup where monitors go to
// remove their own, which LXC itself leaves. lxc.cgroup.dir gives these two one
// that no other container on this machine uses.
func TestTheLastContainerTakesLXCsPivotAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := fmt.Sprintf("guestrc-test-%d", os.Getpid())
	t.Cleanup(func() { removeGroups(t, dir) })
	a := rootfs.Make(t, rootfs.Handler, rootfs.Extra("lxc.cgroup.dir = "+dir))
	b := rootfs.Make(t, rootfs.Handler, rootfs.Extra("lxc.cgroup.dir = "+dir))
	nameA, nameB := w.guest(a), w.guest(b)
	for range 2 {
		w.must("start", nameA)
		w.must("start", nameB)
		w.must("stop", nameA)
		if len(below(dir, "lxc.pivot")) == 0 {
			t.Error("lxc.pivot was removed under a running monitor")
		}
		w.must("stop", nameB)
		if left := below(dir, "lxc.*"); len(left) > 0 {
			t.Errorf("%q were left", left)
		}
	}
}

// below finds cgroups below dir in every hierarchy.
func below(dir, pattern string) (found []string) {
	for _, top := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		paths, _ := filepath.Glob(filepath.Join(top, dir, pattern)) // well formed
		found = append(found, paths...)
	}
	return found
}

func removeGroups(t *testing.T, dir string) {
	for _, pattern := range []string{"lxc.*", ""} {
		for _, path := range below(dir, pattern) {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	}
}

// host runs a program of the host's.
func host(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// snapshot is everything that a container can leave, by what sort it is.
type snapshot map[string][]string

// take looks at what there is, but for what others have meanwhile: lxc.pivot is
// everybody's.
func take(t *testing.T, ch *chamber, c *rootfs.Container) snapshot {
	t.Helper()
	s := snapshot{}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		// Whether a bridge without ports runs, the kernel tells up to a second late
		// (net/core/link_watch.c).
		s.add("link", fmt.Sprint(l.Name, " ", l.Flags&^net.FlagRunning))
	}
	for _, top := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		for _, pattern := range []string{"lxc.*" + c.Name + "*", "lxc", "lxc-*"} {
			s.glob("cgroup", filepath.Join(top, pattern))
		}
	}
	for _, of := range []string{"/proc/self", ch.path("proc/self")} {
		s.mounts(t, filepath.Join(of, "mountinfo"), c)
	}
	// Of every process, as a monitor that cannot be asked is in no cgroup of ours.
	s.processes(c)
	for _, dir := range []string{ch.root, filepath.Dir(filepath.Dir(c.Dir)), "/run/lxc", "/var/lib/lxc", "/var/lock/lxc", "/dev/shm"} {
		s.files(dir, c)
	}
	for _, what := range s {
		slices.Sort(what)
	}
	return s
}

func (s snapshot) add(sort, what string) { s[sort] = append(s[sort], what) }

func (s snapshot) glob(sort, pattern string) {
	found, _ := filepath.Glob(pattern) // the patterns are well formed
	for _, path := range found {
		s.add(sort, path)
	}
}

func (s snapshot) mounts(t *testing.T, file string, c *rootfs.Container) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		// What others have mounted below directories of their own is not ours.
		if at := strings.Fields(line)[4]; !strings.HasPrefix(at, "/tmp/") || strings.Contains(line, c.Name) {
			s.add("mount", at)
		}
	}
}

func (s snapshot) processes(c *rootfs.Container) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // it may have ended
		groups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		stat, _ := os.ReadFile(filepath.Join(dir, "stat"))
		if strings.Contains(string(stat), ") Z ") {
			continue // it has ended, and is the host's PID 1 to reap
		}
		if strings.Contains(string(cmdline), c.Name) || strings.Contains(string(groups), c.Name) {
			s.add("process", strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
}

// files lists those below dir, of a directory shared with others only those that
// belong to the container. Sizes are not looked at: logs grow.
func (s snapshot) files(dir string, c *rootfs.Container) {
	shared := !strings.HasPrefix(dir, "/tmp/")
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { // what is not there leaves nothing
		if err == nil && (!shared || strings.Contains(path, c.Name)) && !strings.HasPrefix(path, c.Rootfs+"/") {
			s.add("file", path)
		}
		return nil
	})
}

// harness is what the tests' own helpers leave for the time of the test.
var harness = regexp.MustCompile(`/output-[0-9]+$`)

func differs(t *testing.T, before, after snapshot) {
	t.Helper()
	for sort := range maps.Keys(before) {
		if _, ok := after[sort]; !ok {
			after[sort] = nil
		}
	}
	for _, sort := range slices.Sorted(maps.Keys(after)) {
		was, is := before[sort], after[sort]
		for _, what := range is {
			if !slices.Contains(was, what) && !harness.MatchString(what) {
				t.Errorf("there is a new %s: %s", sort, what)
			}
		}
		for _, what := range was {
			if !slices.Contains(is, what) {
				t.Errorf("there is no more the %s: %s", sort, what)
			}
		}
		if len(was) != len(is) {
			t.Errorf("%d of %s were there, and now %d", len(was), sort, len(is))
		}
	}
}
