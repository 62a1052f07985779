package containers

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// watched is a file of the host's that nobody may open: inotify(7) tells.
type watched struct {
	path  string
	watch int
}

const secret = "the host's secret"

func newWatched(t *testing.T) *watched {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho "+secret+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, path, unix.IN_OPEN|unix.IN_ACCESS|unix.IN_MODIFY)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &watched{path, fd}
}

func (f *watched) untouched(t *testing.T) {
	t.Helper()
	if n, err := unix.Read(f.watch, make([]byte, 4096)); n > 0 || !errors.Is(err, unix.EAGAIN) {
		t.Errorf("the host's file was opened: %d bytes of events, %v", n, err)
	}
}

// gone replaces a path by what make makes.
func gone(path string, make func() error) error {
	return errors.Join(os.RemoveAll(path), make())
}

// TestInitsThatAreNoPrograms: whatever a container has in the place of its init
// is told in time, and no byte of the host's is looked at.
func TestInitsThatAreNoPrograms(t *testing.T) {
	t.Parallel()
	device := func(mode uint32, major, minor uint32) func(string, string) error {
		return func(path, _ string) error { return unix.Mknod(path, mode|0o755, int(unix.Mkdev(major, minor))) }
	}
	link := func(to string) func(string, string) error {
		return func(path, _ string) error { return os.Symlink(to, path) }
	}
	script := func(to string) func(string, string) error {
		return func(path, _ string) error { return os.WriteFile(path, []byte("#!"+to+"\n"), 0o755) }
	}
	for what, make := range map[string]func(path, secret string) error{
		"absolute link to a host's file": func(path, secret string) error { return os.Symlink(secret, path) },
		"climbing link to a host's file": func(path, secret string) error { return os.Symlink("../../../../../../../../.."+secret, path) },
		"link to what runs guestrc":      link("/proc/self/exe"),
		"link to a descriptor":           link("/proc/self/fd/0"),
		"link to the host's root":        link("/proc/1/root/bin/busybox"),
		"link to itself":                 link("init"),
		"links in a circle": func(path, _ string) error {
			return errors.Join(os.Symlink("other", path), os.Symlink("init", filepath.Dir(path)+"/other"))
		},
		"FIFO":                         func(path, _ string) error { return unix.Mkfifo(path, 0o755) },
		"socket":                       device(unix.S_IFSOCK, 0, 0),
		"endless device":               device(unix.S_IFCHR, 1, 5),
		"device that waits":            device(unix.S_IFCHR, 5, 0),
		"tape that rewinds":            device(unix.S_IFCHR, 9, 0),
		"block device":                 device(unix.S_IFBLK, 7, 0),
		"directory":                    func(path, _ string) error { return os.Mkdir(path, 0o755) },
		"nothing":                      func(string, string) error { return nil },
		"empty file":                   func(path, _ string) error { return os.WriteFile(path, nil, 0o755) },
		"file that nobody may execute": func(path, _ string) error { return os.WriteFile(path, []byte("#!/bin/sh\n"), 0o644) },
		"ten gigabytes of nothing": func(path, _ string) error {
			return errors.Join(os.WriteFile(path, nil, 0o755), os.Truncate(path, 10<<30))
		},
		"script of a host's interpreter": func(path, secret string) error { return os.WriteFile(path, []byte("#!"+secret+"\n"), 0o755) },
		"script that interprets itself":  script("/sbin/init"),
		"script of a FIFO": func(path, _ string) error {
			return errors.Join(script("/sbin/fifo")(path, ""), unix.Mkfifo(filepath.Dir(path)+"/fifo", 0o755))
		},
		"script of a device":               script("/dev/zero"),
		"script of nobody":                 script(""),
		"script of a name that goes on":    script(strings.Repeat("/very/long", 400)),
		"script of a name with escapes":    script("/" + evil),
		"directory above it is the host's": hostDirectory,
		"directory above it is a FIFO": func(path, _ string) error {
			return gone(filepath.Dir(path), func() error { return unix.Mkfifo(filepath.Dir(path), 0o755) })
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			host := newWatched(t)
			c := rootfs.Make(t, rootfs.Busybox)
			path := filepath.Join(c.Rootfs, "usr/sbin/init")
			if err := gone(path, func() error { return make(path, host.path) }); err != nil {
				t.Fatal(err)
			}
			name := w.guest(c)
			host.untouched(t)
			for _, args := range [][]string{{"plan", name}, {"start", name}, {"status", name}, {"status", "--json", name}, {"list"}, {"stop", name}} {
				r := w.run(args...)
				if r.took > 2*time.Second {
					t.Errorf("%s took %s", args[0], r.took)
				}
				printsPlainly(t, r)
				if strings.Contains(r.out+r.err, secret) {
					t.Errorf("%s shows bytes of the host: %s", args[0], r)
				}
				if args[0] == "start" && (r.code == 0 || !strings.Contains(r.err, "/sbin/init")) {
					t.Errorf("want it refused because of /sbin/init: %s", r)
				}
				if args[0] == "plan" && r.code != 0 {
					t.Errorf("plan: %s", r)
				}
			}
			w.wants(name, guest.Stopped)
			host.untouched(t)
			nothingLeft(t, c)
		})
	}
}

// hostDirectory makes /usr/sbin a link to a directory of the host's with an init.
func hostDirectory(path, secret string) error {
	dir := filepath.Dir(secret)
	return errors.Join(gone(filepath.Dir(path), func() error { return os.Symlink(dir, filepath.Dir(path)) }),
		os.Symlink(secret, filepath.Join(dir, "init")))
}

// TestAHugeInitIsNotRead: only the beginning of a program tells what it is.
func TestAHugeInitIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	if err := os.Truncate(filepath.Join(c.Rootfs, "usr/bin/handler"), 10<<30); err != nil {
		t.Fatal(err)
	}
	name := w.guest(c)
	for _, args := range [][]string{{"plan", name}, {"start", name}, {"status", name}, {"stop", name}} {
		if r := w.must(args...); r.took > 2*time.Second {
			t.Errorf("%s took %s", args[0], r.took)
		}
	}
	w.stoppedBy(name, "halt", false)
	nothingLeft(t, c)
}

// TestRootsThatAreNoDirectories are told, and not waited for.
func TestRootsThatAreNoDirectories(t *testing.T) {
	t.Parallel()
	for what, make := range map[string]func(path string) error{
		"FIFO":           func(path string) error { return unix.Mkfifo(path, 0o755) },
		"device":         func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o644, int(unix.Mkdev(1, 5))) },
		"link to itself": func(path string) error { return os.Symlink("rootfs", path) },
		"nothing":        func(string) error { return nil },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			c := rootfs.Make(t, rootfs.Handler)
			if err := gone(c.Rootfs, func() error { return make(c.Rootfs) }); err != nil {
				t.Fatal(err)
			}
			name := w.guest(c)
			if r := w.run("start", name); r.code == 0 || r.took > 2*time.Second || !strings.Contains(r.err, "rootfs") {
				t.Errorf("start took %s: %s", r.took, r)
			}
			if r := w.run("plan", name); r.code != 0 || r.took > 2*time.Second {
				t.Errorf("plan took %s: %s", r.took, r)
			}
			w.wants(name, guest.Stopped)
			nothingLeft(t, c)
		})
	}
}
