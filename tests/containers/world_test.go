// Package containers tests guestrc's verbs on real LXC containers, below a root
// of their own and without an init system. It has no code but tests.
package containers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// program is guestrc, built once for all tests.
var program string

// programVar hands it to a test that runs once more in a network namespace.
const programVar = "GUESTRC_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if program = os.Getenv(programVar); program != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "guestrc-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "guestrc")
	os.Setenv(programVar, program)
	build := exec.Command("go", "build", "-o", program, "github.com/guestrc/guestrc/cmd/guestrc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	code := 1
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build guestrc: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// world is a root directory with the conf.d files of containers.
type world struct {
	t    *testing.T
	root string
	env  []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	need.Root(t)
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "etc/conf.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, root: root}
}

// guest describes the container to guestrc; lines are more of conf.d.
func (w *world) guest(c *rootfs.Container, lines ...string) string {
	w.t.Helper()
	name := "lxc." + c.Name
	lines = append([]string{"CONFIGFILE=" + c.Config, "lxcpath=" + c.LXCPath}, lines...)
	w.write("etc/conf.d/"+name, strings.Join(lines, "\n")+"\n")
	return name
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.root, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// result is what a run of guestrc came to.
type result struct {
	code     int
	out, err string
	took     time.Duration
}

func (r result) String() string { return fmt.Sprintf("exit %d\n%s%s", r.code, r.out, r.err) }

// run runs guestrc under a deadline.
func (w *world) run(args ...string) result {
	w.t.Helper()
	cmd := w.command(args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Errorf("guestrc %s: %v", strings.Join(args, " "), err)
		return result{code: -1}
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), stderr.String(), time.Since(began)}
}

func (w *world) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	w.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, append([]string{"--root", w.root}, args...)...)
	cmd.Env = append(os.Environ(), w.env...)
	return cmd
}

// must runs guestrc and wants success.
func (w *world) must(args ...string) result {
	w.t.Helper()
	r := w.run(args...)
	if r.code != 0 {
		w.t.Fatalf("guestrc %s: %s", strings.Join(args, " "), r)
	}
	return r
}

func (w *world) status(name string) guest.Status {
	w.t.Helper()
	r := w.run("status", "--json", name)
	var report struct{ Guests []guest.Status }
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || len(report.Guests) != 1 {
		w.t.Fatalf("status --json: %v: %s", err, r)
	}
	if st := report.Guests[0]; st.Code != r.code {
		w.t.Errorf("status exits with %d and says %d", r.code, st.Code)
	}
	return report.Guests[0]
}

// wants checks a guest's state.
func (w *world) wants(name, state string) guest.Status {
	w.t.Helper()
	st := w.status(name)
	if st.State != state {
		w.t.Errorf("%s is %s (%s), want %s", name, st.State, st.Message, state)
	}
	return st
}

// stoppedBy wants the last stop to have been by that rung.
func (w *world) stoppedBy(name, rung string, forced bool) guest.StopRecord {
	w.t.Helper()
	st := w.status(name)
	if st.State != guest.Stopped || st.LastStop == nil || st.LastStop.Stop.By != rung || st.LastStop.Stop.Forced != forced {
		w.t.Fatalf("%s is %s, last stop %+v; want it stopped by %s", name, st.State, st.LastStop, rung)
	}
	return *st.LastStop
}

// nothingLeft wants no cgroup of the container in any hierarchy.
func nothingLeft(t *testing.T, c *rootfs.Container) {
	t.Helper()
	for _, pattern := range []string{"/sys/fs/cgroup/*/lxc.*." + c.Name + "*", "/sys/fs/cgroup/lxc.*." + c.Name + "*"} {
		left, err := filepath.Glob(pattern)
		if err != nil || len(left) > 0 {
			t.Errorf("cgroups of %s were left: %v %v", c.Name, left, err)
		}
	}
	if m, err := c.Monitor(); err == nil {
		t.Errorf("the monitor of %s runs on (pid %d)", c.Name, m.Pid())
		m.Close()
	}
}
