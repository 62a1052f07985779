package containers

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// configured reads a container's files.
func configured(t testing.TB, c *rootfs.Container) *lxc.Container {
	t.Helper()
	conf, err := confd.Parse("conf", []byte("CONFIGFILE="+c.Config+"\nlxcpath="+c.LXCPath+"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	i, err := lxc.Kind{}.Configure(t.Context(), guest.Layout{Root: t.TempDir()}, guest.Name{Kind: "lxc", Instance: c.Name}, conf)
	if err != nil {
		t.Fatal(err)
	}
	return i.(*lxc.Container)
}

// examined is what check would find of a container, as "ID message" each.
func examined(t *testing.T, c *rootfs.Container, p *pidfile.Process) (all []string) {
	t.Helper()
	ctr := configured(t, c)
	for _, e := range append(ctr.Warnings(), ctr.Examine(t.Context(), p)...) {
		all = append(all, e.ID+" "+e.Msg)
	}
	return all
}

func lines(all []string) string { return strings.Join(all, "\n") }

// TestWhatLXCRefusesIsForeseen: of what check calls an error LXC starts nothing,
// and what it says nothing of starts.
func TestWhatLXCRefusesIsForeseen(t *testing.T) {
	entry := func(line string) []rootfs.Option { return []rootfs.Option{rootfs.Extra("lxc.mount.entry = " + line)} }
	for name, c := range map[string]struct {
		options []rootfs.Option
		prepare func(c *rootfs.Container) error
		want    string // empty: nothing is found
		starts  bool
	}{
		"nothing":             {starts: true},
		"no target":           {options: entry("/srv nowhere none bind 0 0"), want: "GR516"},
		"a target to be made": {options: entry("/srv nowhere none bind,create=dir 0 0"), starts: true},
		"a link on the way": {options: entry("/srv link/x none bind,create=dir 0 0"), want: "GR523",
			prepare: func(c *rootfs.Container) error { return os.Symlink("etc", filepath.Join(c.Rootfs, "link")) }},
		"a directory on a file":    {options: append(entry("/srv etc/f none bind 0 0"), rootfs.File("etc/f", "", 0o644)), want: "GR523"},
		"a file on a directory":    {options: entry("/etc/hosts etc none bind,create=file 0 0"), want: "GR523"},
		"none without bind":        {options: entry("/srv etc none rw 0 0"), want: "GR523"},
		"an option of nobody's":    {options: entry("/srv etc none bind,optinal 0 0"), want: "GR103", starts: true},
		"a group's address":        {options: []rootfs.Option{rootfs.Extra("lxc.net.0.type = veth", "lxc.net.0.hwaddr = 03:00:00:00:00:01")}, want: "GR304"},
		"lxc.mount.auto":           {options: []rootfs.Option{rootfs.Extra("lxc.mount.auto = porc")}, want: "GR102"},
		"an id map":                {options: []rootfs.Option{rootfs.Extra("lxc.idmap = u 0")}, want: "GR102"},
		"a signal":                 {options: []rootfs.Option{rootfs.Extra("lxc.signal.halt = SIGNONE")}, want: "GR102"},
		"mapped":                   {options: []rootfs.Option{rootfs.IDMapped()}, starts: true},
		"mapped, closed to it":     {options: []rootfs.Option{rootfs.IDMapped()}, want: "GR519", prepare: func(c *rootfs.Container) error { return os.Chmod(c.LXCPath, 0o700) }},
		"mapped, rootfs closed":    {options: []rootfs.Option{rootfs.IDMapped()}, want: "GR519", prepare: func(c *rootfs.Container) error { return os.Chmod(c.Dir, 0o700) }},
		"mapped, closed to others": {options: []rootfs.Option{rootfs.IDMapped()}, starts: true, prepare: func(c *rootfs.Container) error { return os.Chown(c.Dir, 100000, 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctr := rootfs.Make(t, rootfs.Handler, c.options...)
			if c.prepare != nil {
				if err := c.prepare(ctr); err != nil {
					t.Fatal(err)
				}
			}
			found := lines(examined(t, ctr, nil))
			// This machine's newuidmap is not what LXC is started with here.
			if i := strings.Index(found, "GR522"); i >= 0 {
				found = strings.TrimSpace(found[:i])
			}
			if !strings.HasPrefix(found, c.want) || c.want == "" && found != "" || strings.Count(found, "\n") > 0 {
				t.Errorf("found %q, want %q", found, c.want)
			}
			if _, err := ctr.LXC(t, "lxc-start", "-d"); (err == nil) != c.starts {
				t.Errorf("lxc-start: %v", err)
			}
		})
	}
}

// TestReplacedFilesAreFound: what an editor puts in a file's place the container
// does not see.
func TestReplacedFilesAreFound(t *testing.T) {
	dir := t.TempDir()
	names := []string{"renamed", "edited", "moved away", "removed", "same"}
	var options []rootfs.Option
	for _, name := range names {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		options = append(options, rootfs.Extra("lxc.mount.entry = "+path+" etc/"+filepath.Base(path)+" none bind,create=file 0 0"))
	}
	tree := filepath.Join(dir, "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	options = append(options, rootfs.Extra("lxc.mount.entry = "+tree+" srv none bind,create=dir 0 0"))
	c := rootfs.Make(t, rootfs.Busybox, options...)
	c.Start(t)
	monitor, err := c.Monitor()
	if err != nil {
		t.Fatal(err)
	}
	defer monitor.Close()
	if found := examined(t, c, monitor); len(found) > 0 {
		t.Fatalf("at first: %q", found)
	}
	write := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("new"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	rename := func(from, to string) {
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	write("aside")
	rename("aside", "renamed")
	write("edited")
	rename("moved-away", "backup")
	write("moved-away")
	for _, name := range []string{"removed", "tree"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if found := lines(examined(t, c, monitor)); strings.Count(found, "GR505") != 2 ||
		!strings.Contains(found, "/renamed was replaced on the host") || !strings.Contains(found, "old file as /etc/moved-away") {
		t.Errorf("found %q", found)
	}
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	if found := lines(examined(t, c, monitor)); !strings.Contains(found, "old directory as /srv") {
		t.Errorf("a directory: %q", found)
	}
	// As whoever is root inside may do; what is seen then is not LXC's.
	if _, err := c.LXC(t, "lxc-attach", "--", "/bin/busybox", "mount", "--bind", "/etc/edited", "/etc/moved-away"); err != nil {
		t.Fatal(err)
	}
	if found := lines(examined(t, c, monitor)); strings.Contains(found, "/etc/moved-away") || !strings.Contains(found, "/renamed") {
		t.Errorf("under another mount: %q", found)
	}
}

// TestDeafnessIsFound: a signal of the configuration's choice that its init does
// not hear.
func TestDeafnessIsFound(t *testing.T) {
	for signal, want := range map[string]string{"SIGRTMIN+3": "GR520 the container is to be stopped by signal 37, which its init (sysvinit) does not hear", "SIGPWR": ""} {
		t.Run(signal, func(t *testing.T) {
			t.Parallel()
			c := rootfs.Make(t, rootfs.Sysvinit, rootfs.Powerfail(), rootfs.Extra("lxc.signal.halt = "+signal))
			c.Start(t)
			monitor, err := c.Monitor()
			if err != nil {
				t.Fatal(err)
			}
			defer monitor.Close()
			// On a host with more to do than this it may be older by now.
			if found := lines(examined(t, c, monitor)); found != "" && age(t, c) < 2*time.Second {
				t.Errorf("of an init that has just begun: %q", found)
			}
			grow(t, c, 2*time.Second)
			if found := lines(examined(t, c, monitor)); !strings.HasPrefix(found, want) || want == "" && found != "" {
				t.Errorf("found %q, want %q", found, want)
			}
		})
	}
}

// TestOrphansAreNamed: processes that no monitor answers for keep the container
// from being started, and nothing else does.
func TestOrphansAreNamed(t *testing.T) {
	t.Parallel()
	c := rootfs.Make(t, rootfs.Handler, rootfs.Extra("lxc.monitor.signal.pdeath = 0")) // else its init goes with the monitor
	preflight := func() error {
		return configured(t, c).Preflight(t.Context(), nil)
	}
	c.Start(t)
	if err := preflight(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
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
	var e *guest.Error
	if err := preflight(); !errors.As(err, &e) || e.ID != "GR514" {
		t.Errorf("without its monitor: %v", err)
	}
}

// grow waits until the container's init is that old.
func grow(t *testing.T, c *rootfs.Container, old time.Duration) {
	t.Helper()
	time.Sleep(old - age(t, c) + 20*time.Millisecond)
}

// age is that of the container's init.
func age(t *testing.T, c *rootfs.Container) time.Duration {
	t.Helper()
	init, err := c.Process()
	if err != nil {
		t.Fatal(err)
	}
	defer init.Close()
	is, err := init.Age()
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// BenchmarkExamine of a running container.
func BenchmarkExamine(b *testing.B) {
	c := rootfs.Make(b, rootfs.Handler)
	c.Start(b)
	monitor, err := c.Monitor()
	if err != nil {
		b.Fatal(err)
	}
	defer monitor.Close()
	for b.Loop() {
		configured(b, c).Examine(b.Context(), monitor)
	}
}
