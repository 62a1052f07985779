package containers

import (
	"bytes"
	"errors"
	"math/rand/v2"
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

// foreground is a "guestrc run".
type foreground struct {
	cmd  *exec.Cmd
	said chan string // its lines
	text strings.Builder
}

func (w *world) foreground(args ...string) *foreground {
	w.t.Helper()
	f := &foreground{cmd: w.command(append([]string{"run"}, args...)...), said: make(chan string, 100)}
	r, out, err := os.Pipe()
	if err != nil {
		w.t.Fatal(err)
	}
	f.cmd.Stdout, f.cmd.Stderr = out, out
	if err := errors.Join(f.cmd.Start(), out.Close()); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		defer r.Close()
		defer close(f.said)
		var line []byte
		for one := make([]byte, 1); ; {
			if _, err := r.Read(one); err != nil {
				return
			}
			if line = append(line, one[0]); one[0] == '\n' {
				f.said <- string(line)
				line = nil
			}
		}
	}()
	return f
}

// until waits for a line with these words, or for the end.
func (f *foreground) until(words string) bool {
	for line := range f.said {
		f.text.WriteString(line)
		if strings.Contains(line, words) {
			return true
		}
	}
	return false
}

// ends gives the exit status once it has ended, -1 for one that was killed.
func (f *foreground) ends() int {
	f.until("\x00")
	_ = f.cmd.Wait()
	return f.cmd.ProcessState.ExitCode()
}

// traceless waits until the guards of runs have ended, and wants nothing left.
func (w *world) traceless(c *rootfs.Container) {
	w.t.Helper()
	lists, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, list := range lists {
		args, _ := os.ReadFile(list) // it may have ended
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(list)))
		if !bytes.HasPrefix(args, []byte("guestrc\x00--root\x00"+w.root+"\x00__guard\x00")) {
			continue
		}
		p, err := pidfile.Capture(pid)
		if err != nil {
			continue
		}
		ended := make(chan error, 1)
		go func() { ended <- p.Wait(w.t.Context()) }()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			w.t.Errorf("the guard %d does not end", pid)
		}
		p.Close()
	}
	nothingLeft(w.t, c)
	for _, pattern := range []string{filepath.Join(w.root, "run/guestrc-run/*"), filepath.Join(w.root, "tmp/*")} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			w.t.Errorf("left behind: %v %v", left, err)
		}
	}
}

func TestRunEndsInOrder(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Sysvinit)
	name := w.guest(c)
	f := w.foreground(name)
	if !f.until(" is up after ") {
		t.Fatal(f.text.String())
	}
	for _, args := range [][]string{{"start", name}, {"run", name}} {
		if r := w.run(args...); r.code != guest.StatusRefused {
			t.Errorf("%v of a container that is run: %s", args, r)
		}
	}
	if err := f.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := f.ends(); code != 0 || !strings.Contains(f.text.String(), "by halt") {
		t.Errorf("exit %d\n%s", code, f.text.String())
	}
	w.traceless(c)
	if clean, err := c.Clean(); err != nil || !clean {
		t.Errorf("it was not shut down in order: %v", err)
	}
}

// A service of that name is not run a second time, nor taken over.
func TestRunRefusesAService(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	name := w.guest(c)
	w.must("start", name)
	if r := w.run("run", name); r.code != guest.StatusRefused || !strings.Contains(r.err, "it is running already") {
		t.Errorf("%s", r)
	}
	w.wants(name, guest.Running)
	w.must("stop", name)
	w.traceless(c)
}

// Where LXC's monitor dies, the container is left without it, and goes too.
func TestRunOfAContainerThatCrashes(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Sysvinit)
	f := w.foreground(w.guest(c))
	if !f.until(" is up after ") {
		t.Fatal(f.text.String())
	}
	monitor, err := c.Monitor()
	if err != nil {
		t.Fatal(err)
	}
	defer monitor.Close()
	if err := monitor.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := f.ends(); code != guest.StatusFailed || !strings.Contains(f.text.String(), " crashed: its process died") {
		t.Errorf("exit %d\n%s", code, f.text.String())
	}
	w.traceless(c)
}

// What an ephemeral container writes is gone with it.
func TestEphemeral(t *testing.T) {
	w := newWorld(t)
	if err := os.Mkdir(filepath.Join(w.root, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.env = []string{"TMPDIR=" + filepath.Join(w.root, "tmp")}
	c := rootfs.Make(t, rootfs.Sysvinit, rootfs.File("etc/guest/up", "#!/bin/sh\necho new > /etc/written; rm /etc/guest/up; cat /etc/written > /marks/saw\n", 0o755))
	name := w.guest(c)
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		f := w.foreground("--ephemeral", name)
		if !f.until(" is up after ") {
			t.Fatal(f.text.String())
		}
		if err := f.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		f.ends()
		w.traceless(c)
		if saw, err := os.ReadFile(filepath.Join(filepath.Dir(c.LXCPath), "marks", "saw")); err != nil || string(saw) != "new\n" {
			t.Errorf("the container did not write: %v", err)
		}
		if _, err := os.Stat(filepath.Join(c.Rootfs, "etc/written")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("what it wrote is there: %v", err)
		}
		if _, err := os.Stat(filepath.Join(c.Rootfs, "etc/guest/up")); err != nil {
			t.Error(err)
		}
	}
	mapped := rootfs.Make(t, rootfs.Handler, rootfs.IDMapped())
	other := rootfs.Make(t, rootfs.Handler, rootfs.Overlay())
	for c, words := range map[*rootfs.Container]string{mapped: "it has lxc.idmap", other: "its rootfs is overlay"} {
		if r := w.run("run", "--ephemeral", w.guest(c)); r.code != guest.StatusNotConfigured || !strings.Contains(r.err, words) {
			t.Errorf("%s", r)
		}
		w.traceless(c)
	}
}

// Whenever it is killed, the container ends with it.
func TestNothingIsLeftOfARunThatIsKilled(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	name := w.guest(c)
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 30 {
		f := w.foreground(name)
		if round%3 == 1 && f.until(" is up after ") {
			if err := f.cmd.Process.Signal(unix.SIGTERM); err != nil {
				t.Fatal(err)
			}
		} else if round%3 == 2 {
			f.until("Starting")
		}
		delay := time.Duration(random.IntN(80)) * time.Millisecond
		select {
		case <-t.Context().Done():
		case <-time.After(delay):
		}
		_ = f.cmd.Process.Kill() // unless it has ended
		f.ends()
		w.traceless(c)
		if t.Failed() {
			t.Fatalf("round %d, %v\n%s", round, delay, f.text.String())
		}
	}
}

// A container that is not far enough to be asked is ended too: LXC's own
// processes know of no caller.
func TestNothingIsLeftOfARunThatIsKilledEarly(t *testing.T) {
	for _, hook := range []string{"pre-start", "start-host"} {
		w := newWorld(t)
		c := rootfs.Make(t, rootfs.Handler, rootfs.Extra("lxc.hook."+hook+" = "+filepath.Join(w.root, "hook")))
		reached := filepath.Join(w.root, "reached")
		if err := unix.Mkfifo(reached, 0o600); err != nil {
			t.Fatal(err)
		}
		w.write("hook", "#!/bin/sh\necho > "+reached+"\nexec sleep 300\n")
		if err := os.Chmod(filepath.Join(w.root, "hook"), 0o755); err != nil {
			t.Fatal(err)
		}
		f := w.foreground(w.guest(c, `stop_schedule="halt/1/KILL/5"`))
		if _, err := os.ReadFile(reached); err != nil {
			t.Fatal(err)
		}
		if err := f.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		f.ends()
		w.traceless(c)
		if t.Failed() {
			t.Fatal(hook, f.text.String())
		}
	}
}
