package pidfile

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary is its own helper: started with this variable set it plays
// one part and never runs a test.
const partVar = "PIDFILE_TEST_PART"

func TestMain(m *testing.M) {
	if part := os.Getenv(partVar); part != "" {
		play(part)
	}
	if os.Getenv(namespaceVar) != "" {
		enterNamespace()
	}
	os.Exit(m.Run())
}

// play never returns. Every part ends at the latest when its stdin does.
func play(part string) {
	file := os.Getenv("FILE")
	switch part {
	case "wait": // hold nothing but what was inherited
		ready()
	case "lock": // be a process that locks its pidfile, as QEMU is
		lockPidfile(file)
		ready()
	case "share":
		lockPidfile(file)
		fmt.Println("ready", cloneFiles())
	case "parent": // have a child that waits, tell its number, reap it
		child := exec.Command("/proc/self/exe")
		child.Args, child.Env = os.Args, append(os.Environ(), partVar+"=wait")
		child.Stdin, child.Stderr = os.Stdin, os.Stderr
		out, err := child.StdoutPipe()
		must(err)
		must(child.Start())
		_, err = bufio.NewReader(out).ReadString('\n')
		must(err)
		fmt.Println("ready", child.Process.Pid)
		child.Wait()
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	case "spend": // 200 ms of processor time, 32 MiB of memory
		spend()
	case "look":
		look(file)
	case "count":
		countUnderLock(file)
	case "write":
		writeForever(file)
	default:
		panic("no such part: " + part)
	}
	obey()
}

// obey does what the lines of stdin say.
func obey() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		verb, arg, _ := strings.Cut(in.Text(), " ")
		switch verb {
		case "exit":
			code, _ := strconv.Atoi(arg)
			os.Exit(code)
		case "unlink":
			must(os.Remove(os.Getenv("FILE")))
			fmt.Println("done")
		}
	}
	os.Exit(0)
}

func ready() { fmt.Println("ready", os.Getpid()) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// lockPidfile does what QEMU does with -pidfile; the file stays open for life.
func lockPidfile(path string) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	must(err)
	kind := int16(unix.F_WRLCK)
	if os.Getenv("LOCK") == "read" {
		unix.Close(fd)
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		must(err)
		kind = unix.F_RDLCK
	}
	must(unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: kind}))
	if kind == unix.F_WRLCK {
		must(unix.Ftruncate(fd, 0))
		_, err = fmt.Fprintf(os.NewFile(uintptr(fd), path), "%d\n", os.Getpid())
		must(err)
	}
}

// child is a helper process.
type child struct {
	*exec.Cmd
	pid  int
	told int // the number on its ready line
	in   io.WriteCloser
	out  *bufio.Reader
	done bool
}

// spawn starts a part and waits until it is ready. The process ends with the
// test at the latest.
func spawn(t testing.TB, part string, set ...func(*exec.Cmd)) *child {
	t.Helper()
	cmd := exec.CommandContext(deadline(t), "/proc/self/exe")
	cmd.Args = []string{os.Args[0]}
	cmd.Env = append(os.Environ(), partVar+"="+part, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	for _, f := range set {
		f(cmd)
	}
	in, err := cmd.StdinPipe()
	ok(t, err)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	c := &child{Cmd: cmd, pid: cmd.Process.Pid, in: in, out: bufio.NewReader(out)}
	t.Cleanup(c.kill)
	line := c.line(t)
	if _, err := fmt.Sscanf(line, "ready %d", &c.told); err != nil {
		t.Fatalf("helper %s said %q", part, line)
	}
	return c
}

func env(assignment string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, assignment) }
}

func args(args ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, args...) }
}

func inherit(f *os.File) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{f} }
}

func (c *child) line(t testing.TB) string {
	t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatalf("helper ended: %v", err)
	}
	return line
}

func (c *child) say(t testing.TB, line string) {
	t.Helper()
	_, err := io.WriteString(c.in, line+"\n")
	ok(t, err)
}

// reap waits for the end and takes the zombie away.
func (c *child) reap() {
	if !c.done {
		c.done = true
		c.Wait()
	}
}

func (c *child) kill() {
	if !c.done {
		c.Process.Kill()
		c.reap()
	}
}

// deadline bounds what a test starts.
func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// missing ends a test that the machine has not got what it takes for.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s", what)
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "root")
	}
}

func isA[E error](t testing.TB, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("error is %v (%[1]T), want a %T", err, e)
	}
	return e
}

// guestDir gives an empty directory of ours.
func guestDir(t testing.TB) *os.File {
	t.Helper()
	dir, err := OpenDir(t.TempDir()+"/run/guestrc/qemu.db", true)
	ok(t, err)
	t.Cleanup(func() { dir.Close() })
	return dir
}

func pidfileOf(dir *os.File) string { return dir.Name() + "/" + PidFile }

// guest starts a process that locks the pidfile of dir and looks as a guest does.
func guest(t testing.TB, dir *os.File, set ...func(*exec.Cmd)) *child {
	t.Helper()
	path := pidfileOf(dir)
	return spawn(t, "lock", append([]func(*exec.Cmd){env("FILE=" + path), args("-pidfile", path)}, set...)...)
}

// expected is what guest looks like.
func expected(dir *os.File) Expect {
	return Expect{Exe: testBinary, Arg: []string{"-pidfile", pidfileOf(dir)}}
}

// testBinary is where this binary was started from.
var testBinary, _ = os.Executable()

func capture(t testing.TB, pid int) *Process {
	t.Helper()
	p, err := Capture(pid)
	ok(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// look is a part of the helper, played in a pid namespace with a foreign /proc:
// it prints what is found there.
func look(path string) {
	dir, err := OpenDir(path, false)
	must(err)
	var rec Identity
	must(json.Unmarshal([]byte(os.Getenv("REC")), &rec))
	_, _, err = Find(dir, nil, expected(dir))
	fmt.Println("find:", err)
	_, _, err = Find(dir, &rec, expected(dir))
	fmt.Println("find by record:", err)
	pid, held, err := Holder(dir, PidFile)
	fmt.Println("holder:", pid, held, err)
	_, err = Capture(os.Getpid())
	fmt.Println("capture:", err)
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	must(err)
	_, err = kernel{noInfo: true}.fromPidfd(fd)
	fmt.Println("number of a pidfd:", err)
	os.Exit(0)
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	ok(t, err)
	return string(text)
}
