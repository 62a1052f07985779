package containers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// What an init script of the host signals is never a container's process: not by
// its name, not by a pidfile with its number, not by the container's own pidfile.
func TestScriptsOfTheHostDoNotSignalContainers(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	c.Start(t)
	init, err := c.Process()
	if err != nil {
		t.Fatal(err)
	}
	defer init.Close()
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", init.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSpace(string(comm))
	w.write("run/daemon.pid", fmt.Sprintln(init.Pid()))
	for _, path := range []string{filepath.Join(w.root, "run/daemon.pid"), fmt.Sprintf("/proc/%d/root/run/daemon.pid", init.Pid())} {
		if r := w.run("signal", "--pidfile", path, "KILL"); r.code != guest.StatusRefused && r.code != guest.StatusNotRunning {
			t.Errorf("%s: %s", path, r)
		}
	}
	if r := w.run("signal", "--pidfile", filepath.Join(w.root, "run/daemon.pid"), "KILL"); !strings.Contains(r.err, "another pid namespace") {
		t.Errorf("by pidfile: %s", r)
	}
	// The name may be some process's of the host, too.
	want := fmt.Sprintf("not process %d (%s): it is in another pid namespace", init.Pid(), name)
	if r := w.run("killall", "--dry-run", "--signal", "KILL", name); !strings.Contains(r.out, want) || strings.Contains(r.out, fmt.Sprintf("to process %d ", init.Pid())) {
		t.Errorf("by name: no %q: %s", want, r)
	}
	exe := init.Identity().Exe
	if r := w.run("killall", "--signal", "KILL", "--exec", exe, name); r.code != guest.StatusNotRunning {
		t.Errorf("by name and %s: %s", exe, r)
	}
	if init.Ended() {
		t.Fatal("the container's init was killed")
	}
}
