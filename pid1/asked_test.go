package pid1

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/rootfs"
)

func TestNothingIsWrittenToTheHostsInitctl(t *testing.T) {
	need.Root(t)
	// A decoy: it stands for the FIFO that the host's init reads.
	decoy := filepath.Join(t.TempDir(), "initctl")
	if err := unix.Mkfifo(decoy, 0o600); err != nil {
		t.Fatal(err)
	}
	host, err := os.OpenFile(decoy, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	c := rootfs.Make(t, rootfs.Sysvinit, rootfs.Extra("lxc.mount.entry = "+decoy+" run/initctl none bind,create=file 0 0"))
	c.Start(t)
	p := first(t, c)
	o := Options{foreign: []string{decoy}}
	for _, ask := range []func() error{
		func() error { return Halt(within60(t), p, o, func(string) {}) },
		func() error { return Reboot(within60(t), p, o, func(string) {}) },
		func() error { return Await(within60(t), p, o) },
	} {
		if err := ask(); !errors.Is(err, errHostInitctl) {
			t.Errorf("got %v, want a refusal", err)
		}
	}
	if left, err := unix.IoctlGetInt(int(host.Fd()), unix.TIOCINQ); err != nil || left != 0 {
		t.Errorf("%d bytes were written, %v", left, err)
	}
	if p.Ended() {
		t.Fatal("PID 1 ended")
	}
	var n notes // the same FIFO is the container's own when it is not the host's
	if err := Halt(within60(t), p, Options{}, n.add); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, c, p, n)
}

func TestInitctlOpenInTheHostsInit(t *testing.T) {
	need.Root(t)
	links, err := filepath.Glob("/proc/1/fd/*")
	if err != nil || len(links) == 0 {
		t.Fatalf("PID 1 has no open files: %v", err)
	}
	var st unix.Stat_t
	for _, link := range links {
		if unix.Stat(link, &st) == nil && !hostReads(&st, nil) {
			t.Errorf("%s is open in PID 1 and was not seen", link)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := unix.Fstat(int(r.Fd()), &st); err != nil || hostReads(&st, nil) {
		t.Errorf("a pipe of our own is taken for the host's: %v", err)
	}
}

func TestIDMappedInitsAreAsked(t *testing.T) {
	for _, g := range []guest{{rootfs.Runit, Runit}, {rootfs.Sysvinit, Sysvinit}, {rootfs.Busybox, Busybox}} {
		t.Run(string(g.init), func(t *testing.T) {
			t.Parallel()
			c := rootfs.Make(t, g.init, rootfs.IDMapped())
			c.Start(t)
			p := first(t, c)
			if i, err := Look(p); err != nil || i.Kind != g.kind || i.status.uid == 0 {
				t.Fatalf("Look = %+v, %v", i, err)
			}
			var n notes
			if err := Halt(within60(t), p, Options{}, n.add); err != nil || len(n) != 0 {
				t.Fatalf("Halt: %v; notes %q", err, n)
			}
			mustEnd(t, c, p, n)
		})
	}
}

// A rootfs link makes runit's mark a file of the host's root that is mounted in.
func TestRunitsMarkIsNoFileThatTheContainerMayNotTouch(t *testing.T) {
	need.Root(t)
	dir, err := os.MkdirTemp("", "guestrc-pid1-") // t.TempDir is not open to the container's root
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	target := filepath.Join(dir, "precious")
	if err := errors.Join(os.WriteFile(target, nil, 0o600), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	c := rootfs.Make(t, rootfs.Runit, rootfs.IDMapped(),
		rootfs.Extra("lxc.mount.entry = "+target+" run/runit.reboot none bind,create=file 0 0"))
	c.Start(t)
	p := first(t, c)
	var n notes
	if err := Reboot(within60(t), p, Options{}, n.add); !errors.Is(err, unix.EPERM) {
		t.Errorf("Reboot = %v, want EPERM", err)
	}
	if info, err := os.Stat(target); err != nil || info.Mode() != 0o600 {
		t.Errorf("the host's file: %v, %v", info, err)
	}
	// This runit is Debian's and has another way.
	if err := Halt(within60(t), p, Options{}, n.add); err != nil || len(n) != 1 || !strings.Contains(n[0], "SIGPWR") {
		t.Errorf("Halt = %v; notes %q", err, n)
	}
	mustEnd(t, c, p, n)
}

func TestRunitOfADirectorySharedWithTheHostIsNotMarked(t *testing.T) {
	root, err := OpenRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := usualMark.shared(root); !errors.Is(err, errHostMark) {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestFilesAreMarkedThroughLinksInsideOnly(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "root"), filepath.Join(dir, "out")
	for _, d := range []string{in + "/etc", in + "/run", out} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{"void": "/run/stopit", "dots": "../../../run/dots", "escape": "../../out/new", "host": out + "/new", "loop": "loop"}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(in, "etc", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(in+"/etc/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot(in)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	fd := int(root.dir.Fd())
	for name, want := range map[string]error{
		"/etc/plain": nil, "/etc/void": nil, "/etc/dots": nil, "/etc/escape": unix.ENOENT, "/etc/host": unix.ENOENT,
		"/etc/loop": unix.ELOOP, "/etc/fifo": errNotRegular, "/etc": errNotRegular, "/no/such": unix.ENOENT, "/etc/../..": errNotRegular,
	} {
		for _, mode := range []uint32{0o100, 0} { // made at first, changed then
			if err := chmodIn(fd, name, mode, true); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
	if err := chmodIn(fd, "/etc/absent", 0, false); err != nil {
		t.Errorf("what is absent and should be: %v", err)
	}
	for _, name := range []string{"etc/plain", "run/stopit", "run/dots"} {
		if info, err := os.Stat(filepath.Join(in, name)); err != nil || info.Mode() != 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
		t.Errorf("outside: %v, %v", left, err)
	}
}

func TestProgramsOfOurPidNamespaceAreNoInits(t *testing.T) {
	for _, init := range []rootfs.Init{rootfs.Handler, rootfs.Tini} {
		t.Run(string(init), func(t *testing.T) {
			t.Parallel()
			c := rootfs.Make(t, init, rootfs.NoPidNS())
			c.Start(t)
			p := first(t, c)
			if i, err := Look(p); err != nil || i.Kind != Application || i.System() {
				t.Errorf("Look = %+v, %v", i, err)
			}
			var n notes
			if err := Halt(within60(t), p, Options{}, n.add); err != nil {
				t.Fatal(err)
			}
			mustEnd(t, c, p, n)
		})
	}
}

func TestTheHostsInitIsRefused(t *testing.T) {
	p, err := pidfile.Capture(1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if i, err := Look(p); err == nil && i.Kind != Application {
		t.Errorf("Look = %+v", i)
	}
	for _, sig := range []unix.Signal{0, unix.SIGCHLD} {
		var refused *pidfile.RefusedError
		if err := Halt(within60(t), p, Options{Signal: sig}, nil); !errors.As(err, &refused) {
			t.Errorf("Halt = %v, want a refusal", err)
		}
	}
}

func TestTheConfiguredSignalIsSent(t *testing.T) {
	c := rootfs.Make(t, rootfs.Busybox)
	c.Start(t)
	p := first(t, c)
	var n notes
	if err := Halt(within60(t), p, Options{Signal: unix.SIGPWR}, n.add); err != nil || len(n) != 0 {
		t.Fatalf("Halt: %v; notes %q", err, n)
	}
	mustEnd(t, c, p, n)
}

func TestAConfiguredSignalThatIsIgnoredIsNotWaitedFor(t *testing.T) {
	c := rootfs.Make(t, rootfs.Sysvinit)
	c.Start(t)
	p := first(t, c)
	began := time.Now()
	if err := Halt(within60(t), p, Options{Signal: unix.SIGTERM}, nil); !errors.Is(err, ErrDeaf) || time.Since(began) > 2*programGrace {
		t.Errorf("Halt = %v after %s, want ErrDeaf soon", err, time.Since(began))
	}
	if err := Await(within60(t), p, Options{Signal: unix.SIGTERM}); err != nil {
		t.Errorf("Await = %v, want nil: there is nothing to wait for", err)
	}
}

func TestALiveRootIsReadAndItsEndIsSeen(t *testing.T) {
	c := rootfs.Make(t, rootfs.Busybox, rootfs.File("etc/hello", "from inside\n", 0o644))
	c.Start(t)
	p := first(t, c)
	root, err := RootOf(p)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if text, err := root.ReadFile("/etc/hello", 100); err != nil || string(text) != "from inside\n" {
		t.Errorf("ReadFile = %q, %v", text, err)
	}
	for _, name := range []string{"/proc/1/environ", "/proc/self/root/etc/hello", "/proc/kmsg", "/sys/kernel/uevent_seqnum", "/proc/1/exe"} {
		began := time.Now()
		if text, err := root.ReadFile(name, maxFile); err == nil {
			t.Errorf("ReadFile(%s) = %q", name, text)
		}
		if took := time.Since(began); took > tooLong {
			t.Errorf("ReadFile(%s) took %s", name, took)
		}
	}
	if same, err := root.SameFile("/", []string{"/run", "/"}); err != nil || same != "" {
		t.Errorf("its root is the host's %q, %v", same, err)
	}
	if err := p.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(within60(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := RootOf(p); !errors.Is(err, pidfile.ErrGone) {
		t.Errorf("RootOf = %v, want ErrGone", err)
	}
	if _, err := Look(p); !errors.Is(err, pidfile.ErrGone) {
		t.Errorf("Look = %v, want ErrGone", err)
	}
	if err := Halt(within60(t), p, Options{}, nil); !errors.Is(err, pidfile.ErrGone) {
		t.Errorf("Halt = %v, want ErrGone", err)
	}
}
