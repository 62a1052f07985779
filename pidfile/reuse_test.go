package pidfile

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The number of a guest that ended is given to a decoy: it must not be found,
// let alone hit, whatever the pidfile says and whatever the kernel can do.
func TestReusedNumber(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	onKernels(t, func(t *testing.T, k kernel) {
		dir := guestDir(t)
		g := guest(t, dir)
		held, err := k.capture(g.pid)
		ok(t, err)
		defer held.Close()
		rec := held.Identity()
		g.kill()
		d := reuse(t, g.pid, func() *decoy { return startDecoy(t) })
		for startOf(t, d.pid) == rec.StartTicks { // that is TestReusedWithinOneTick's matter
			d.end()
			d = reuse(t, g.pid, func() *decoy { return startDecoy(t) })
		}
		if content, err := ReadPid(dir, PidFile); err != nil || content != d.pid {
			t.Fatalf("the pidfile does not name the decoy: %d, %v", content, err)
		}
		if err := held.Signal(unix.SIGKILL); !errors.Is(err, ErrGone) {
			t.Errorf("by the pidfd of before: %v", err)
		}
		if _, err := held.Stopped(); !errors.Is(err, ErrGone) {
			t.Errorf("state of what is gone: %v", err)
		}
		ok(t, held.Wait(t.Context()))
		for _, want := range []Expect{{}, expected(dir)} {
			mustNotRun(t, k, dir, &rec, want)
			mustNotRun(t, k, dir, nil, want)
		}
		d.mustBeUnharmed(t)
		d.end()
	})
}

// Two processes with one number that started within one clock tick look the
// same to a kernel before 6.9, but for what they run.
func TestReusedWithinOneTick(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	k := kernels["start time"]
	for range 300 {
		dir := guestDir(t)
		first := startDecoy(t)
		p := capture(t, first.pid)
		rec := p.Identity()
		first.end()
		d := reuse(t, rec.Pid, func() *decoy { return startDecoy(t) })
		if startOf(t, d.pid) != rec.StartTicks {
			d.end()
			continue
		}
		rec.Exe, rec.ExeIno = "/usr/bin/qemu-system-x86_64", 1 // as if a guest had had it
		mustDoubt(t, k, dir, &rec, Expect{}, "start time of the state record", "instead of /usr/bin/qemu")
		mustDoubt(t, k, dir, &rec, expected(dir), "start time of the state record")
		mustNotRun(t, kernels["inode"], dir, &rec, expected(dir))
		mustNotRun(t, kernels["handle"], dir, &rec, expected(dir))
		d.mustBeUnharmed(t)
		return
	}
	t.Fatal("never were two processes started within one tick")
}

func startOf(t testing.TB, pid int) uint64 {
	t.Helper()
	s, err := readStat(pid)
	ok(t, err)
	return s.start
}

// A process that locks the pidfile from another pid namespace.
func TestForeignNamespace(t *testing.T) {
	dir := guestDir(t)
	inner := func(cmd *exec.Cmd) {
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID
		if os.Geteuid() != 0 {
			missing(t, "root")
		}
	}
	g := guest(t, dir, inner)
	wantHolder(t, dir, g.pid) // the kernel translates: inside it is PID 1, and so says the content
	if content, err := ReadPid(dir, PidFile); err != nil || content != 1 {
		t.Fatalf("content is %d, %v", content, err)
	}
	if p, how := mustFind(t, kernel{}, dir, nil, expected(dir)); p.Pid() != g.pid || how != ByLock {
		t.Errorf("found %d by %s", p.Pid(), how)
	}
	rec := capture(t, g.pid).Identity()
	lookFromInside(t, dir, &rec)
}

// lookFromInside finds, from a pid namespace that cannot see the guest.
func lookFromInside(t *testing.T, dir *os.File, rec *Identity) {
	t.Helper()
	cmd := exec.CommandContext(deadline(t), "/proc/self/exe")
	cmd.Env = append(os.Environ(), partVar+"=look", "FILE="+dir.Name(), "REC="+toJSON(t, rec))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{
		"find: cannot tell which process", "another pid namespace",
		"find by record: cannot tell which process",
		"holder: 0 true cannot tell who locks",
		"capture: cannot identify process 1: cannot use /proc: it belongs to another pid namespace",
		"number of a pidfd: cannot identify the process of a pidfd: cannot use /proc",
	}
	for _, text := range want {
		if !strings.Contains(string(out), text) {
			t.Errorf("from inside there is no %q:\n%s", text, out)
		}
	}
}
