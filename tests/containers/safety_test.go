package containers

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// ear is a decoy for the host's init: it listens where that would, and must
// hear nothing.
type ear struct {
	t      *testing.T
	mu     sync.Mutex
	noises []string
	made   chan struct{} // has room for one: there is a new noise
}

func newEar(t *testing.T) *ear { return &ear{t: t, made: make(chan struct{}, 1)} }

func (e *ear) hears(where, what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.noises = append(e.noises, where+": "+what)
	select {
	case e.made <- struct{}{}:
	default:
	}
}

// fifo makes one, and reads it.
func (e *ear) fifo(path string) {
	e.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		e.t.Fatal(err)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		e.t.Fatal(err)
	}
	e.listen(path)
}

// listen reads a FIFO that is there.
func (e *ear) listen(path string) {
	e.t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { f.Close() })
	go e.read(path, f)
}

func (e *ear) read(where string, r io.Reader) {
	buf := make([]byte, 1024)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			e.hears(where, string(buf[:n]))
		}
		if err != nil {
			return
		}
	}
}

// stream listens on a Unix socket; "@" begins an abstract name.
func (e *ear) stream(name string) {
	e.t.Helper()
	if name[0] != '@' {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			e.t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", name)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			e.hears(name, "a connection")
			go e.read(name, c)
		}
	}()
}

func (e *ear) datagram(name string) {
	e.t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { c.Close() })
	go e.read(name, c)
}

// heardNothing so far.
func (e *ear) heardNothing() {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.noises) > 0 {
		e.t.Errorf("the host's init was talked to: %q", e.noises)
	}
}

// hearsNow wants a noise that was made on purpose, and forgets it: ears that
// hear nothing prove nothing.
func (e *ear) hearsNow() {
	e.t.Helper()
	select {
	case <-e.made:
	case <-time.After(10 * time.Second):
		e.t.Fatal("the decoy is deaf")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.noises = nil
}

// rung is what a rung came to in the guest's last stop.
func (w *world) rung(name, verb string) shutdown.Outcome {
	w.t.Helper()
	st := w.status(name)
	if st.LastStop != nil {
		for _, o := range st.LastStop.Stop.Rungs {
			if o.Verb == verb {
				return o
			}
		}
	}
	w.t.Fatalf("%s: no rung %s in the last stop: %+v", name, verb, st.LastStop)
	return shutdown.Outcome{}
}

// noExec wants the rung exec absent, and says why.
func (w *world) noExec(name, why string) {
	w.t.Helper()
	if o := w.rung(name, "exec"); o.Result != shutdown.Absent || !strings.Contains(o.Error, why) {
		w.t.Errorf("rung exec: %+v, want it absent because of %q", o, why)
	}
}

// refuses wants a verb refused, for a reason, with a hint.
func refuses(t *testing.T, r result, why string) {
	t.Helper()
	if r.code != guest.StatusRefused || !strings.Contains(r.err, why) || !strings.Contains(r.err, "hint:") {
		t.Errorf("want it refused because of %q, with a hint: %s", why, r)
	}
}

// TestSharedNetworkNeverReachesTheHostsInit: abstract sockets belong to the
// network namespace, which the container shares.
func TestSharedNetworkNeverReachesTheHostsInit(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	host := newEar(t)
	host.stream("@/com/ubuntu/upstart")
	host.stream("@/org/freedesktop/systemd1/private")
	host.datagram("@/org/freedesktop/systemd1/notify")
	for _, root := range []rootfs.Init{rootfs.Busybox, rootfs.Systemd, rootfs.Sysvinit} {
		t.Run(string(root), func(t *testing.T) {
			w := newWorld(t)
			c := rootfs.Make(t, root, rootfs.SharedNet())
			name := w.guest(c, "stop_schedule=exec/5/halt/20/KILL/5")
			if r := w.must("start", name); !strings.Contains(r.err, "net namespace") {
				t.Errorf("no warning: %s", r)
			}
			up(t, c)
			refuses(t, w.run("exec", name, "true"), "net namespace")
			if r := w.run("exec", "--force", name, "/bin/true"); r.code != 0 {
				t.Errorf("exec --force: %s", r)
			}
			t.Log(w.must("stop", name))
			w.stoppedBy(name, "halt", false)
			w.noExec(name, "net namespace")
			if clean, err := c.Clean(); err != nil || !clean {
				t.Errorf("orderly: %v %v", clean, err)
			}
			nothingLeft(t, c)
			host.heardNothing()
		})
	}
	c, err := net.Dial("unix", "@/com/ubuntu/upstart")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	host.hearsNow()
}

// twin runs the program of a container on the host, from the same file and with
// the same arguments. It lives until it gets any signal at all, as far as it
// handles one or dies of one.
func twin(t *testing.T, c *rootfs.Container, path string) *lab.Process {
	t.Helper()
	cmd := &exec.Cmd{Path: filepath.Join(c.Rootfs, path), Args: []string{path}}
	return lab.Start(t, cmd)
}

func TestWithoutAPidNamespaceOnlyTheContainerEnds(t *testing.T) {
	for _, i := range []struct {
		root   rootfs.Init
		path   string
		rung   string
		forced bool
	}{{rootfs.Handler, "/usr/bin/handler", "halt", false}, {rootfs.Stubborn, "/usr/bin/stubborn", "KILL", true}} {
		t.Run(string(i.root), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := rootfs.Make(t, i.root, rootfs.NoPidNS())
			// A command, so that exec would have something to run.
			name := w.guest(c, "stop_schedule=exec/5/halt/3/KILL/5", "exec_command=/bin/true")
			decoy := twin(t, c, i.path)
			w.must("start", name)
			up(t, c)
			refuses(t, w.run("exec", name, "true"), "pid namespace")
			t.Log(w.must("stop", name))
			w.stoppedBy(name, i.rung, i.forced)
			w.noExec(name, "pid namespace")
			nothingLeft(t, c)
			w.must("start", name)
			up(t, c)
			w.must("kill", name)
			nothingLeft(t, c)
			select {
			case <-decoy.Done():
				t.Errorf("the decoy was ended: %v", decoy.Wait(t.Context()))
			default:
			}
		})
	}
}

// TestWithoutAPidNamespaceNothingStaysBehind: here the end of init takes nobody
// along.
func TestWithoutAPidNamespaceNothingStaysBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const forks = "#!/bin/sh\nsleep 1000 & sleep 1000 &\ntrap 'exit 0' TERM\necho up here > /marks/up\nwait\n"
	c := rootfs.Make(t, rootfs.Handler, rootfs.NoPidNS(), rootfs.File("usr/bin/forks", forks, 0o755), rootfs.Extra("lxc.init.cmd = /usr/bin/forks"))
	name := w.guest(c)
	for _, verb := range []string{"stop", "kill", "start"} {
		w.must("start", name)
		up(t, c)
		before, err := c.Left()
		if err != nil || len(before) < 3 {
			t.Fatalf("what runs: %q %v", before, err)
		}
		if verb == "start" { // clears up after a crash
			crash(t, c)
		}
		w.must(verb, name)
		if verb == "start" {
			up(t, c)
			after, err := c.Left()
			for _, what := range after {
				if strings.HasPrefix(what, "process") && slices.Contains(before, what) || err != nil {
					t.Errorf("%s is of the run before (%v)", what, err)
				}
			}
			w.must("stop", name)
		}
		if left, err := c.Left(); err != nil || len(left) > 0 {
			t.Errorf("after %s: %q %v", verb, left, err)
		}
	}
}
