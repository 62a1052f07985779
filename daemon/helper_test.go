package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

// The test binary is its own helper: with partVar set it plays one part, with
// namespaceVar set it is PID 1 of a namespace and runs one test.
const (
	partVar      = "DAEMON_TEST_PART"
	namespaceVar = "DAEMON_TEST_NAMESPACE"
)

func TestMain(m *testing.M) {
	if part := os.Getenv(partVar); part != "" {
		play(part, os.Getenv("FILE"))
	}
	if os.Getenv(namespaceVar) != "" {
		enterNamespace()
	}
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

// play never returns; it ends at the latest when stdin does.
func play(part, file string) {
	switch part {
	case "lock": // as QEMU does with its pidfile
		fd, err := unix.Open(file, unix.O_RDWR|unix.O_CREAT, 0o644)
		must(err)
		must(unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	case "open":
		_, err := unix.Open(file, unix.O_RDONLY, 0)
		must(err)
	case "chroot":
		must(unix.Chroot(file))
	case "find": // from another pid namespace
		_, err := ByPidfile(file, Want{})
		fmt.Println(err)
		os.Exit(0)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// deadline bounds what a test starts.
func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// proc is a process that ends with the test.
type proc struct {
	*exec.Cmd
	pid  int
	in   io.Closer
	once sync.Once
}

func (p *proc) end() {
	p.once.Do(func() {
		p.Process.Kill()
		p.Wait()
	})
}

func launch(t testing.TB, cmd *exec.Cmd) *proc {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	runtime.LockOSThread() // whose end would be the signal's cause
	defer runtime.UnlockOSThread()
	ok(t, cmd.Start())
	p := &proc{Cmd: cmd, pid: cmd.Process.Pid}
	t.Cleanup(p.end)
	return p
}

// spawn has the test binary play a part, and waits until it does.
func spawn(t testing.TB, part, file string, set ...func(*exec.Cmd)) *proc {
	t.Helper()
	cmd := exec.CommandContext(deadline(t), "/proc/self/exe")
	return awaited(t, playing(cmd, part, file, set...))
}

func playing(cmd *exec.Cmd, part, file string, set ...func(*exec.Cmd)) *exec.Cmd {
	cmd.Env = append(os.Environ(), partVar+"="+part, "FILE="+file, "GORACE=atexit_sleep_ms=0")
	for _, f := range set {
		f(cmd)
	}
	return cmd
}

// awaited starts a command, which prints a line when it is ready.
func awaited(t testing.TB, cmd *exec.Cmd) *proc {
	t.Helper()
	in, err := cmd.StdinPipe()
	ok(t, err)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	cmd.Stderr = os.Stderr
	p := launch(t, cmd)
	p.in = in
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%v says %q, %v", cmd.Args, line, err)
	}
	return p
}

// shell runs a script that says "ready"; its first word is $0.
func shell(t testing.TB, script string) *proc {
	t.Helper()
	return awaited(t, exec.CommandContext(deadline(t), "sh", "-c", script))
}

// program puts a copy of sleep at a path, and returns the path.
func program(t testing.TB, path string) string {
	t.Helper()
	from, err := exec.LookPath("sleep")
	ok(t, err)
	text, err := os.ReadFile(from)
	ok(t, err)
	ok(t, os.WriteFile(path, text, 0o755))
	return path
}

// unique is a name that nothing else on the host has.
func unique(prefix string) string { return fmt.Sprintf("%s%06x", prefix, rand.N(1<<24)) }

// sleeper runs a copy of sleep.
func sleeper(t testing.TB, path string, set ...func(*exec.Cmd)) *proc {
	t.Helper()
	cmd := exec.CommandContext(deadline(t), path, "1000")
	for _, f := range set {
		f(cmd)
	}
	return launch(t, cmd)
}

func asUser(uid, gid int) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
}

// blocked has a process inherit a mask of all signals, so that the kernel keeps
// for us to count whatever it was sent.
func blocked(t testing.TB, start func() *proc) *proc {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, was unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	ok(t, unix.PthreadSigmask(unix.SIG_SETMASK, &all, &was))
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &was, nil)
	return start()
}

// harmed says what a blocked process was sent, "" for nothing.
func (p *proc) harmed() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if value = strings.TrimSpace(value); (name == "SigPnd" || name == "ShdPnd") && strings.Trim(value, "0") != "" {
			return "signals " + value
		}
		if name == "State" && !strings.ContainsAny(value[:1], "RSD") {
			return "state " + value
		}
	}
	return ""
}

// pidfileOf writes a pidfile into a directory of the test's own.
func pidfileOf(t testing.TB, content any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daemon.pid")
	ok(t, os.WriteFile(path, fmt.Appendln(nil, content), 0o644))
	return path
}

func aged(t testing.TB, path string, by time.Duration) {
	t.Helper()
	when := time.Now().Add(-by)
	ok(t, os.Chtimes(path, when, when))
}

// mustFind wants the process found, and evidence that has these words.
func mustFind(t testing.TB, path string, want Want, pid int, evidence ...string) Found {
	t.Helper()
	f, err := ByPidfile(path, want)
	ok(t, err)
	if f.Pid() != pid {
		t.Fatalf("%s: found %v, want %d", path, f, pid)
	}
	t.Cleanup(func() { f.Close() })
	for _, words := range evidence {
		if !strings.Contains(strings.Join(f.Why, "; "), words) {
			t.Errorf("the evidence is %q, without %q", f.Why, words)
		}
	}
	return f
}

// mustNot wants an error of that status, in these words.
func mustNot(t testing.TB, path string, want Want, status int, words ...string) {
	t.Helper()
	f, err := ByPidfile(path, want)
	var e *Error
	if !errors.As(err, &e) || e.Status != status {
		t.Fatalf("%s: %v, %v; want status %d", path, f.Why, err, status)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

// inNamespace runs the calling test anew as PID 1 of a pid namespace with a
// /proc of its own. It is true inside; outside the result is passed on.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaceVar) != "" {
		return true
	}
	need.Root(t)
	cmd := exec.CommandContext(deadline(t), "/proc/self/exe", "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.v", "-test.timeout=100s")
	cmd.Env = append(os.Environ(), namespaceVar+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("in a pid namespace:\n%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in a pid namespace: %v", err)
	}
	return false
}

func enterNamespace() {
	must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(unix.Mount("proc", "/proc", "proc", 0, ""))
}

// reuse starts processes until one has that number.
func reuse(t testing.TB, pid int, start func() *proc) *proc {
	t.Helper()
	for range 300 {
		ok(t, os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Appendf(nil, "%d", pid-1), 0))
		p := start()
		if p.pid == pid {
			return p
		}
		p.end() // a thread of ours was faster
	}
	t.Fatalf("no process got the number %d", pid)
	return nil
}
