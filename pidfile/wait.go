package pidfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Ended reports, without waiting, whether the process has ended. A zombie has.
// After Close nothing is known and the answer is false.
func (p *Process) Ended() bool {
	var yes bool
	if p.withFd(func(fd int) { yes = ended(fd) }) != nil {
		return false
	}
	return yes
}

// Wait returns nil once the process has ended, ctx's error when ctx ended
// first. It sleeps in the runtime's epoll on the pidfd: no thread, no timer.
func (p *Process) Wait(ctx context.Context) error {
	watch, err := p.watch()
	if err != nil {
		return fmt.Errorf("cannot wait for process %d: %w", p.id.Pid, err)
	}
	defer watch.Close()
	conn, err := watch.SyscallConn()
	if err != nil {
		return fmt.Errorf("cannot wait for process %d: %w", p.id.Pid, err)
	}
	stop := context.AfterFunc(ctx, func() { watch.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var gone bool
	err = conn.Read(func(fd uintptr) bool {
		gone = ended(int(fd))
		return gone
	})
	switch {
	case gone || p.Ended(): // ctx may have ended before the pidfd was asked
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ctx.Err()
	}
	return fmt.Errorf("cannot wait for process %d: %w", p.id.Pid, err)
}

// watch gives a second descriptor of the pidfd, so that each Wait has a
// deadline of its own.
func (p *Process) watch() (*os.File, error) {
	fd, err := -1, error(nil)
	if closed := p.withFd(func(pidfd int) {
		fd, err = unix.FcntlInt(uintptr(pidfd), unix.F_DUPFD_CLOEXEC, 0)
	}); closed != nil {
		return nil, closed
	}
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // os.NewFile polls only such
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), p.fd.Name()), nil
}
