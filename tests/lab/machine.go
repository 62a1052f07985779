package lab

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

//go:embed machine.sh
var machineScript string

// bootTime bounds the start of a machine; it takes a second on an idle host.
const bootTime = 90 * time.Second

// Machine is a copy of the host, or of another release's root, under an init
// system of its own: its writes are lost, and so is the machine when the test ends.
type Machine struct {
	t    T
	proc *Process   // the first of the machine's own process namespace
	dir  string     // what machine.sh wants
	ns   []*os.File // of the init: namespaces in the order of nsFlags
	pid  int        // of the init, in the host's numbers
	root *os.File   // as the init sees it
	tree *os.Root   // the same

	joins bool // whether commands go into the machine's cgroups
}

// spec is what the init systems differ in.
type spec struct {
	init    string   // for machine.sh
	lower   string   // the root that it is laid over; empty: the host's
	missing []string // laid over the host's root first: what that lacks
	layers  []string // laid over the root, later ones win
	binds   []string
	views   []string // as binds, but to be read only
	cgroups []string // to be in
	// hierarchies are mounted in the machine, which sees nothing of them but its
	// own cgroups; nspawn does so by itself.
	hierarchies []hierarchy
	// leader finds the init, once the machine is up, from the first process.
	leader func(first int) (int, error)
	// listen is called before the first process starts, with Machine.dir; what
	// it returns waits until the machine is up.
	listen func(dir string) (up func(context.Context) error, err error)
}

// Option changes a machine before it starts.
type Option func(*spec)

// Bind makes directories of the host appear at the same place, as they are:
// what is written there is written on the host.
func Bind(dirs ...string) Option {
	return func(s *spec) { s.binds = append(s.binds, dirs...) }
}

// Layer lays a directory's content over the root before the init starts, such
// as the DESTDIR of a make install.
func Layer(dir string) Option {
	return func(s *spec) { s.layers = append(s.layers, dir) }
}

// boot starts a machine and waits until it is up.
func boot(t T, s spec, options []Option) *Machine {
	t.Helper()
	need.Root(t)
	need.Programs(t, "mount", "pivot_root", "nsenter", "unshare", "ip", "hostname")
	for _, o := range options {
		o(&s)
	}
	if s.lower == "" {
		s.lower, s.layers = "/", append(s.missing, s.layers...)
	}
	m := &Machine{t: t}
	if err := m.prepare(s); err != nil {
		t.Fatalf("cannot prepare a machine: %v", err)
	}
	wait, err := s.listen(m.dir)
	if err != nil {
		t.Fatalf("cannot prepare a machine: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), bootTime)
	defer cancel()
	m.proc = Start(t, m.firstProcess(s))
	t.Cleanup(m.release)
	up := make(chan error, 1)
	go func() { up <- wait(ctx) }()
	select {
	case err := <-up:
		if err != nil {
			t.Fatalf("cannot boot a machine: %v\n%s", err, m.Console())
		}
	case <-m.proc.Done():
		t.Fatalf("cannot boot a machine: %v\n%s", m.proc.err, m.Console())
	}
	pid, err := s.leader(m.proc.Pid())
	if err == nil {
		err = m.enter(pid)
	}
	if err != nil {
		t.Fatalf("cannot enter the machine: %v\n%s", err, m.Console())
	}
	return m
}

// prepare fills the directory that machine.sh reads.
func (m *Machine) prepare(s spec) error {
	var err error
	// Not t.TempDir: a socket lies there, and its path must be short.
	if m.dir, err = os.MkdirTemp("", "guestrc-lab-"); err != nil {
		return err
	}
	m.t.Cleanup(func() { os.RemoveAll(m.dir) })
	errs := []error{
		os.Mkdir(filepath.Join(m.dir, "root"), 0o755),
		unix.Mkfifo(filepath.Join(m.dir, "ready"), 0o600),
		os.WriteFile(m.script(), []byte(machineScript), 0o644),
	}
	var mounts []string
	for _, h := range s.hierarchies {
		mounts = append(mounts, h.mountArgs())
		m.joins = true
	}
	for name, list := range map[string][]string{
		"lower": {s.lower}, "layers": s.layers, "binds": s.binds, "views": s.views, "cgroups": s.cgroups, "mounts": mounts,
	} {
		var text strings.Builder
		for _, line := range list {
			fmt.Fprintln(&text, line)
		}
		errs = append(errs, os.WriteFile(filepath.Join(m.dir, name), []byte(text.String()), 0o644))
	}
	return errors.Join(errs...)
}

func (m *Machine) script() string { return filepath.Join(m.dir, "machine.sh") }

func (m *Machine) firstProcess(s spec) *exec.Cmd {
	console, err := os.Create(filepath.Join(m.dir, "console"))
	if err != nil {
		m.t.Fatalf("cannot make the console: %v", err)
	}
	m.t.Cleanup(func() { console.Close() })
	cmd := exec.Command("sh", m.script(), m.dir, s.init)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C"}
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	return cmd
}

// Console is what the init and its services said so far.
func (m *Machine) Console() string {
	text, _ := os.ReadFile(filepath.Join(m.dir, "console")) // for messages only
	return string(text)
}

// nsFlags are nsenter's options, and the files below /proc/PID/ns.
var nsFlags = []struct{ option, file string }{
	{"mount", "mnt"}, {"uts", "uts"}, {"ipc", "ipc"}, {"net", "net"}, {"pid", "pid"}, {"cgroup", "cgroup"},
}

// enter opens the namespaces of pid while that is certainly the machine's
// init: later its number could be another's.
func (m *Machine) enter(pid int) error {
	m.pid = pid
	proc := fmt.Sprintf("/proc/%d", pid)
	for _, n := range nsFlags {
		f, err := os.Open(filepath.Join(proc, "ns", n.file))
		if err != nil {
			return err
		}
		m.ns = append(m.ns, f)
	}
	var err error
	if m.root, err = os.Open(filepath.Join(proc, "root")); err != nil {
		return err
	}
	if m.tree, err = os.OpenRoot(filepath.Join(proc, "root")); err != nil {
		return err
	}
	select {
	case <-m.proc.Done():
		return fmt.Errorf("it has ended: %v", m.proc.err)
	default:
		return nil
	}
}

// release lets the namespaces go, which end with their last user.
func (m *Machine) release() {
	m.proc.Kill()
	for _, f := range append(m.ns, m.root) {
		f.Close() // of a nil file does nothing
	}
	if m.tree != nil {
		m.tree.Close()
	}
}

// listenFIFO is for machines where someone writes a line to /dev/ready.
func listenFIFO(dir string) (up func(context.Context) error, err error) {
	// Read and write, so that neither side waits for the other to open it.
	f, err := os.OpenFile(filepath.Join(dir, "ready"), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		defer f.Close()
		defer context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })()
		if _, err := bufio.NewReader(f).ReadString('\n'); err != nil {
			return fmt.Errorf("it did not say that it is up: %w", err)
		}
		return nil
	}, nil
}

// Install writes a file into the machine, with the directories above it.
func (m *Machine) Install(path, content string, mode fs.FileMode) {
	m.t.Helper()
	path = strings.TrimPrefix(path, "/")
	err := m.tree.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = m.tree.WriteFile(path, []byte(content), mode)
	}
	if err == nil {
		err = m.tree.Chmod(path, mode)
	}
	if err != nil {
		m.t.Fatalf("cannot install /%s: %v", path, err)
	}
}

// Link makes a symbolic link in the machine.
func (m *Machine) Link(path, target string) {
	m.t.Helper()
	if err := m.tree.Symlink(target, strings.TrimPrefix(path, "/")); err != nil {
		m.t.Fatalf("cannot link: %v", err)
	}
}

// ReadFile reads a file in the machine.
func (m *Machine) ReadFile(path string) (string, error) {
	content, err := m.tree.ReadFile(strings.TrimPrefix(path, "/"))
	return string(content), err
}
