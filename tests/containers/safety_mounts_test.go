package containers

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// chamber is a mount namespace of its own for guestrc, and so for LXC.
type chamber struct {
	*world
	holder int // a process in it
}

// newChamber runs a shell script in a new mount namespace, and keeps that.
func newChamber(t *testing.T, w *world, script string, args ...string) *chamber {
	t.Helper()
	cmd := exec.Command("unshare", append([]string{"--mount", "--propagation", "private", "sh", "-euc", script + "\necho ready\nexec sleep 1000", "sh"}, args...)...)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = in, &said
	cmd.WaitDelay = time.Second
	holder := lab.Start(t, cmd)
	in.Close()
	if err := out.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		holder.Kill()
		t.Fatalf("cannot prepare a mount namespace: %v: %s%s", err, line, said.String())
	}
	return &chamber{w, holder.Pid()}
}

// path is a path of the chamber, seen from outside.
func (c *chamber) path(name string) string {
	return filepath.Join("/proc", fmt.Sprint(c.holder), "root", name)
}

// run runs guestrc in the chamber.
func (c *chamber) run(args ...string) result {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	argv := append([]string{"--mount=" + filepath.Join("/proc", fmt.Sprint(c.holder), "ns/mnt"), "--", program, "--root", c.root}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", argv...)
	cmd.Env = append(os.Environ(), c.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	cmd.Run() // the exit status is what is looked at
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String(), time.Since(began)}
}

func (c *chamber) must(args ...string) result {
	c.t.Helper()
	r := c.run(args...)
	if r.code != 0 {
		c.t.Fatalf("guestrc %s: %s", strings.Join(args, " "), r)
	}
	return r
}

// hostRun makes a directory with what the host's init has in /run, and a
// chamber where it is /run.
func hostRun(t *testing.T, w *world) (c *chamber, dir string, host *ear) {
	t.Helper()
	dir, err := os.MkdirTemp("", "grh") // short: sockets' paths have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	host = newEar(t)
	host.fifo(filepath.Join(dir, "initctl"))
	host.fifo(filepath.Join(dir, "openrc/init.ctl"))
	host.stream(filepath.Join(dir, "systemd/private"))
	return newChamber(t, w, `mount --bind "$1" /run`, dir), dir, host
}

const everyRung = "stop_schedule=exec/5/halt/20/KILL/5"

func TestTheHostsRunInsideNeverReachesTheHostsInit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ch, dir, host := hostRun(t, w)
	c := rootfs.Make(t, rootfs.Busybox, rootfs.HostRun(dir))
	name := w.guest(c, everyRung)
	ch.must("start", name)
	up(t, c)
	refuses(t, ch.run("exec", name, "true"), "/run is visible")
	// It can be reached from in there, by whoever insists.
	ch.must("exec", "--force", name, "/bin/sh", "-c", "echo hello > /run/initctl")
	host.hearsNow()
	t.Log(ch.must("stop", name))
	w.stoppedBy(name, "halt", false)
	w.noExec(name, "/run is visible")
	nothingLeft(t, c)
	host.heardNothing()
}

// TestTheHostsFifoIsNotWritten: the FIFO that this init reads is the host's.
func TestTheHostsFifoIsNotWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ch, dir, host := hostRun(t, w)
	c := rootfs.Make(t, rootfs.Sysvinit, rootfs.HostRun(dir))
	name := w.guest(c, everyRung, "ready_timeout=2")
	ch.must("start", name)
	up(t, c)
	stop := ch.must("stop", name)
	t.Log(stop)
	w.stoppedBy(name, "KILL", true)
	w.noExec(name, "/run is visible")
	if o := w.rung(name, "halt"); o.Result == shutdown.Ignored || o.Error == "" || stop.took > 15*time.Second {
		t.Errorf("rung halt: %+v, want it to say at once why it cannot", o)
	}
	if clean, err := c.Clean(); err != nil || clean {
		t.Errorf("init was asked, through the FIFO that the host's init reads: %v", err)
	}
	if r := ch.run("reboot", name); r.code == 0 {
		t.Errorf("reboot of a stopped container: %s", r)
	}
	ch.must("start", name)
	if r := ch.run("reboot", name); r.code == 0 || r.took > 10*time.Second {
		t.Errorf("a reboot goes through the same FIFO: %s", r)
	}
	ch.must("kill", name)
	nothingLeft(t, c)
	host.heardNothing()
}

// TestOneControlFileOfTheHostIsEnough: at its usual place, or at another's.
func TestOneControlFileOfTheHostIsEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ch, dir, host := hostRun(t, w)
	for _, entry := range []struct{ what, where string }{
		{"initctl", "run/initctl"},
		{"initctl", "dev/initctl"},
		{"systemd/private", "run/systemd/private"},
		{"systemd/private", "run/initctl"},
		{"systemd/private", "run/dbus/system_bus_socket"},
		{"openrc/init.ctl", "run/openrc/init.ctl"},
		{"openrc/init.ctl", "run/finit/socket"},
	} {
		t.Run(entry.what+" as "+entry.where, func(t *testing.T) {
			w := &world{t: t, root: w.root}
			ch := &chamber{w, ch.holder}
			c := rootfs.Make(t, rootfs.Script, rootfs.Extra("lxc.mount.entry = "+filepath.Join(dir, entry.what)+" "+entry.where+" none bind,create=file 0 0"))
			name := w.guest(c, "stop_schedule=exec/5/KILL/5", "ready=running", "exec_command=/bin/true")
			ch.must("start", name)
			refuses(t, ch.run("exec", name, "true"), "is visible inside as /"+entry.where)
			ch.must("stop", name)
			w.stoppedBy(name, "KILL", true)
			w.noExec(name, "is visible inside as /"+entry.where)
			nothingLeft(t, c)
			host.heardNothing()
		})
	}
}

// ownDev replaces /dev by one with a FIFO initctl, as old sysvinit has it.
const ownDev = `mount -t tmpfs -o mode=755 tmpfs "$1"
for d in null zero full random urandom tty ptmx; do cp -a "/dev/$d" "$1"; done
mkdir "$1/pts" "$1/shm"; mount --bind /dev/pts "$1/pts"; ln -s /proc/self/fd "$1/fd"; mkfifo "$1/initctl"
mount --move "$1" /dev`

func TestTheHostsDevInsideNeverReachesTheHostsInit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ch := newChamber(t, w, ownDev, t.TempDir())
	host := newEar(t)
	host.listen(ch.path("dev/initctl"))
	c := rootfs.Make(t, rootfs.Busybox, rootfs.Extra("lxc.autodev = 0", "lxc.mount.entry = /dev dev none rbind 0 0"))
	name := w.guest(c, everyRung)
	ch.must("start", name)
	up(t, c)
	refuses(t, ch.run("exec", name, "true"), "/dev is visible")
	ch.must("exec", "--force", name, "/bin/sh", "-c", "echo hello > /dev/initctl")
	host.hearsNow()
	t.Log(ch.must("stop", name))
	w.stoppedBy(name, "halt", false)
	w.noExec(name, "/dev is visible")
	nothingLeft(t, c)
	host.heardNothing()
}

// TestKeptMountNamespaceIsRefused: LXC 5 makes the container's root that of the
// namespace that it was started in (pivot_root(2)), and so of everything there:
// the host would be gone.
func TestKeptMountNamespaceIsRefused(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"lxc.namespace.keep = mnt user time", "lxc.namespace.keep = user time mnt pid"} {
		t.Run(line, func(t *testing.T) {
			w := newWorld(t)
			ch := newChamber(t, w, "")
			c := rootfs.Make(t, rootfs.Handler, rootfs.Extra(line))
			name := w.guest(c)
			r := ch.run("start", name)
			if r.code != guest.StatusNotConfigured && r.code != guest.StatusRefused || !strings.Contains(r.err, "lxc.namespace.keep") && !strings.Contains(r.err, "mnt") {
				t.Errorf("start: %s", r)
			}
			if _, err := os.Stat(ch.path("marks")); err == nil {
				t.Error("the host's root was replaced by the container's")
			}
			nothingLeft(t, c)
		})
	}
}
