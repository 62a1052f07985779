package containers

import (
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
	"github.com/guestrc/guestrc/tests/rootfs"
)

func TestStartOfARunningContainerIsSuccess(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	name := w.guest(c)
	w.must("start", name)
	first := w.status(name)
	if again := w.must("start", name); !strings.Contains(again.out, "already running") {
		t.Errorf("second start: %s", again)
	}
	if second := w.status(name); second.PID != first.PID || first.PID == 0 {
		t.Errorf("pids %d and %d", first.PID, second.PID)
	}
	w.must("restart", name)
	if third := w.wants(name, guest.Running); third.PID == first.PID || third.LastStop.Stop.By != "halt" {
		t.Errorf("after restart: %+v", third)
	}
	w.must("stop", name)
	if again := w.must("stop", name); !strings.Contains(again.out, "was not running") {
		t.Errorf("second stop: %s", again)
	}
	nothingLeft(t, c)
}

// TestContainersOfOthersAreOurs: whoever started it, it is that container.
func TestContainersOfOthersAreOurs(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	name := w.guest(c)
	c.Start(t)
	monitor, err := c.Monitor()
	if err != nil {
		t.Fatal(err)
	}
	defer monitor.Close()
	if st := w.status(name); st.PID != monitor.Pid() || st.Code != guest.StateRunning {
		t.Fatalf("status of a container that lxc-start started: %+v", st)
	}
	w.must("start", name) // completes what lxc-start cannot do for us
	if st := w.wants(name, guest.Running); st.PID != monitor.Pid() {
		t.Errorf("adopted process %d, want %d", st.PID, monitor.Pid())
	}
	w.must("stop", name)
	w.stoppedBy(name, "halt", false)
	nothingLeft(t, c)

	c.Start(t)
	w.must("stop", name) // without a record too
	nothingLeft(t, c)
}

// TestStarterKilled kills guestrc at many moments of a start.
func TestStarterKilled(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	name := w.guest(c)
	for delay := time.Duration(0); delay < 60*time.Millisecond; delay += 3 * time.Millisecond {
		start := w.command("start", name)
		if err := start.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(delay, func() { start.Process.Kill() })
		start.Wait()
		timer.Stop()
		w.must("start", name)
		w.wants(name, guest.Running)
		w.must("stop", name)
		nothingLeft(t, c)
	}
}

func TestMonitorKilled(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Systemd)
	name := w.guest(c)
	w.must("start", name)
	monitor, err := c.Monitor()
	if err != nil {
		t.Fatal(err)
	}
	defer monitor.Close()
	if err := monitor.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := monitor.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := w.wants(name, guest.Crashed); !strings.Contains(st.Message, "cgroup") {
		t.Errorf("status: %+v", st)
	}
	w.must("start", name)
	w.wants(name, guest.Running)
	w.must("stop", name)
	nothingLeft(t, c)
}

// TestRebootIsNoStop: LXC starts the container again, and it is the same guest.
func TestRebootIsNoStop(t *testing.T) {
	for _, root := range []rootfs.Init{rootfs.Busybox, rootfs.Systemd, rootfs.Sysvinit, rootfs.OpenRC, rootfs.Runit} {
		t.Run(string(root), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := rootfs.Make(t, root)
			name := w.guest(c)
			w.must("start", name)
			up(t, c)
			before := w.status(name)
			w.must("reboot", name)
			up(t, c)
			if after := w.wants(name, guest.Running); after.PID != before.PID {
				t.Errorf("the monitor was %d and is %d", before.PID, after.PID)
			}
			w.must("stop", name)
			w.stoppedBy(name, "halt", false)
			nothingLeft(t, c)
		})
	}
}

func up(t *testing.T, c *rootfs.Container) {
	t.Helper()
	if _, err := c.Up(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, c.Console())
	}
}

// TestRebootInsteadOfPowerOff: an init that is told to stop and reboots has
// shut down in order, and must not come up again.
func TestRebootInsteadOfPowerOff(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	name := w.guest(c, "stop_schedule=TERM/30/KILL/5") // busybox reboots on SIGTERM
	w.must("start", name)
	up(t, c)
	stop := w.must("stop", name)
	record := w.stoppedBy(name, "TERM", false)
	if record.Cause != "reboot" || !strings.Contains(stop.out, "rebooted") {
		t.Errorf("record %+v, said %q", record, stop.out)
	}
	nothingLeft(t, c)
}

func TestStopThawsFirst(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	name := w.guest(c)
	w.must("start", name)
	w.must("freeze", name)
	if st := w.status(name); st.Condition == nil || st.Condition.State != "frozen" {
		t.Errorf("condition %+v, want frozen", st.Condition)
	}
	w.must("thaw", name)
	if st := w.status(name); st.Condition == nil || st.Condition.State != guest.Running {
		t.Errorf("condition %+v, want running", st.Condition)
	}
	w.must("freeze", name)
	if r := w.must("stop", name); !strings.Contains(r.out, "thawed") || r.took > 10*time.Second {
		t.Errorf("stop of a frozen container: %s", r)
	}
	w.stoppedBy(name, "halt", false)

	w.must("start", name)
	w.must("freeze", name)
	w.must("kill", name) // a frozen process of cgroup v1 does not even die
	nothingLeft(t, c)
}

// TestHaltSignalOfTheConfigWins over what PID 1 looks like.
func TestHaltSignalOfTheConfigWins(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox, rootfs.Extra("lxc.signal.halt = SIGUSR1"))
	name := w.guest(c, "POWEROFF_SIGNAL=SIGTERM")
	r := w.must("start", name)
	up(t, c)
	w.must("stop", name)
	if record := w.stoppedBy(name, "halt", false); record.Cause != "poweroff" {
		t.Errorf("cause %q: SIGTERM reboots, SIGUSR1 halts", record.Cause)
	}
	if !strings.Contains(r.err+r.out, "ignored: lxc.signal.halt is SIGUSR1") {
		t.Errorf("the conflict is not told: %s", r)
	}
}

func TestExecRungRunsTheGuestsOwnCommand(t *testing.T) {
	for _, root := range []rootfs.Init{rootfs.Busybox, rootfs.Sysvinit, rootfs.Systemd, rootfs.OpenRC, rootfs.Runit, rootfs.S6, rootfs.Finit} {
		t.Run(string(root), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := rootfs.Make(t, root)
			name := w.guest(c, "stop_schedule=exec/30/KILL/5")
			w.must("start", name)
			up(t, c)
			t.Log(w.must("stop", name))
			w.stoppedBy(name, "exec", false)
			if clean, err := c.Clean(); err != nil || !clean {
				t.Errorf("went through an orderly shutdown: %v %v", clean, err)
			}
			nothingLeft(t, c)
		})
	}
}

// TestWithoutCapSysBoot: init shuts everything down and may not say so.
func TestWithoutCapSysBoot(t *testing.T) {
	for _, root := range []rootfs.Init{rootfs.Busybox, rootfs.Sysvinit, rootfs.Systemd, rootfs.OpenRC} {
		t.Run(string(root), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := rootfs.Make(t, root, rootfs.Extra("lxc.cap.drop = sys_boot"))
			name := w.guest(c)
			if r := w.must("start", name); !strings.Contains(r.err, "CAP_SYS_BOOT") {
				t.Errorf("no warning: %s", r)
			}
			up(t, c)
			stop := w.must("stop", name)
			t.Log(stop)
			w.stoppedBy(name, "halt", false)
			if clean, err := c.Clean(); err != nil || !clean || stop.took > 20*time.Second {
				t.Errorf("orderly: %v %v, took %s", clean, err, stop.took)
			}
			nothingLeft(t, c)
		})
	}
}

func TestIDMapped(t *testing.T) {
	for _, root := range []rootfs.Init{rootfs.Busybox, rootfs.Sysvinit, rootfs.Runit, rootfs.Systemd} {
		t.Run(string(root), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := rootfs.Make(t, root, rootfs.IDMapped())
			w.env = c.Env()
			name := w.guest(c)
			w.must("start", name)
			up(t, c)
			w.must("stop", name)
			w.stoppedBy(name, "halt", false)
			nothingLeft(t, c)
		})
	}
}

func TestOtherRoots(t *testing.T) {
	for sort, option := range map[string]rootfs.Option{"overlay": rootfs.Overlay(), "image": rootfs.BlockDevice()} {
		t.Run(sort, func(t *testing.T) {
			w := newWorld(t)
			c := rootfs.Make(t, rootfs.Busybox, option)
			name := w.guest(c)
			w.must("start", name)
			up(t, c)
			w.must("stop", name)
			w.stoppedBy(name, "halt", false)
			nothingLeft(t, c)
		})
	}
}

// TestA32BitRootSeesA32BitMachine by its init's ELF class, or as the
// administrator says.
func TestA32BitRootSeesA32BitMachine(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler32)
	text, err := os.ReadFile(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	bare := strings.ReplaceAll(string(text), "lxc.arch", "#")
	if err := os.WriteFile(c.Config, []byte(bare), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, line := range map[string]string{"i686": "arch=auto", "x86_64": "arch=x86_64"} {
		name := w.guest(c, line)
		w.must("start", name)
		if machine, err := c.Up(t.Context()); err != nil || machine != want {
			t.Errorf("%s: the machine is %q, want %q (%v)", line, machine, want, err)
		}
		w.must("stop", name)
	}
}

func TestLXCPathOfTheSystem(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	// As Gentoo has it: no conf.d file, the container in LXC's own directory.
	w.write("etc/lxc/lxc.conf", "lxc.lxcpath = "+c.LXCPath+"\n")
	name := "lxc." + c.Name
	w.must("start", name)
	w.wants(name, guest.Running)
	if r := w.must("list"); !strings.Contains(r.out, name) {
		t.Errorf("list: %s", r)
	}
	w.must("stop", name)
	if st := w.run("status", "lxc.nobody"); st.code != guest.StateUnknown {
		t.Errorf("status of a container that is not there: %s", st)
	}
}

// TestLegacyConfiguration is refused by name, and works once migrated.
func TestLegacyConfiguration(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	text, err := os.ReadFile(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	old := string(text)
	for current, legacy := range map[string]string{"lxc.uts.name": "lxc.utsname", "lxc.rootfs.path = dir:": "lxc.rootfs = ",
		"lxc.net.0.type": "lxc.network.type", "lxc.tty.max": "lxc.tty", "lxc.pty.max": "lxc.pts"} {
		old = strings.ReplaceAll(old, current, legacy)
	}
	if err := os.WriteFile(c.Config, []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	name := w.guest(c)
	r := w.run("start", name)
	if r.code != guest.StatusNotConfigured || !strings.Contains(r.err, "lxc.uts.name") || !strings.Contains(r.err, "guestrc migrate "+name) {
		t.Errorf("start: %s", r)
	}
	if diff := w.must("migrate", name, "--diff"); !strings.Contains(diff.out, "+lxc.uts.name") {
		t.Errorf("diff: %s", diff)
	}
	if now, _ := os.ReadFile(c.Config); string(now) != old {
		t.Error("--diff changed the file")
	}
	w.must("migrate", name, "--write")
	if backup, _ := os.ReadFile(c.Config + ".backup"); string(backup) != old {
		t.Error("no backup of the old file")
	}
	if again := w.must("migrate", name, "--write"); !strings.Contains(again.out, "nothing to migrate") {
		t.Errorf("second run: %s", again)
	}
	w.must("start", name)
	w.must("stop", name)
	w.stoppedBy(name, "halt", false)
}

// TestStartTellsWhatIsWrong before anything was started.
func TestStartTellsWhatIsWrong(t *testing.T) {
	c := rootfs.Make(t, rootfs.Handler)
	text, err := os.ReadFile(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]struct{ add, says string }{
		"no rootfs":         {"lxc.rootfs.path = dir:/nowhere", "cannot use the rootfs /nowhere"},
		"no init":           {"lxc.init.cmd = /sbin/none", "/sbin/none"},
		"no bridge":         {"lxc.net.1.type = veth\nlxc.net.1.link = br-none", "there is no bridge br-none"},
		"target outside":    {"lxc.mount.entry = /tmp /srv/outside none bind 0 0", "/srv/outside lies outside the rootfs"},
		"target above":      {"lxc.mount.entry = /tmp ../outside none bind 0 0", "../outside lies outside the rootfs"},
		"no mount source":   {"lxc.mount.entry = /nowhere srv none bind 0 0", "cannot mount /nowhere"},
		"unknown key":       {"lxc.uts.nmae = x", "lxc.uts.nmae"},
		"no key":            {"lxc.uts.name", "config:"},
		"another host name": {"lxc.uts.name = other", "other"},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			path := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(path, append(text, change.add+"\n"...), 0o644); err != nil {
				t.Fatal(err)
			}
			name := w.guest(c, "CONFIGFILE="+path)
			r := w.run("start", name)
			if !strings.Contains(r.err, change.says) {
				t.Errorf("want %q in: %s", change.says, r)
			}
			if what == "another host name" {
				w.must("stop", name)
				return
			}
			if r.code == 0 {
				t.Errorf("it started: %s", r)
			}
			state := guest.Stopped
			if what == "no key" { // what cannot be understood could be anything
				state = guest.Unknown
			}
			w.wants(name, state)
			nothingLeft(t, c)
		})
	}
}

// TestInitThatDiesAtOnce is a failed start, at whatever moment it is seen.
func TestInitThatDiesAtOnce(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox, rootfs.File("sbin/dies", "#!/bin/sh\nexit 3\n", 0o755), rootfs.Extra("lxc.init.cmd = /sbin/dies"))
	name := w.guest(c)
	for range 20 {
		r := w.run("start", name)
		if r.code != guest.StatusFailed || !strings.Contains(r.err, "its init ended") {
			t.Fatalf("start: %s", r)
		}
		w.wants(name, guest.Stopped)
		nothingLeft(t, c)
	}
}

// TestKillEndsEverything, forks and attached processes too.
func TestKillEndsEverything(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	name := w.guest(c)
	w.must("start", name)
	up(t, c)
	inside := exec.Command("lxc-attach", "-P", c.LXCPath, "-n", c.Name, "--", "/bin/sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1000 & wait; done")
	if err := inside.Start(); err != nil {
		t.Fatal(err)
	}
	if r := w.must("kill", name); r.took > 5*time.Second {
		t.Errorf("kill: %s", r)
	}
	inside.Wait()
	w.stoppedBy(name, "KILL", true)
	nothingLeft(t, c)
}

// TestStartWaitsForTheRealInit, not for the script that executes it.
func TestStartWaitsForTheRealInit(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Script)
	name := w.guest(c)
	w.must("start", name)
	if st := w.wants(name, guest.Running); st.Condition == nil || st.Condition.Init != "busybox" || st.ReadyAt.IsZero() {
		t.Errorf("right after the start: %+v, ready at %s", st.Condition, st.ReadyAt)
	}
	w.must("stop", name)
	w.stoppedBy(name, "halt", false)
}

// TestAFailedStartHurtsNobodyElse: not the guests that the same command
// started, and not what it had as children before.
func TestAFailedStartHurtsNobodyElse(t *testing.T) {
	w := newWorld(t)
	good := rootfs.Make(t, rootfs.Handler)
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nsleep 0.2\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	bad := rootfs.Make(t, rootfs.Handler, rootfs.Extra("lxc.hook.pre-start = "+hook))
	first, second := w.guest(good), w.guest(bad)
	shell := w.command()
	shell.Path, shell.Args = "/bin/sh", []string{"sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!; exec " + program + " --root " + w.root + " start " + first + " " + second}
	var out strings.Builder
	shell.Stdout = &out
	if err := shell.Run(); err == nil {
		t.Error("a start whose hook fails succeeds")
	}
	w.wants(first, guest.Running)
	w.wants(second, guest.Stopped)
	line, _, _ := strings.Cut(out.String(), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	sleeper, err := pidfile.Capture(pid)
	if err != nil {
		t.Fatalf("a process that guestrc did not start was ended: %v", err)
	}
	defer sleeper.Close()
	if err := sleeper.Signal(unix.SIGKILL); err != nil {
		t.Error(err)
	}
	w.must("stop", first)
	nothingLeft(t, good)
	nothingLeft(t, bad)
}

// TestStartAfterAnInterruptedStop waits for the end that was asked for.
func TestStartAfterAnInterruptedStop(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	name := w.guest(c)
	w.must("start", name)
	up(t, c)
	stop := w.command("stop", name)
	if err := stop.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { stop.Process.Kill() }) // busybox takes two seconds
	stop.Wait()
	if st := w.wants(name, guest.Running); !strings.Contains(st.Message, "stop") {
		t.Errorf("status: %+v", st)
	}
	before := w.status(name).PID
	w.must("start", name)
	up(t, c)
	if after := w.wants(name, guest.Running); after.PID == before || after.Message != "" {
		t.Errorf("after the start: %+v, was pid %d", after, before)
	}
	w.must("stop", name)
}

// TestKillWhileAHookHangs: the monitor serves nobody before its hooks are
// through, and can be ended all the same.
func TestKillWhileAHookHangs(t *testing.T) {
	w := newWorld(t)
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nexec sleep 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := rootfs.Make(t, rootfs.Handler, rootfs.Extra("lxc.hook.start-host = "+hook))
	name := w.guest(c)
	start := w.command("start", name)
	if err := start.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for st := w.status(name); st.State != guest.Starting; st = w.status(name) {
		if time.Now().After(deadline) {
			t.Fatalf("it is %s", st.State)
		}
	}
	if r := w.must("kill", name); r.took > 15*time.Second {
		t.Errorf("kill: %s", r)
	}
	start.Wait()
	if start.ProcessState.ExitCode() == 0 {
		t.Error("the start that was killed says success")
	}
	w.wants(name, guest.Stopped)
	nothingLeft(t, c)
}
