package containers

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// starting is a start that waits until the guest is ready.
type starting struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err bytes.Buffer
	ended    chan struct{}
}

// begin runs a start in the background.
func begin(t *testing.T, start *exec.Cmd) *starting {
	t.Helper()
	s := &starting{t: t, cmd: start, ended: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.err
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		s.cmd.Wait()
	}()
	return s
}

// begin runs a start in the background, and returns once the guest runs.
func (w *world) begin(name string, c *rootfs.Container) *starting {
	w.t.Helper()
	s := begin(w.t, w.command("start", name))
	up(w.t, c)
	return s
}

// waits checks that it goes on, for as long as the guest could be mistaken.
func (s *starting) waits() {
	s.t.Helper()
	select {
	case <-s.ended:
		s.t.Fatalf("the start did not wait: %s", s.result())
	case <-time.After(700 * time.Millisecond):
	}
}

// ends gives the result, which must come soon.
func (s *starting) ends() result {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		s.cmd.Process.Kill()
		<-s.ended
		s.t.Fatalf("the start waits on: %s", s.result())
	}
	return s.result()
}

func (s *starting) result() result {
	return result{code: s.cmd.ProcessState.ExitCode(), out: s.out.String(), err: s.err.String()}
}

// wantsReady checks a start that was complete, without a warning.
func (w *world) wantsReady(name string, r result) {
	w.t.Helper()
	if r.code != 0 || strings.Contains(r.err, "ready") {
		w.t.Fatalf("start: %s", r)
	}
	if st := w.status(name); st.ReadyAt.IsZero() {
		w.t.Errorf("it is not ready on record: %+v", st)
	}
}

// put makes a file in a running container's root.
func put(t *testing.T, c *rootfs.Container, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.Rootfs, name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// inittab has init run commands, each in a shell, besides what it always does.
func inittab(commands ...string) rootfs.Option {
	lines := []string{"::once:/etc/guest/up", "::shutdown:/etc/guest/down"}
	var files strings.Builder
	for n, command := range commands {
		fmt.Fprintf(&files, "\nif [ $1 = %d ]; then\n%s\nfi\n", n, command)
		lines = append(lines, fmt.Sprintf("::once:/bin/sh /etc/guest/more %d", n))
	}
	return rootfs.Options(rootfs.File("etc/inittab", strings.Join(lines, "\n")+"\n", 0o644), rootfs.File("etc/guest/more", files.String(), 0o644))
}

func TestReadyByCommand(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	name := w.guest(c, `ready="exec:/bin/sh -c 'test -e /go'"`)
	first := w.begin(name, c)
	first.waits()
	second := begin(t, w.command("start", name)) // of one that runs, and is not ready
	second.waits()
	if st := w.wants(name, guest.Running); !st.ReadyAt.IsZero() {
		t.Errorf("it is ready on record: %+v", st)
	}
	put(t, c, "go")
	w.wantsReady(name, first.ends())
	w.wantsReady(name, second.ends())
	w.must("stop", name)
	nothingLeft(t, c)
}

func TestStopWhileItGetsReady(t *testing.T) {
	for _, ready := range []string{"exec:/bin/false", "exec:/bin/sleep 1000", "tcp:7", "console:never", "openrc"} {
		t.Run(ready, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := rootfs.Make(t, rootfs.Busybox)
			name := w.guest(c, `ready="`+ready+`"`)
			s := w.begin(name, c)
			s.waits()
			w.must("stop", name)
			began := time.Now()
			if r := s.ends(); r.code != guest.StatusFailed || !strings.Contains(r.err, "ended before it was ready") || time.Since(began) > 3*time.Second {
				t.Errorf("the start whose guest was stopped: %s", r)
			}
			w.stoppedBy(name, "halt", false)
			nothingLeft(t, c)
		})
	}
}

// TestNotReadyInTime: the guest goes on, and of what asked it nothing does;
// what that said is not let loose on a terminal.
func TestNotReadyInTime(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	name := w.guest(c, `ready="exec:/bin/sh -c 'printf \"\\033]0;owned\\007\\n\"; sleep 54321 & sleep 54321'"`, "ready_timeout=2")
	r := w.must("start", name)
	if !strings.Contains(r.err, "not ready in time") || !strings.Contains(r.err, "took too long") && !strings.Contains(r.err, "]0;owned") || strings.Contains(r.out+r.err, "\x1b") {
		t.Errorf("start: %q", r.err)
	}
	if r.took > 15*time.Second {
		t.Errorf("it took %s", r.took)
	}
	noneInside(t, w, name, "sleep 54321")
	w.wants(name, guest.Running)
	again := begin(t, w.command("start", name))
	again.waits()
	again.cmd.Process.Signal(unix.SIGINT) // Ctrl-C
	if r := again.ends(); r.code == 0 {
		t.Errorf("an interrupted start: %s", r)
	}
	noneInside(t, w, name, "sleep 54321")
	w.wants(name, guest.Running)
	w.must("stop", name)
	nothingLeft(t, c)
}

func noneInside(t *testing.T, w *world, name, command string) {
	t.Helper()
	if r := w.must("exec", name, "/bin/ps"); strings.Contains(r.out, command) {
		t.Errorf("%q runs on:\n%s", command, r.out)
	}
}

// TestReadyTellsOfTheContainer refuses what would have the host answer.
func TestReadyTellsOfTheContainer(t *testing.T) {
	for name, c := range map[string]struct {
		option rootfs.Option
		ready  string
		want   string
	}{
		"files":     {rootfs.Extra("lxc.namespace.keep = mnt user time"), "exec:/bin/true", "host's files"},
		"processes": {rootfs.NoPidNS(), "exec:/bin/true", "host's processes"},
		"systemd":   {rootfs.NoPidNS(), "systemd", "host's processes"},
		"network":   {rootfs.SharedNet(), "tcp:22", "needs ready_address"},
		"console":   {rootfs.Extra("lxc.console.path = none"), "console:login", "no console"},
		"command":   {rootfs.Extra(), "exec: ''", "wants a command"},
		"quotes":    {rootfs.Extra(), "exec:'", "quote"},
		"port":      {rootfs.Extra(), "tcp:99999", "not a TCP port"},
		"pattern":   {rootfs.Extra(), "console:(", "missing closing"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ctr := rootfs.Make(t, rootfs.Handler, c.option)
			name := w.guest(ctr, `ready="`+c.ready+`"`)
			if r := w.run("start", name); r.code != guest.StatusNotConfigured || !strings.Contains(r.err, c.want) || !strings.Contains(r.err, name+":3:") {
				t.Errorf("start: %s", r)
			}
			nothingLeft(t, ctr)
		})
	}
}

func TestReadyByPort(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	t.Run("loopback", func(t *testing.T) {
		w := newWorld(t)
		c := rootfs.Make(t, rootfs.Busybox, inittab("until test -e /go; do sleep 0.1; done; ip link set lo up; httpd -p 7070 -h /etc"))
		name := w.guest(c, "ready=tcp:7070")
		s := w.begin(name, c)
		s.waits()
		put(t, c, "go")
		w.wantsReady(name, s.ends())
		w.must("stop", name)
		nothingLeft(t, c)
	})
	host(t, "ip", "link", "add", "br-ready", "type", "bridge")
	host(t, "ip", "address", "add", "10.9.0.1/24", "dev", "br-ready")
	host(t, "ip", "link", "set", "br-ready", "up")
	// LXC looks in sysfs whether there is such a bridge.
	ch := newChamber(t, newWorld(t), `mount -t sysfs sysfs /mnt; mount --bind /mnt/class /sys/class; mount --bind /mnt/devices /sys/devices; umount /mnt`)
	const (
		wait     = "until test -e /go; do sleep 0.1; done\n"
		loopback = "httpd -p 127.0.0.1:7070 -h /etc\n" // others cannot reach it
	)
	for test, c := range map[string]struct {
		serve, address string
		lines          []string
	}{
		"address":        {loopback + wait + "httpd -p 10.9.0.2:7070 -h /etc", "10.9.0.2/24", []string{"ready=tcp:7070"}},
		"from outside":   {loopback + wait + "httpd -p 10.9.0.2:7070 -h /etc", "10.9.0.2/24", []string{"ready=tcp:7070", "ready_address=10.9.0.2"}},
		"no address yet": {"httpd -p 7070 -h /etc\n" + wait + "ip addr add 10.9.0.3/24 dev eth0", "", []string{"ready=tcp:7070"}},
	} {
		t.Run(test, func(t *testing.T) {
			w := ch.world
			ctr := rootfs.Make(t, rootfs.Busybox, inittab(c.serve), rootfs.Net("br-ready", c.address))
			name := w.guest(ctr, c.lines...)
			s := begin(t, ch.command("start", name))
			up(t, ctr)
			s.waits()
			put(t, ctr, "go")
			w.wantsReady(name, s.ends())
			ch.must("stop", name)
			nothingLeft(t, ctr)
		})
	}
}

// command is guestrc in the chamber.
func (c *chamber) command(args ...string) *exec.Cmd {
	cmd := c.world.command(args...)
	cmd.Args = append([]string{"nsenter", "--mount=" + fmt.Sprintf("/proc/%d/ns/mnt", c.holder), "--"}, cmd.Args...)
	cmd.Path, cmd.Err = exec.LookPath("nsenter")
	return cmd
}

func TestReadyByConsole(t *testing.T) {
	const wait = "echo booting >/dev/console\nuntil test -e /go; do sleep 0.1; done\n"
	for name, c := range map[string]struct {
		says    string
		pattern string
		options []rootfs.Option
	}{
		"our file":   {"echo READY >/dev/console", "^READY$", []rootfs.Option{rootfs.Extra("lxc.console.logfile =")}},
		"their file": {"echo READY >/dev/console", "^READY$", nil},
		"id-mapped":  {"echo READY >/dev/console", "^READY$", []rootfs.Option{rootfs.Extra("lxc.console.logfile ="), rootfs.IDMapped()}},
		"a prompt":   {"printf 'login: ' >/dev/console", "login: $", []rootfs.Option{rootfs.Extra("lxc.console.logfile =")}},
		"emptied":    {"yes emptied | head -c 90000 >/dev/console\necho READY >/dev/console", "^READY$", []rootfs.Option{rootfs.Extra("lxc.console.size = 4096")}},
		"a flood": {"head -c 3000000 /dev/zero | tr '\\0' x >/dev/console\nhead -c 300000 /dev/urandom >/dev/console\nprintf '\\033\\\\\\nREADY\\n' >/dev/console",
			"^READY$", []rootfs.Option{rootfs.Extra("lxc.console.logfile =")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctr := rootfs.Make(t, rootfs.Busybox, append(c.options, inittab(wait+c.says))...)
			w.env = ctr.Env()
			name := w.guest(ctr, "ready='console:"+c.pattern+"'")
			for range 2 { // what an earlier run said does not count
				os.Remove(filepath.Join(ctr.Rootfs, "go"))
				s := w.begin(name, ctr)
				s.waits()
				put(t, ctr, "go")
				w.wantsReady(name, s.ends())
				var kept int64
				files, _ := filepath.Glob(filepath.Join(w.root, "run/guestrc", name, "console*"))
				for _, f := range files {
					if info, err := os.Stat(f); err == nil {
						kept += info.Size()
					}
				}
				if kept > 512<<10 {
					t.Errorf("%d bytes are kept in %v", kept, files)
				}
				w.must("stop", name)
				nothingLeft(t, ctr)
			}
		})
	}
}

// TestConsoleOfTheFirstMoment: what init's first program says is heard.
func TestConsoleOfTheFirstMoment(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Script, rootfs.Extra("lxc.console.logfile ="),
		rootfs.File("usr/sbin/init", "#!/bin/sh\necho first >/dev/console\nexec /bin/busybox init\n", 0o755))
	name := w.guest(c, "ready='console:^first$'")
	w.wantsReady(name, w.must("start", name))
	w.must("stop", name)

	c.Start(t) // by hand: nobody listened
	if r := w.must("start", name); !strings.Contains(r.err, "not heard from the beginning") {
		t.Errorf("start: %s", r)
	}
	w.must("stop", name)
	nothingLeft(t, c)
}

func TestReadyBySystemd(t *testing.T) {
	const boots = "[Unit]\nAfter=guest.service\n%s\n[Service]\nType=oneshot\nExecStart=/etc/guest/up\nExecStart=/bin/sh -c 'until test -e /go; do sleep 0.1; done'\n"
	unit := func(more string) rootfs.Option {
		return rootfs.File("etc/systemd/system/guest-up.service", fmt.Sprintf(boots, more), 0o644)
	}
	t.Run("running", func(t *testing.T) {
		w := newWorld(t)
		c := rootfs.Make(t, rootfs.Systemd, unit(""))
		name := w.guest(c, "ready=systemd")
		s := w.begin(name, c)
		s.waits()
		put(t, c, "go")
		w.wantsReady(name, s.ends())
		w.must("stop", name)
		nothingLeft(t, c)
	})
	t.Run("degraded", func(t *testing.T) {
		w := newWorld(t)
		c := rootfs.Make(t, rootfs.Systemd, unit("Wants=bad.service\n"), rootfs.File("go", "", 0o644),
			rootfs.File("etc/systemd/system/bad.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n", 0o644))
		name := w.guest(c, "ready=systemd")
		if r := w.must("start", name); !strings.Contains(r.err, "degraded") || strings.Contains(r.err, "in time") {
			t.Errorf("start: %s", r)
		}
		if w.status(name).ReadyAt.IsZero() {
			t.Error("it is not ready on record")
		}
		w.must("stop", name)
	})
	t.Run("another init", func(t *testing.T) {
		w := newWorld(t)
		name := w.guest(rootfs.Make(t, rootfs.Busybox), "ready=systemd")
		if r := w.must("start", name); !strings.Contains(r.err, "its init is busybox") || r.took > 20*time.Second {
			t.Errorf("start: %s", r)
		}
		w.must("stop", name)
	})
}

func TestReadyByOpenRC(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.OpenRC, rootfs.File("etc/init.d/guest", `#!/sbin/openrc-run
depend() { after "*"; }
start() {
	/etc/guest/up
	until test -e /go; do sleep 0.1; done
}
stop() { /etc/guest/down; }
`, 0o755))
	name := w.guest(c, "ready=openrc")
	s := w.begin(name, c)
	s.waits()
	put(t, c, "go")
	w.wantsReady(name, s.ends())
	w.must("stop", name)
	w.stoppedBy(name, "halt", false)
	nothingLeft(t, c)
}

// TestReadyAfterAReboot: the next run of a container that reboots as it boots
// is the one that gets ready.
func TestReadyAfterAReboot(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox, inittab("if test -e /once; then touch /go; else touch /once; /sbin/reboot; fi"))
	name := w.guest(c, `ready="exec:test -e /go"`)
	w.wantsReady(name, w.must("start", name))
	w.must("stop", name)
	nothingLeft(t, c)
}
