package pidfile

import (
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// grandchild starts a process that is not our child and whose parent reaps it.
func grandchild(t *testing.T) (*child, *Process) {
	t.Helper()
	parent := spawn(t, "parent")
	p := capture(t, parent.told)
	if s, err := p.stat(); err != nil || s.ppid != parent.pid {
		t.Fatalf("parent of the grandchild: %d, %v", s.ppid, err)
	}
	return parent, p
}

// awaitReaped waits until only the pidfd remembers the process.
func awaitReaped(t *testing.T, p *Process) {
	t.Helper()
	ok(t, p.Wait(t.Context()))
	for {
		gone := false
		ok(t, p.withFd(func(fd int) { gone = reaped(fd) }))
		if gone {
			return
		}
	}
}

func TestExitOfNonChild(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(*child, *Process)
		want ExitStatus
		text string
	}{
		"code":   {func(parent *child, _ *Process) { parent.say(t, "exit 42") }, ExitStatus{Code: 42}, "exit status 42"},
		"zero":   {func(parent *child, _ *Process) { parent.say(t, "exit 0") }, ExitStatus{}, "exit status 0"},
		"signal": {func(_ *child, p *Process) { ok(t, p.Signal(unix.SIGTERM)) }, ExitStatus{Signal: unix.SIGTERM}, "killed by SIGTERM"},
		"kill":   {func(_ *child, p *Process) { ok(t, p.Signal(unix.SIGKILL)) }, ExitStatus{Signal: unix.SIGKILL}, "killed by SIGKILL"},
	} {
		t.Run(name, func(t *testing.T) {
			parent, p := grandchild(t)
			if _, known := p.Exit(); known {
				t.Error("known while it runs")
			}
			c.act(parent, p)
			ok(t, p.Wait(t.Context()))
			// Zombie or reaped: at no moment may it be unknown.
			for range 200 {
				got, known := p.Exit()
				got.Late = false
				if !known || got != c.want {
					t.Fatalf("got %v, %v; want %v", got, known, c.want)
				}
			}
			awaitReaped(t, p)
			got, known := p.Exit()
			if !known {
				missing(t, "Linux 6.15 for PIDFD_INFO_EXIT")
			}
			if c.want.Late = true; got != c.want || got.String() != c.text {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// Before Linux 6.15 a zombie's status is known, a reaped process's is not.
func TestExitOnOldKernel(t *testing.T) {
	c := spawn(t, "wait")
	p := capture(t, c.pid)
	p.k.noExit = true
	c.say(t, "exit 7")
	ok(t, p.Wait(t.Context()))
	if got, known := p.Exit(); !known || got.Code != 7 {
		t.Errorf("of a zombie: %v, %v", got, known)
	}
	c.reap()
	if got, known := p.Exit(); known {
		t.Errorf("of a reaped process: %v", got)
	}
}

// Who may not look must not be told that all went well: field 52 reads 0 then.
func TestExitOfForeignZombie(t *testing.T) {
	needRoot(t)
	c := spawn(t, "wait")
	p := capture(t, c.pid)
	p.k.noExit = true
	ok(t, p.Signal(unix.SIGKILL))
	ok(t, p.Wait(t.Context()))
	asNobody(t, func() {
		if got, known := p.Exit(); known {
			t.Errorf("nobody knows: %v", got)
		}
	})
	if got, known := p.Exit(); !known || got.Signal != unix.SIGKILL {
		t.Errorf("root: %v, %v", got, known)
	}
}

func TestExitStatusText(t *testing.T) {
	for _, c := range []struct {
		raw  unix.WaitStatus
		want string
	}{
		{0, "exit status 0"},
		{255 << 8, "exit status 255"},
		{11, "killed by SIGSEGV"},
		{11 | 0x80, "killed by SIGSEGV (core dumped)"},
		{40, "killed by signal 40"},
	} {
		if got := exitStatus(c.raw).String(); got != c.want {
			t.Errorf("%#x: %q, want %q", c.raw, got, c.want)
		}
	}
}

// Whether a core was dumped depends on the machine; what the kernel tells the
// parent must be what we tell.
func TestExitCore(t *testing.T) {
	cmd := exec.CommandContext(deadline(t), "sh", "-c", "ulimit -c unlimited; read go; kill -ABRT $$")
	cmd.Dir = t.TempDir()
	in, err := cmd.StdinPipe()
	ok(t, err)
	ok(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	p := capture(t, cmd.Process.Pid)
	ok(t, in.Close())
	cmd.Wait()
	told := cmd.ProcessState.Sys().(syscall.WaitStatus)
	got, known := p.Exit()
	if !known {
		missing(t, "Linux 6.15 for PIDFD_INFO_EXIT")
	}
	if want := (ExitStatus{Signal: unix.SIGABRT, Core: told.CoreDump(), Late: true}); got != want {
		t.Errorf("got %v, the parent was told %v", got, want)
	}
}
