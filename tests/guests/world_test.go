// Package guests tests guestrc's verbs on real QEMU guests, below a root of
// their own and without an init system. It has no code but tests.
package guests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// program is bin/guestrc, built once for all tests.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "guestrc-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "guestrc")
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

// world is a root directory with guests, all of which end with the test.
type world struct {
	t     *testing.T
	root  string
	names map[string]bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	need.Root(t)
	need.Programs(t, "qemu-system-x86_64")
	root, err := os.MkdirTemp("", "grc") // short: the sockets' paths have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, root: root, names: map[string]bool{}}
	t.Cleanup(w.clear)
	// QEMU, which is not root any more, removes its sockets when it ends.
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "etc/conf.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

// clear kills what a failed test left running and removes the root.
func (w *world) clear() {
	for name := range w.names {
		if w.t.Failed() {
			log, _ := os.ReadFile(filepath.Join(w.root, "var/log/guestrc", name+".log"))
			w.t.Logf("log of %s:\n%s", name, log)
		}
		if p := w.process(name); p != nil {
			p.Signal(unix.SIGCONT)
			p.Signal(unix.SIGKILL)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			if err := p.Wait(ctx); err != nil {
				w.t.Errorf("%s does not end: %v", name, err)
			}
			cancel()
			p.Close()
		}
	}
	for _, pid := range w.pids() { // of a guest that no record names
		w.t.Errorf("process %d was left", pid)
		if p, err := pidfile.Capture(pid); err == nil {
			p.Signal(unix.SIGKILL)
			p.Close()
		}
	}
	if err := os.RemoveAll(w.root); err != nil {
		w.t.Error(err)
	}
}

// pids are the processes that were started for this root, by their arguments.
func (w *world) pids() []int {
	w.t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		w.t.Fatal(err)
	}
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		args, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline")) // it may have ended
		if bytes.Contains(args, []byte("\x00-pidfile\x00"+w.root+"/")) {
			found = append(found, pid)
		}
	}
	return found
}

// image is the tiny guest, built once.
func image(t *testing.T, o tinyguest.Options) tinyguest.Image {
	t.Helper()
	need.Programs(t, "apt-get", "dpkg")
	img, err := tinyguest.Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// guest describes a guest that boots img with words on its command line, and
// more lines of conf.d.
func (w *world) guest(name string, img tinyguest.Image, words string, more ...string) string {
	w.t.Helper()
	lines := append([]string{
		`user="nobody"`, `enable_kvm="no"`, `machine="q35"`, `memory="256M"`, `vga="none"`,
		fmt.Sprintf("kernel=%q", img.Kernel), fmt.Sprintf("initrd=%q", img.Initrd),
		fmt.Sprintf("cmdline=%q", tinyguest.Cmdline(words)),
		`console="yes"`, `ready="console:guestrc: up"`, `ready_timeout="240"`,
	}, more...)
	return w.conf(name, lines...)
}

func (w *world) conf(name string, lines ...string) string {
	w.t.Helper()
	w.names[name] = true
	path := filepath.Join(w.root, "etc/conf.d", name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return name
}

// result is what a run of guestrc came to.
type result struct {
	code     int
	out, err string
	took     time.Duration
}

func (r result) String() string { return fmt.Sprintf("exit %d\n%s%s", r.code, r.out, r.err) }

// last is the last line of standard output, or of standard error.
func (r result) last() string {
	lines := strings.Split(strings.TrimSpace(r.out+r.err), "\n")
	return lines[len(lines)-1]
}

// run runs guestrc under a deadline.
func (w *world) run(args ...string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Minute)
	defer cancel()
	return w.runUntil(ctx, args...)
}

func (w *world) runUntil(ctx context.Context, args ...string) result {
	w.t.Helper()
	cmd := exec.CommandContext(ctx, program, append([]string{"--root", w.root}, args...)...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("guestrc %s: %v", strings.Join(args, " "), err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), stderr.String(), time.Since(began)}
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

// process is that on record, nil when there is none. It is the test's own way
// to it: what is tested is not asked.
func (w *world) process(name string) *pidfile.Process {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.root, "run/guestrc", name, "state.json"))
	if err != nil {
		return nil
	}
	var s guest.State
	if json.Unmarshal(data, &s) != nil || s.Process == nil {
		return nil
	}
	p, err := pidfile.Recall(*s.Process)
	if err != nil {
		return nil
	}
	return p
}

// running is the process of a guest that must run.
func (w *world) running(name string) *pidfile.Process {
	w.t.Helper()
	p := w.process(name)
	if p == nil {
		w.t.Fatalf("%s has no process", name)
	}
	w.t.Cleanup(func() { p.Close() })
	return p
}

// clean wants nothing left of a stopped guest but what stays by design.
func (w *world) clean(name string) {
	w.t.Helper()
	dir := filepath.Join(w.root, "run/guestrc", name)
	stays := map[string]bool{dir: true, filepath.Join(dir, "lock"): true, filepath.Join(dir, "lease"): true,
		filepath.Join(dir, "state.json"): true, filepath.Join(dir, "sock"): true}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil && !stays[path] {
			w.t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Error(err)
	}
	if p := w.process(name); p != nil {
		w.t.Errorf("%s still has process %d", name, p.Pid())
		p.Close()
	}
}

// ended wants the guest stopped, by a rung, and nothing left.
func (w *world) ended(name, by string) guest.StopRecord {
	w.t.Helper()
	st := w.status(name)
	if st.State != guest.Stopped || st.LastStop == nil || st.LastStop.Stop.By != by {
		w.t.Fatalf("%s: %+v, last stop %+v; want stopped by %s", name, st, st.LastStop, by)
	}
	w.clean(name)
	return *st.LastStop
}

func itoa(n int) string { return strconv.Itoa(n) }

// script runs a symlink to the program, as init scripts are run.
func (w *world) script(link, action string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, link, action)
	cmd.Env = append(os.Environ(), "GUESTRC_ROOT="+w.root)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	began := time.Now()
	cmd.Run() // the exit status is what is looked at
	return result{cmd.ProcessState.ExitCode(), out.String(), stderr.String(), time.Since(began)}
}

// hold connects to a monitor and keeps it.
func (w *world) hold(path string) net.Conn {
	w.t.Helper()
	c, err := net.DialTimeout("unix", path, 10*time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err != nil { // the greeting: it is ours
		w.t.Fatal(err)
	}
	return c
}

// command is one that ends within two minutes.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, args...)
}
