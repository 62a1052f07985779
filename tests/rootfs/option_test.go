package rootfs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

func TestRootMayBeAnOverlay(t *testing.T) {
	t.Parallel()
	c := Make(t, Systemd, Overlay())
	c.Start(t)
	if got := typeOfRoot(t, c); got != "overlay" {
		t.Errorf("the root is of type %s", got)
	}
	c.Stop(t)
	if !isClean(t, c) {
		t.Error("no orderly shutdown")
	}
}

func TestRootMayBeABlockDevice(t *testing.T) {
	t.Parallel()
	c := Make(t, S6, BlockDevice())
	c.Start(t)
	if got := typeOfRoot(t, c); got != "ext4" {
		t.Errorf("the root is of type %s", got)
	}
	c.Stop(t)
	backing, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range backing {
		if text, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(text)) == c.Rootfs {
			t.Errorf("%s still has the image", f)
		}
	}
}

// typeOfRoot is what the first process sees, in proc(5)'s mountinfo.
func typeOfRoot(t *testing.T, c *Container) string {
	t.Helper()
	for line := range strings.Lines(procFile(t, c, "mountinfo")) {
		before, after, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(before); len(fields) > 4 && fields[4] == "/" {
			return strings.Fields(after)[0]
		}
	}
	t.Fatal("no root in mountinfo")
	return ""
}

// procFile reads a file of the first process below /proc/PID.
func procFile(t *testing.T, c *Container, name string) string {
	t.Helper()
	p, err := c.Process()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.Pid(), name))
	if err != nil || p.Ended() {
		t.Fatalf("%v, ended: %v", err, p.Ended())
	}
	return string(text)
}

func TestIDMappedWithoutSubuid(t *testing.T) {
	for _, init := range []Init{Systemd, S6, Handler} {
		t.Run(string(init), func(t *testing.T) {
			t.Parallel()
			c := Make(t, init, IDMapped())
			if _, err := os.Stat(filepath.Join(c.path, "newuidmap")); err == nil || strings.Contains(c.path, ":") {
				t.Fatalf("newuidmap may be found in %s", c.path)
			}
			c.Start(t)
			want := fmt.Sprintf("0 %d %d", idBase, idCount)
			if got := strings.Join(strings.Fields(procFile(t, c, "uid_map")), " "); got != want {
				t.Errorf("uid_map: %s, not %s", got, want)
			}
			c.Stop(t)
			if !isClean(t, c) {
				t.Error("no orderly shutdown")
			}
			checkNothingLeft(t, c)
		})
	}
}

func TestNoPidNS(t *testing.T) {
	t.Parallel()
	c := Make(t, Handler, NoPidNS())
	c.Start(t)
	if got := status(t, c, "NSpid"); len(strings.Fields(got)) != 1 {
		t.Errorf("NSpid: %s, so it has a namespace of its own", got)
	}
	c.Stop(t)
	checkNothingLeft(t, c)
}

func TestHostRunIsTheContainersRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := Make(t, Sysvinit, HostRun(dir))
	c.Start(t)
	if st, err := os.Lstat(filepath.Join(dir, "initctl")); err != nil || st.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("sysvinit's pipe is not in the host's directory: %v", err)
	}
	c.Stop(t)
}

func TestNet(t *testing.T) {
	need.Programs(t, "ip", "unshare", "mount")
	if _, err := tree(t.Context(), Handler); err != nil {
		t.Fatal(err)
	}
	if !lab.NetNS(t) {
		return
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c",
		"ip link add br0 type bridge && ip link set br0 up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	plugged := Make(t, Handler, Net("br0", "10.9.0.2/24"))
	plugged.Start(t)
	out, err := exec.CommandContext(t.Context(), "ip", "-o", "link", "show", "master", "br0").CombinedOutput()
	if err != nil || !strings.Contains(string(out), plugged.Veth+"@") {
		t.Errorf("%s is not plugged in: %v\n%s", plugged.Veth, err, out)
	}
	if out, err := plugged.LXC(t, "lxc-attach", "--", "/bin/ip", "-o", "addr", "show", "eth0"); err != nil || !strings.Contains(out, "10.9.0.2/24") {
		t.Errorf("eth0: %v\n%s", err, out)
	}
	plugged.Stop(t)

	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	shared := Make(t, Handler, SharedNet())
	shared.Start(t)
	if out, err := shared.LXC(t, "lxc-attach", "--", "/bin/readlink", "/proc/1/ns/net"); err != nil || strings.TrimSpace(out) != here {
		t.Errorf("its network is %s, not %s: %v", out, here, err)
	}
	shared.Stop(t)
}

func TestHandler32RunsOnAnI686(t *testing.T) {
	t.Parallel()
	for init, want := range map[Init]string{Handler: "x86_64", Handler32: "i686"} {
		c := Make(t, init)
		if _, err := c.LXC(t, "lxc-start", "-d"); err != nil { // the configuration lies where LXC looks for it
			t.Fatal(err)
		}
		if got, err := c.Up(t.Context()); err != nil || got != want {
			t.Errorf("%s is up on %q, not %q: %v", init, got, want, err)
		}
	}
}

func TestProgramsTreatSignalsAsTheySay(t *testing.T) {
	t.Parallel()
	const all = ^uint64(1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1))
	for init, want := range map[Init][2]uint64{Handler: {0, 1 << (unix.SIGTERM - 1)}, Handler32: {0, 1 << (unix.SIGTERM - 1)}, Stubborn: {all, 0}} {
		c := Make(t, init)
		c.Start(t)
		for i, field := range []string{"SigIgn", "SigCgt"} {
			if got := status(t, c, field); got != fmt.Sprintf("%016x", want[i]) {
				t.Errorf("%s: %s is %s, not %016x", init, field, got, want[i])
			}
		}
	}
}

// status is a field of the first process's /proc/PID/status.
func status(t *testing.T, c *Container, field string) string {
	t.Helper()
	for line := range strings.Lines(procFile(t, c, "status")) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no %s in status", field)
	return ""
}

func TestFileAndExtra(t *testing.T) {
	t.Parallel()
	c := Make(t, S6, File("etc/a/b", "hello\n", 0o600), Extra("lxc.environment = GREETING=hi"), WithName(fmt.Sprintf("gr-%d-custom", os.Getpid())))
	c.Start(t)
	if out, err := c.LXC(t, "lxc-attach", "--", "/bin/cat", "/etc/a/b"); err != nil || out != "hello\n" {
		t.Errorf("%q, %v", out, err)
	}
	if env := procFile(t, c, "environ"); !strings.Contains("\x00"+env, "\x00GREETING=hi\x00") {
		t.Errorf("environment: %q", env)
	}
}
