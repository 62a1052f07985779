package pidfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Signal sends sig to the process, through its pidfd. It returns ErrGone when
// the process has ended, and a *RefusedError for what must never be hit by a
// mistake above: ourselves, our ancestors, PID 1, kernel threads.
func (p *Process) Signal(sig unix.Signal) error {
	if why := p.untouchable(); why != "" {
		return &RefusedError{p.id.Pid, why}
	}
	err := os.ErrClosed
	if closed := p.withFd(func(fd int) { err = send(fd, sig) }); closed != nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("cannot signal process %d: %w", p.id.Pid, err)
	}
	return nil
}

// send asks poll first, because the kernel takes signals to a zombie.
func send(pidfd int, sig unix.Signal) error {
	if ended(pidfd) {
		return ErrGone
	}
	switch err := unix.PidfdSendSignal(pidfd, sig, nil, 0); err {
	case nil:
		return nil
	case unix.ESRCH:
		return ErrGone
	default:
		return os.NewSyscallError("pidfd_send_signal", err)
	}
}

// untouchable says why the process is never signalled, "" when it may be.
func (p *Process) untouchable() string {
	switch pid := p.id.Pid; {
	case pid == 1:
		return "it is PID 1"
	case pid == os.Getpid():
		return "it is this very process"
	case isAncestor(pid):
		return "this command runs below it"
	}
	if s, err := p.stat(); err == nil && s.flags&kernelThread != 0 {
		return "it is a kernel thread"
	}
	return ""
}

// isAncestor walks up from our parent. An ancestor that we cannot read belongs
// to somebody else, and then the kernel does not let us signal it either. One
// that ends meanwhile hands us to its own parent: begin again.
func isAncestor(pid int) bool {
	for range 4 {
		above := os.Getppid()
		for above > 1 {
			if above == pid {
				return true
			}
			s, err := readStat(above)
			if err != nil {
				break
			}
			above = s.ppid
		}
		if above <= 1 {
			return false
		}
	}
	return false
}
