package command

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/debs"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

// container has busybox and nothing else in it; its init sleeps, and ends by
// itself should the test be killed.
type container struct {
	t             *testing.T
	lxcpath, name string
	config        string
}

func newContainer(t *testing.T, lxcpath string) *container {
	t.Helper()
	need.Root(t)
	need.Programs(t, "lxc-start", "lxc-stop", "lxc-info", "lxc-attach", "lxc-freeze", "apt-get", "dpkg")
	c := &container{t: t, lxcpath: lxcpath, name: fmt.Sprintf("gr-command-%d-%08x", os.Getpid(), rand.Uint32())}
	dir := filepath.Join(lxcpath, c.name)
	c.config = filepath.Join(dir, "config")
	root := filepath.Join(dir, "rootfs")
	for _, d := range []string{"bin", "sbin", "proc", "sys", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	unpacked, err := debs.UnpackWithLibraries(t.Context(), "busybox-static") // the host's may want libraries
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join(unpacked, "usr/bin/busybox"))
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		root + "/bin/busybox": string(program),
		root + "/sbin/init":   "#!/bin/busybox sh\ntrap 'exit 0' PWR\n/bin/busybox sleep 120 &\nwait\n",
		c.config: "lxc.uts.name = guest\nlxc.rootfs.path = dir:" + root + "\nlxc.net.0.type = empty\n" +
			"lxc.mount.auto = proc\nlxc.pty.max = 0\nlxc.tty.max = 0\n",
	} {
		if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		c.run("lxc-stop", "-k") // fails when it does not run
		if _, err := Await(c.ctx(), c.lxcpath, c.name, "STOPPED"); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *container) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.t.Context()), 20*time.Second)
	c.t.Cleanup(cancel)
	return ctx
}

func (c *container) run(program string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(c.ctx(), program, append([]string{"-P", c.lxcpath, "-n", c.name}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err := lab.Start(c.t, cmd).Wait(c.ctx())
	return strings.TrimSpace(out.String()), err
}

func (c *container) must(program string, args ...string) string {
	c.t.Helper()
	out, err := c.run(program, args...)
	if err != nil {
		c.t.Fatalf("%s: %v: %s", program, err, out)
	}
	return out
}

func (c *container) daemon() {
	c.t.Helper()
	log := filepath.Join(c.t.TempDir(), "log")
	if _, err := c.run("lxc-start", "-f", c.config, "-d", "-o", log, "-l", "DEBUG"); err != nil {
		text, _ := os.ReadFile(log)
		c.t.Fatalf("lxc-start: %v\n%s", err, text)
	}
}

// ask wants the monitor that the title of a process shows.
func (c *container) ask() (monitor int, a Answer) {
	c.t.Helper()
	p, a, err := Ask(c.ctx(), c.lxcpath, c.name)
	if err != nil {
		c.t.Fatal(err)
	}
	defer p.Close()
	if exe := filepath.Base(p.Identity().Exe); exe != "lxc-start" {
		c.t.Errorf("process %d runs %s", p.Pid(), exe)
	}
	return p.Pid(), a
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var state string
	var parent int
	if _, err := fmt.Sscan(string(text[bytes.LastIndexByte(text, ')')+1:]), &state, &parent); err != nil {
		t.Fatal(err)
	}
	return parent
}

// shortDir is for lxcpaths: those of t.TempDir are long.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "gr-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
