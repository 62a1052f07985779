package pidfile

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Process is an identified process, held by a pidfd: whatever happens to its
// number, it stays this one. Its methods may be called concurrently.
type Process struct {
	k  kernel
	fd *os.File
	id Identity
}

// Capture identifies the process that has the number pid now. The caller says
// by other means that it is the right one: see Find. It returns ErrGone when
// there is none (or a zombie), ErrNoPidfd on a kernel before Linux 5.3.
func Capture(pid int) (*Process, error) { return kernel{}.capture(pid) }

// FromPidfd identifies the process behind a pidfd, such as the one that
// SysProcAttr.PidFD gives for a child. The caller keeps fd and closes it.
func FromPidfd(fd int) (*Process, error) { return kernel{}.fromPidfd(fd) }

func (k kernel) capture(pid int) (*Process, error) {
	if pid < 1 || pid > maxPid {
		return nil, fmt.Errorf("cannot identify process %d: no process has that number", pid)
	}
	fd, err := k.open(pid)
	if err != nil {
		return nil, fmt.Errorf("cannot identify process %d: %w", pid, err)
	}
	p := k.hold(fd, Identity{Pid: pid})
	if err := p.identify(); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot identify process %d: %w", pid, err), p.Close())
	}
	return p, nil
}

// fromPidfd opens a pidfd of its own: O_NONBLOCK, which Wait sets, belongs to
// the open file, and on the caller's it would break waitid(P_PIDFD) and with it
// os/exec.
func (k kernel) fromPidfd(fd int) (*Process, error) {
	pid, err := k.pid(fd)
	if err != nil {
		return nil, fmt.Errorf("cannot identify the process of a pidfd: %w", err)
	}
	p, err := k.capture(pid)
	if err != nil {
		return nil, err
	}
	if reaped(fd) || p.id.Inode != k.inode(fd) {
		return nil, errors.Join(fmt.Errorf("cannot identify process %d: %w", pid, ErrGone), p.Close())
	}
	return p, nil
}

func (k kernel) hold(fd int, id Identity) *Process {
	return &Process{k: k, fd: os.NewFile(uintptr(fd), fmt.Sprintf("pidfd:%d", id.Pid)), id: id}
}

// identify fills in the identity, and makes sure at the end that the number
// belonged to the process behind the pidfd all the while.
func (p *Process) identify() error {
	if err := ownProc(); err != nil {
		return err
	}
	boot, err := BootID()
	if err != nil {
		return err
	}
	s, unread := readStat(p.id.Pid)
	p.id.BootID = boot
	p.id.StartTicks = s.start
	p.id.Exe, p.id.ExeDev, p.id.ExeIno = exeOf(p.id.Pid)
	p.id.Cgroup = cgroupOf(p.id.Pid)
	p.withFd(func(fd int) {
		p.id.Handle = p.k.handle(fd)
		p.id.Inode = p.k.inode(fd)
	})
	if p.Ended() {
		return ErrGone
	}
	return unread
}

// Pid returns the process number, in the pid namespace of whoever captured it.
func (p *Process) Pid() int { return p.id.Pid }

// Identity returns what a state record should keep.
func (p *Process) Identity() Identity { return p.id }

// Close lets go of the process; nothing happens to it.
func (p *Process) Close() error { return p.fd.Close() }

// withFd runs f with the pidfd, or returns os.ErrClosed.
func (p *Process) withFd(f func(fd int)) error {
	conn, err := p.fd.SyscallConn()
	if err == nil {
		err = conn.Control(func(fd uintptr) { f(int(fd)) })
	}
	if err != nil {
		return os.ErrClosed // there is no other reason
	}
	return nil
}

// errOther says that a number belongs to a process that started at another time.
var errOther = errors.New("/proc shows another process under its number")

// stat reads the process's own stat line. The pidfd says afterwards that the
// number was not given to another in between.
func (p *Process) stat() (stat, error) {
	s, err := readStat(p.id.Pid)
	gone := true
	if err := p.withFd(func(fd int) { gone = reaped(fd) }); err != nil {
		return stat{}, err
	}
	switch {
	case gone:
		return stat{}, ErrGone
	case err != nil:
		return stat{}, err
	case s.start != p.id.StartTicks:
		return stat{}, errOther
	}
	return s, nil
}

// Stopped reports whether the process is stopped by a signal or a debugger
// (state T or t), so that it reacts to nothing but SIGKILL and SIGCONT.
func (p *Process) Stopped() (bool, error) {
	if p.Ended() {
		return false, fmt.Errorf("cannot read the state of process %d: %w", p.id.Pid, ErrGone)
	}
	s, err := p.stat()
	if err != nil {
		return false, fmt.Errorf("cannot read the state of process %d: %w", p.id.Pid, err)
	}
	return s.state == 'T' || s.state == 't', nil
}

// Parent returns the number of the process's parent at this moment. It says
// whose child this one is only while the caller holds that parent too.
func (p *Process) Parent() (int, error) {
	s, err := p.stat()
	if err != nil {
		return 0, fmt.Errorf("cannot read the parent of process %d: %w", p.id.Pid, err)
	}
	return s.ppid, nil
}

// ended reports whether the process behind a pidfd is a zombie or gone: only
// then does poll(2) find it readable (pidfd_open(2)).
func ended(pidfd int) bool {
	set := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(set, 0)
	return err == nil && n == 1 && set[0].Revents&unix.POLLIN != 0
}

// reaped reports whether the process is gone for good, so that its number is
// free: a zombie still takes signal 0, which is none.
func reaped(pidfd int) bool {
	return unix.PidfdSendSignal(pidfd, 0, nil, 0) == unix.ESRCH
}
