package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/guestrc/guestrc/tests/need"
)

// T is the part of *testing.T that the helpers use.
type T = need.T

// Container is a root file system of one test's own with a configuration, as
// lxc-create would leave it. It may be started by Start, or by whatever is to
// be tested.
type Container struct {
	Name    string
	LXCPath string // what lxc-start -P wants; short, and open to id-mapped roots
	Dir     string // LXCPath/Name
	Config  string // the configuration's file
	Rootfs  string // the directory that is the root; Overlay: the one for what is written; BlockDevice: the image
	Init    Init
	Veth    string // the host's end of eth0; see Net

	top    string   // holds all of it; goes with the test
	marks  string   // what the container sees as /marks
	up     *os.File // the FIFO there
	recipe recipe
	path   string // PATH for LXC's programs, see IDMapped
}

// serial tells the containers of this process apart.
var serial atomic.Int64

// Both are followed by the number of the test's process and a hyphen.
const (
	namePrefix = "gr-"
	dirPrefix  = "guestrc-lxc-"
)

// base holds all containers: of /tmp, systemd's generators see nothing.
const base = "/var/tmp"

// Make lays out a container with the init given. When the test ends, whatever
// of it is left is killed and removed, whoever started it. What a killed test
// leaves ends with the next Make.
//
// The name is unique on this machine: LXC's cgroups and its abstract sockets
// are shared by all of a name.
func Make(t T, init Init, options ...Option) *Container {
	t.Helper()
	need.Root(t)
	need.Programs(t, "apt-get", "apt-cache", "dpkg", "cp", "lxc-start", "lxc-attach", "lxc-stop")
	r, err := know(init)
	if err != nil {
		t.Fatalf("%v", err)
	}
	from, err := tree(t.Context(), init)
	if err != nil {
		t.Fatalf("%v", err)
	}
	sweepDead()
	n := serial.Add(1)
	s := &spec{name: fmt.Sprintf("%s%d-%d-%s", namePrefix, os.Getpid(), n, init), net: []string{"lxc.net.0.type = empty"}, number: n}
	for _, o := range options {
		o(s)
	}
	c := &Container{Name: s.name, Init: init, Veth: s.veth, recipe: r}
	t.Cleanup(func() { c.remove(t) })
	if err := c.prepare(t, from, s); err != nil {
		t.Fatalf("cannot make a container with %s: %v", init, err)
	}
	return c
}

func (c *Container) prepare(t T, from string, s *spec) error {
	var err error
	// Not t.TempDir: only root may pass through it, and a socket is named after
	// it, so it must be short.
	if c.top, err = os.MkdirTemp(base, fmt.Sprintf("%s%d-", dirPrefix, os.Getpid())); err != nil {
		return err
	}
	c.LXCPath = filepath.Join(c.top, "lxc")
	c.Dir = filepath.Join(c.LXCPath, c.Name)
	c.Config = filepath.Join(c.Dir, "config")
	c.marks = filepath.Join(c.top, "marks")
	err = errors.Join(os.Chmod(c.top, 0o755), os.MkdirAll(c.Dir, 0o755), c.makeMarks())
	if err != nil {
		return err
	}
	if s.mapped {
		if c.path, err = c.toolsWithoutNewuidmap(); err != nil {
			return err
		}
	}
	path, err := c.layRoot(t, from, s)
	if err != nil {
		return err
	}
	return os.WriteFile(c.Config, []byte(c.config(path, s)), 0o644)
}

// config is the text for LXC.
func (c *Container) config(rootPath string, s *spec) string {
	lines := []string{
		"lxc.uts.name = " + c.Name,
		"lxc.rootfs.path = " + rootPath,
		"lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed",
		"lxc.mount.entry = " + c.marks + " marks none bind 0 0",
		"lxc.tty.max = 0",
		"lxc.pty.max = 16",
		"lxc.console.logfile = " + c.consoleFile(),
	}
	if s.run != "" {
		lines = append(lines, "lxc.mount.entry = "+s.run+" run none bind 0 0")
	} else {
		lines = append(lines, "lxc.mount.entry = tmpfs run tmpfs rw,nosuid,nodev,mode=755 0 0")
	}
	lines = append(lines, s.net...)
	lines = append(lines, c.recipe.conf...)
	lines = append(lines, s.lines...)
	return strings.Join(lines, "\n") + "\n"
}

func (c *Container) consoleFile() string { return filepath.Join(c.top, "console") }

func (c *Container) logFile() string { return filepath.Join(c.top, "log") }

// Console is what the container wrote to its console so far, and what LXC
// logged: for messages.
func (c *Container) Console() string {
	var text strings.Builder
	for _, name := range []string{c.consoleFile(), c.logFile()} {
		if content, err := os.ReadFile(name); err == nil {
			fmt.Fprintf(&text, "--- %s\n%s", filepath.Base(name), content)
		}
	}
	return text.String()
}

// remove ends and removes what is left of the container.
func (c *Container) remove(t T) {
	err := sweep(c.Name)
	if c.up != nil {
		err = errors.Join(err, c.up.Close())
	}
	if c.top != "" {
		err = errors.Join(err, os.RemoveAll(c.top))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("cannot remove the container %s: %v", c.Name, err)
	}
}
