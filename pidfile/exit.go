package pidfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ExitStatus is how a process ended.
type ExitStatus struct {
	Code   int         `json:"code"`             // of exit(2); 0 when a signal ended it
	Signal unix.Signal `json:"signal,omitempty"` // that ended it; 0 when it exited
	Core   bool        `json:"core,omitempty"`   // it dumped core

	// Late says that it was asked for after the process was reaped. Of the first
	// process of a pid namespace the kernel then hides that it called reboot(2),
	// or had it called: status 0 or SIGKILL stand for SIGINT and SIGHUP
	// (kernel/pid_namespace.c sets signal->group_exit_code, fs/pidfs.c keeps
	// task->exit_code).
	Late bool `json:"-"`
}

// String gives "exit status 3", "killed by SIGSEGV" or "killed by SIGSEGV (core
// dumped)".
func (s ExitStatus) String() string {
	if s.Signal == 0 {
		return fmt.Sprintf("exit status %d", s.Code)
	}
	name := unix.SignalName(s.Signal)
	if name == "" {
		name = fmt.Sprintf("signal %d", int(s.Signal))
	}
	if s.Core {
		return "killed by " + name + " (core dumped)"
	}
	return "killed by " + name
}

// Exit returns how the process ended, child of ours or not, reaped or not. It
// is false while the process runs, and where the kernel does not tell: before
// Linux 6.15 that is once the process was reaped.
func (p *Process) Exit() (ExitStatus, bool) {
	if !p.Ended() {
		return ExitStatus{}, false
	}
	if ws, ok := p.zombieStatus(); ok {
		return exitStatus(ws), true
	}
	ws, ok := p.reapedStatus()
	if !ok {
		return ExitStatus{}, false
	}
	s := exitStatus(ws)
	s.Late = true
	return s, true
}

// reapedStatus asks the pidfd, which knows from the moment of reaping on.
func (p *Process) reapedStatus() (ws unix.WaitStatus, ok bool) {
	if p.withFd(func(fd int) { ws, ok = p.k.exit(fd) }) != nil {
		return 0, false
	}
	return ws, ok
}

// zombieStatus reads field 52 of /proc/PID/stat. It is 0 when we may not know;
// reading the link exe needs the same permission (PTRACE_MODE_READ_FSCREDS),
// and of a zombie it does not exist.
func (p *Process) zombieStatus() (unix.WaitStatus, bool) {
	if _, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.id.Pid)); !vanished(err) {
		return 0, false
	}
	s, err := p.stat()
	return unix.WaitStatus(s.exit), err == nil
}

func exitStatus(ws unix.WaitStatus) ExitStatus {
	if ws.Signaled() {
		return ExitStatus{Signal: unix.Signal(ws.Signal()), Core: ws.CoreDump()}
	}
	return ExitStatus{Code: ws.ExitStatus()}
}
