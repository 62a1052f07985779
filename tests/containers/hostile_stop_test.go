package containers

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// hostile makes a container whose init is a shell script.
func hostile(t *testing.T, script string, options ...rootfs.Option) *rootfs.Container {
	t.Helper()
	options = append(options, rootfs.File("sbin/hostile", "#!/bin/sh\n"+script, 0o755), rootfs.Extra("lxc.init.cmd = /sbin/hostile"))
	c := rootfs.Make(t, rootfs.Busybox, options...)
	// For the cleanup when the stop that is tested fails: the container's own
	// freezers, which the harness does not look for.
	t.Cleanup(func() { thawAll(t, c) })
	return c
}

func thawAll(t *testing.T, c *rootfs.Container) {
	for _, pattern := range []string{"/sys/fs/cgroup/freezer/lxc.payload." + c.Name, "/sys/fs/cgroup/lxc.payload." + c.Name} {
		filepath.WalkDir(pattern, func(path string, d fs.DirEntry, err error) error { // it may vanish meanwhile
			if err == nil && d.IsDir() {
				os.WriteFile(filepath.Join(path, "freezer.state"), []byte("THAWED"), 0)
				os.WriteFile(filepath.Join(path, "cgroup.freeze"), []byte("0"), 0)
			}
			return nil
		})
	}
}

// freezes prepares $own, a freezer of the container's own, by what host there is.
const freezes = `mkdir -p /tmp/f
mount -t cgroup -o freezer freezer /tmp/f 2>/dev/null || mount -t cgroup2 cgroup2 /tmp/f || exit 1
freeze() { if [ -e "$1/freezer.state" ]; then echo FROZEN > "$1/freezer.state"; else echo 1 > "$1/cgroup.freeze"; fi; }
`

const deaf = "trap '' TERM INT QUIT HUP PWR USR1 USR2\n"

// TestStopEndsWithinItsSchedule whatever the container does against it.
func TestStopEndsWithinItsSchedule(t *testing.T) {
	for _, i := range []struct {
		what, script string
		options      []rootfs.Option
	}{
		{"freezes itself", deaf + freezes + "mkdir /tmp/f/mine; echo $$ > /tmp/f/mine/cgroup.procs; echo up x > /marks/up; freeze /tmp/f/mine\nwhile :; do sleep 1000; done\n", nil},
		{"freezes its children", deaf + freezes + "mkdir /tmp/f/mine; sleep 1000 & echo $! > /tmp/f/mine/cgroup.procs; freeze /tmp/f/mine; echo up x > /marks/up\nwhile :; do sleep 1000; done\n", nil},
		{"freezes everything from within a group named like its own",
			deaf + freezes + "name=/tmp/f/lxc.payload.$(hostname); mkdir $name; echo $$ > $name/cgroup.procs; echo up x > /marks/up; freeze /tmp/f\nwhile :; do sleep 1000; done\n", nil},
		{"nests deeply", deaf + freezes + "cd /tmp/f; i=0; while [ $i -lt 100 ]; do mkdir d; cd d; i=$((i+1)); done; echo $$ > cgroup.procs; echo up x > /marks/up\nwhile :; do sleep 1000; done\n", nil},
		{"forks without end", deaf + "f() { while :; do f & f; done; }; echo up x > /marks/up; f & f & while :; do sleep 1 & wait; done\n",
			[]rootfs.Option{rootfs.Extra("lxc.cgroup.pids.max = 200", "lxc.cgroup2.pids.max = 200")}},
		{"forks away from its ends", deaf + "echo up x > /marks/up; while :; do (sleep 0 & exit 0) ; done\n",
			[]rootfs.Option{rootfs.Extra("lxc.cgroup.pids.max = 200", "lxc.cgroup2.pids.max = 200")}},
		{"floods its console", deaf + "echo up x > /marks/up; cat /dev/zero | tr '\\0' '\\033' > /dev/console & while :; do sleep 1000 & wait; done\n",
			[]rootfs.Option{rootfs.Extra("lxc.console.logfile = /dev/null")}},
		{"stops its children", deaf + "sleep 1000 & kill -STOP $!; kill -STOP $$; echo up x > /marks/up; while :; do sleep 1000 & wait; done\n", nil},
	} {
		t.Run(i.what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := hostile(t, i.script, i.options...)
			name := w.guest(c, "stop_schedule=halt/3/KILL/5", "ready=running")
			w.must("start", name)
			up(t, c)
			if r := w.run("status", name); r.took > time.Second || r.code != guest.StateRunning {
				t.Errorf("status took %s: %s", r.took, r)
			}
			stop := w.must("stop", name)
			t.Log(stop)
			if stop.took > 10*time.Second {
				t.Errorf("the stop took %s", stop.took)
			}
			w.stoppedBy(name, "KILL", true)
			nothingLeft(t, c)
		})
	}
}

// TestSignalsThatAreNeverRead stay pending, which is told.
func TestSignalsThatAreNeverRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox, rootfs.Extra("lxc.init.cmd = /usr/bin/blocks"))
	build := exec.Command("go", "build", "-o", filepath.Join(c.Rootfs, "usr/bin/blocks"), "./testdata/blocks")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	name := w.guest(c, "stop_schedule=halt/5/KILL/5", "ready_timeout=5")
	w.must("start", name)
	up(t, c)
	stop := w.must("stop", name)
	t.Log(stop)
	w.stoppedBy(name, "KILL", true)
	if o := w.rung(name, "halt"); o.Result != shutdown.Ignored || !strings.Contains(strings.Join(o.Notes, " "), "did not take SIGTERM") {
		t.Errorf("rung halt: %+v", o)
	}
	nothingLeft(t, c)
}

// TestAPathThatWasMovedIsNotNeeded: sysvinit's FIFO is reached through PID 1.
func TestAPathThatWasMovedIsNotNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Sysvinit)
	name := w.guest(c, "stop_schedule=halt/10/KILL/5")
	w.must("start", name)
	up(t, c)
	w.must("exec", name, "/bin/sh", "-c", "mv /run/initctl /run/moved; ln -s /dev/console /run/initctl; mkdir /run/x; mount --move /run /mnt; rm -rf /run; ln -s /proc/1/root /run")
	t.Log(w.must("stop", name))
	w.stoppedBy(name, "halt", false)
	nothingLeft(t, c)
}

func TestStopContinuesWhatWasStopped(t *testing.T) {
	for _, who := range []string{"init", "monitor", "both"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := rootfs.Make(t, rootfs.Handler)
			name := w.guest(c, "stop_schedule=halt/10/KILL/5")
			for _, verb := range []string{"stop", "kill"} {
				w.must("start", name)
				up(t, c)
				init, monitor := alive(t, c), must(c.Monitor())
				defer monitor.Close()
				if who != "monitor" {
					must(0, init.Signal(unix.SIGSTOP))
				}
				if who != "init" {
					must(0, monitor.Signal(unix.SIGSTOP))
				}
				if r := w.run("status", "--json", name); r.took > time.Second {
					t.Errorf("status took %s: %s", r.took, r)
				}
				r := w.must(verb, name)
				t.Log(r)
				if r.took > 9*time.Second {
					t.Errorf("%s took %s", verb, r.took)
				}
				if verb == "stop" {
					w.stoppedBy(name, "halt", false)
				}
				nothingLeft(t, c)
			}
		})
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// TestStopWaitsForThePostStopHook, which unmounts and notifies and so on.
func TestStopWaitsForThePostStopHook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ran := filepath.Join(t.TempDir(), "ran")
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nsleep 2\necho ran >> "+ran+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := rootfs.Make(t, rootfs.Handler, rootfs.Extra("lxc.hook.post-stop = "+hook))
	name := w.guest(c, "stop_schedule=halt/10/KILL/5")
	w.must("start", name)
	up(t, c)
	if r := w.must("stop", name); r.took < 2*time.Second {
		t.Errorf("the stop took %s", r.took)
	}
	if text, err := os.ReadFile(ran); err != nil || string(text) != "ran\n" {
		t.Errorf("the hook did not end before the stop: %q %v", text, err)
	}
	w.stoppedBy(name, "halt", false)
	nothingLeft(t, c)

	// It ends by itself, and is started while the hook runs.
	w.must("start", name)
	up(t, c)
	init := alive(t, c)
	if err := c.PowerOff(); err != nil {
		t.Fatal(err)
	}
	if err := init.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := w.run("start", name)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := c.Up(ctx); err != nil {
		t.Errorf("it was started and does not run: %v: %s", err, again)
	}
	w.wants(name, guest.Running)
	w.must("stop", name)
	nothingLeft(t, c)
}

func TestFailingHooksAreTold(t *testing.T) {
	t.Parallel()
	for _, hook := range []string{"pre-start", "pre-mount", "mount", "start", "start-host"} {
		t.Run(hook, func(t *testing.T) {
			w := newWorld(t)
			c := rootfs.Make(t, rootfs.Handler, rootfs.Extra("lxc.hook."+hook+" = /bin/false"))
			name := w.guest(c)
			r := w.run("start", name)
			told, _, _ := strings.Cut(r.err, "hint:") // the log's name has the test's
			if r.code != guest.StatusFailed || !strings.Contains(told, hook) || !strings.Contains(told, "hook") {
				t.Errorf("which hook failed is not told: %s", r)
			}
			w.wants(name, guest.Stopped)
			nothingLeft(t, c)
		})
	}
}

// TestAHookThatHangs: whoever gives up gets an answer, and what was begun ends.
func TestAHookThatHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nexec sleep 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := rootfs.Make(t, rootfs.Handler, rootfs.Extra("lxc.hook.pre-start = "+hook))
	name := w.guest(c)
	t.Cleanup(func() { endUnfinished(t, c) })
	start := lab.Start(t, w.command("start", name))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if start.Wait(ctx) == nil {
		t.Fatal("the start did not wait for the hook")
	}
	if r := w.run("status", name); r.took > time.Second {
		t.Errorf("status took %s: %s", r.took, r)
	}
	start.Signal(unix.SIGTERM)
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := start.Wait(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("the start that was called off: %v", err)
	}
	if r := w.run("kill", name); r.code != 0 {
		t.Errorf("kill: %s", r)
	}
	w.wants(name, guest.Stopped)
	nothingLeft(t, c)
}

// endUnfinished ends the monitor and the hook of a container that LXC has not
// made cgroups for yet: nothing else finds these. There should be none.
func endUnfinished(t *testing.T, c *rootfs.Container) {
	t.Helper()
	is := func(dir string) bool {
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // it may have ended
		environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
		return strings.HasPrefix(string(cmdline), "[lxc monitor] "+c.LXCPath+" "+c.Name+"\x00") || strings.Contains(string(environ), "\x00LXC_NAME="+c.Name+"\x00")
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if !is(dir) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(dir)) // by the pattern
		p, err := pidfile.Capture(pid)
		if err != nil {
			continue
		}
		if is(dir) && !p.Ended() {
			t.Errorf("process %d of the start that was called off runs on", pid)
			p.Signal(unix.SIGKILL)
		}
		p.Close()
	}
}
