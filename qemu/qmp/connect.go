package qmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

var (
	// ErrNoMonitor is returned when nobody listens on the socket.
	ErrNoMonitor = errors.New("nobody listens on the socket")

	// ErrBusy is returned when the socket exists and nobody greets: QEMU
	// serves one client at a time and lets the others wait in silence, and a
	// stopped process serves none.
	ErrBusy = errors.New("no greeting came: another client has it, or QEMU is stopped")

	// ErrSilent is returned when the other side took a request and no answer
	// came in time.
	ErrSilent = errors.New("no answer came in time")

	// ErrClosed is returned for a command whose session ended before the
	// reply: the last one of a QEMU that ends.
	ErrClosed = errors.New("the connection is closed")
)

// sunPath is the room for a path in a socket's address, with its NUL (unix(7)).
const sunPath = 108

// Connect connects to a socket of QEMU's. A path that does not fit into an
// address is reached through its directory's descriptor. It returns
// ErrNoMonitor when nobody listens, ErrBusy when the listener's queue is full.
func Connect(ctx context.Context, path string) (net.Conn, error) {
	conn, err := connect(ctx, path)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		err = ErrNoMonitor
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, syscall.EAGAIN): // a connect that may block would wait here, unix(7)
		err = ErrBusy
	}
	return nil, fmt.Errorf("cannot connect to %s: %w", path, err)
}

func connect(ctx context.Context, path string) (net.Conn, error) {
	address := path
	if len(path) >= sunPath {
		dir, err := os.OpenFile(filepath.Dir(path), os.O_RDONLY|syscall.O_DIRECTORY, 0)
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		address = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	}
	return (&net.Dialer{}).DialContext(ctx, "unix", address)
}

// bound makes the reads or writes whose deadline set moves end with ctx. The
// function that it returns lifts the bound, and must be called.
func bound(ctx context.Context, set func(time.Time) error) (lift func()) {
	deadline, _ := ctx.Deadline() // the zero time is none
	set(deadline)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		set(time.Unix(1, 0))
		close(ended)
	})
	return func() {
		if !stop() {
			<-ended // else it would move the deadline after us
		}
		set(time.Time{})
	}
}

// late is what happened for want of time, with the reason when that was not
// ctx's deadline but somebody who gave up.
func late(ctx context.Context, what error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", what, cause)
	}
	return what
}
