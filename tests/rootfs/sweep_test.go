package rootfs

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

func TestNothingIsLeftAfterTheTest(t *testing.T) {
	for name, options := range map[string][]Option{"copy": nil, "overlay": {Overlay()}, "block device": {BlockDevice()}, "no process namespace": {NoPidNS()}} {
		for _, frozen := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, frozen %v", name, frozen), func(t *testing.T) {
				t.Parallel()
				var c *Container
				var held []*pidfile.Process
				t.Run("test", func(t *testing.T) {
					init := S6
					if name == "no process namespace" {
						init = Stubborn
					}
					c = Make(t, init, options...)
					c.Start(t)
					var err error
					if held, err = hold(of(c.Name, payload, monitor)); err != nil {
						t.Fatal(err)
					}
					if !frozen {
						return
					}
					if out, err := c.LXC(t, "lxc-freeze"); err != nil {
						t.Fatalf("%v %s", err, out)
					}
				})
				for _, p := range held {
					if !p.Ended() {
						t.Errorf("process %d lives on", p.Pid())
					}
					p.Close()
				}
				if len(held) < 2 {
					t.Errorf("held %d processes only", len(held))
				}
				checkNothingLeft(t, c)
				if _, err := os.Lstat(c.top); err == nil {
					t.Errorf("%s is still there", c.top)
				}
				for _, file := range []string{"/proc/self/mountinfo", "/proc/net/unix"} {
					if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), c.top) {
						t.Errorf("%s is still in %s (%v)", c.top, file, err)
					}
				}
			})
		}
	}
}

func TestMakeSweepsWhatDeadTestsLeft(t *testing.T) {
	need.Root(t)
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	tops, err := hierarchies()
	if err != nil || len(tops) == 0 {
		t.Fatalf("hierarchies: %q, %v", tops, err)
	}
	hierarchy := tops[len(tops)-1] // a cgroup2 or v1 hierarchy, whichever there is
	alive := filepath.Join(hierarchy, fmt.Sprintf("%s%s%d-1-test", payload, namePrefix, os.Getpid()))
	left := filepath.Join(hierarchy, fmt.Sprintf("%s%s%d-1-test", payload, namePrefix, dead.Process.Pid))
	for _, dir := range []string{alive, left} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(dir) })
	}
	top := filepath.Join(base, fmt.Sprintf("%s%d-test", dirPrefix, dead.Process.Pid))
	if err := os.Mkdir(top, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	cmd := exec.Command("sleep", "60")
	sleeper := lab.Start(t, cmd)
	if err := os.WriteFile(filepath.Join(left, "cgroup.procs"), fmt.Append(nil, sleeper.Pid()), 0); err != nil {
		t.Fatal(err)
	}
	Make(t, Handler)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := sleeper.Wait(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("the process of a dead test's container was not killed: %v", err)
	}
	for _, dir := range []string{left, top} {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s of a dead test's container is still there", dir)
		}
	}
	if _, err := os.Stat(alive); err != nil {
		t.Errorf("the cgroup of a living test's container is gone: %v", err)
	}
}

func TestOf(t *testing.T) {
	for base, want := range map[string]bool{
		"lxc.payload.gr-1": true, "lxc.monitor.gr-1": true, "lxc.payload.gr-1-2": true,
		"lxc.payload.gr-10": false, "lxc.payload.gr-1-x": false, "gr-1": false, "lxc.pivot": false, "lxc.payload.gr-1-": false,
	} {
		if got := of("gr-1", payload, monitor)(base); got != want {
			t.Errorf("%s: %v", base, got)
		}
	}
}

func TestContainersHaveNamesOfTheirOwn(t *testing.T) {
	a, b := Make(t, Handler), Make(t, Handler)
	if a.Name == b.Name || a.LXCPath == b.LXCPath {
		t.Errorf("%s in %s, %s in %s", a.Name, a.LXCPath, b.Name, b.LXCPath)
	}
	// An abstract socket's name has 107 bytes, of which LXC takes /NAME/command.
	if n := len(filepath.Join(a.LXCPath, a.Name, "command")); n > 107 {
		t.Errorf("%d bytes are too many for the socket's name", n)
	}
	if st, err := os.Stat(a.Rootfs); err != nil || st.Mode() != fs.ModeDir|0o755 {
		t.Errorf("%v, %v", st, err)
	}
}
