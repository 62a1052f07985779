package pidfile

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// awaitState waits until the process is in the state of proc_pid_stat(5).
func awaitState(t testing.TB, pid int, state byte) {
	t.Helper()
	for range 5000 {
		if s, err := readStat(pid); err == nil && s.state == state {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("process %d does not come to state %c", pid, state)
}

func TestCapture(t *testing.T) {
	c := spawn(t, "wait")
	id := capture(t, c.pid).Identity()
	exe, err := os.Stat("/proc/self/exe")
	ok(t, err)
	st := exe.Sys().(*syscall.Stat_t)
	boot, err := BootID()
	ok(t, err)
	s, err := readStat(c.pid)
	ok(t, err)
	want := Identity{Pid: c.pid, BootID: boot, StartTicks: s.start, Exe: testBinary,
		ExeDev: uint64(st.Dev), ExeIno: st.Ino, Cgroup: cgroupOf(os.Getpid()), Handle: id.Handle, Inode: id.Inode}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Error(diff)
	}
	if id.Handle == "" || id.Inode == 0 {
		missing(t, "Linux 6.14 for pidfs handles")
	}
	again := capture(t, c.pid).Identity()
	if diff := cmp.Diff(id, again); diff != "" {
		t.Error("captured twice:", diff)
	}
	other := capture(t, spawn(t, "wait").pid).Identity()
	if other.Handle == id.Handle || other.Inode == id.Inode {
		t.Error("two processes have one handle or inode")
	}
}

// The state record outlives this version of the program.
func TestIdentityJSON(t *testing.T) {
	id := Identity{Pid: 12, BootID: "b", Handle: "000000fe01", Inode: 1 << 60, StartTicks: 5, Exe: "/bin/q", ExeDev: 6, ExeIno: 7, Cgroup: "/c"}
	text, err := json.Marshal(id)
	ok(t, err)
	want := `{"pid":12,"boot_id":"b","handle":"000000fe01","inode":1152921504606846976,"start_ticks":5,"exe":"/bin/q","exe_dev":6,"exe_ino":7,"cgroup":"/c"}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var back Identity
	ok(t, json.Unmarshal(text, &back))
	if back != id {
		t.Error(cmp.Diff(id, back))
	}
}

func TestCaptureRefuses(t *testing.T) {
	gone := spawn(t, "wait")
	gone.kill()
	zombie := spawn(t, "wait")
	p := capture(t, zombie.pid)
	ok(t, p.Signal(unix.SIGKILL))
	ok(t, p.Wait(t.Context())) // state Z alone is too early: it comes with the end of the first thread
	for name, c := range map[string]struct {
		pid  int
		k    kernel
		want error
	}{
		"reaped":         {gone.pid, kernel{}, ErrGone},
		"zombie":         {zombie.pid, kernel{}, ErrGone},
		"never given":    {maxPid, kernel{}, ErrGone},
		"zero":           {0, kernel{}, nil},
		"minus one":      {-1, kernel{}, nil},
		"beyond maximum": {maxPid + 1, kernel{}, nil},
		"old kernel":     {os.Getpid(), kernel{noPidfd: true}, ErrNoPidfd},
	} {
		p, err := c.k.capture(c.pid)
		if err == nil {
			p.Close()
		}
		if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
			t.Errorf("%s: error is %v, want %v", name, err, c.want)
		}
	}
}

// A thread's number is no process.
func TestCaptureThread(t *testing.T) {
	tasks, err := os.ReadDir("/proc/self/task")
	ok(t, err)
	for _, task := range tasks {
		pid, err := parsePid([]byte(task.Name()))
		ok(t, err)
		if pid == os.Getpid() {
			continue
		}
		if _, err := Capture(pid); !errors.Is(err, ErrGone) {
			t.Errorf("thread %d: error is %v", pid, err)
		}
		return
	}
	t.Fatal("a Go program with one thread")
}

func TestFromPidfd(t *testing.T) {
	for _, k := range []kernel{{}, {noInfo: true}, {noInfo: true, noInode: true, noHandle: true}} {
		fd := -1
		c := spawn(t, "wait", func(cmd *exec.Cmd) { cmd.SysProcAttr.PidFD = &fd })
		p, err := k.fromPidfd(fd)
		ok(t, err)
		defer p.Close()
		if p.Pid() != c.pid {
			t.Errorf("%+v: number is %d, want %d", k, p.Pid(), c.pid)
		}
		ok(t, p.Signal(unix.SIGTERM))
		ok(t, p.Wait(t.Context()))
		c.done = true
		if err := c.Wait(); err == nil || err.Error() != "signal: terminated" {
			t.Errorf("%+v: os/exec says %v", k, err) // EAGAIN, had we made its pidfd non-blocking
		}
		if _, err := k.fromPidfd(fd); !errors.Is(err, ErrGone) {
			t.Errorf("%+v: of a reaped process: %v", k, err)
		}
		unix.Close(fd)
	}
	r, w, err := os.Pipe()
	ok(t, err)
	defer r.Close()
	defer w.Close()
	if _, err := FromPidfd(int(r.Fd())); err == nil || !strings.Contains(err.Error(), "no pidfd") {
		t.Errorf("of a pipe: %v", err)
	}
}

func TestStopped(t *testing.T) {
	c := spawn(t, "wait")
	p := capture(t, c.pid)
	is := func(want bool) {
		t.Helper()
		got, err := p.Stopped()
		ok(t, err)
		if got != want {
			t.Errorf("stopped is %v", got)
		}
	}
	is(false)
	ok(t, p.Signal(unix.SIGSTOP))
	awaitState(t, c.pid, 'T')
	is(true)
	ok(t, p.Signal(unix.SIGCONT))
	awaitState(t, c.pid, 'S')
	is(false)
	ok(t, p.Signal(unix.SIGSTOP))
	awaitState(t, c.pid, 'T')
	ok(t, p.Signal(unix.SIGKILL)) // ends a stopped one, too
	ok(t, p.Wait(t.Context()))
	for range 2 { // zombie, then reaped
		if _, err := p.Stopped(); !errors.Is(err, ErrGone) {
			t.Errorf("error is %v", err)
		}
		c.reap()
	}
}

// Stopped tells when /proc is not about the process that is held.
func TestStatOfAnother(t *testing.T) {
	p := capture(t, spawn(t, "wait").pid)
	p.id.StartTicks++
	if _, err := p.Stopped(); !errors.Is(err, errOther) {
		t.Errorf("error is %v", err)
	}
}

func TestClosed(t *testing.T) {
	p := capture(t, spawn(t, "wait").pid)
	ok(t, p.Close())
	if p.Ended() {
		t.Error("a closed process has ended")
	}
	if err := p.Signal(unix.SIGTERM); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Signal: %v", err)
	}
	if err := p.Wait(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Wait: %v", err)
	}
	if _, err := p.Stopped(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Stopped: %v", err)
	}
	if _, known := p.Exit(); known {
		t.Error("Exit knows")
	}
}
