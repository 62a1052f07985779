package guest

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// self is this process, nil where it cannot be told from later ones.
func self() *pidfile.Identity {
	p, err := pidfile.Capture(os.Getpid())
	if err != nil {
		return nil
	}
	defer p.Close()
	id := p.Identity()
	return &id
}

// starterSees waits until the start that made proc has seen it become ready:
// some signs of that come once, to whoever listened from the beginning. False
// when that start is gone, or gave up.
func (h *House) starterSees(ctx context.Context, n Name, proc *pidfile.Process, patience time.Duration) bool {
	dir, s, err := h.look(n)
	if err != nil || dir == nil {
		return false
	}
	defer dir.Close()
	if s.Starter == nil || s.Starter.Pid == os.Getpid() {
		return false
	}
	starter, err := pidfile.Recall(*s.Starter)
	if err != nil {
		return false
	}
	defer starter.Close()
	records, err := newRecords(dir)
	if err != nil {
		return false
	}
	defer records.Close()
	ctx, cancel := context.WithDeadline(ctx, s.StartedAt.Add(patience+lastMoment)) // by then it has given up
	defer cancel()
	for _, p := range []*pidfile.Process{starter, proc} {
		go func() {
			if p.Wait(ctx) == nil {
				cancel()
			}
		}()
	}
	stop := context.AfterFunc(ctx, func() { records.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for !h.isReady(n) {
		if ctx.Err() != nil {
			return h.isReady(n) // its last word may have been that
		}
		if _, err := records.Read(make([]byte, 4096)); err != nil && ctx.Err() == nil {
			return false
		}
	}
	return true
}

// newRecords can be read whenever the record in dir was replaced (inotify(7)).
func newRecords(dir *os.File) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if _, err := unix.InotifyAddWatch(fd, fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), unix.IN_MOVED_TO); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
}
