package qmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrNoMonitor is returned when nobody listens on the socket.
	ErrNoMonitor = errors.New("nobody listens on the socket")

	// ErrBusy is returned when the socket exists and nobody greets: QEMU
	// serves one client at a time and lets the others wait in silence, and a
	// stopped process serves none.
	ErrBusy = errors.New("no greeting came: another client has it, or QEMU is stopped")

	// ErrStranger is returned when the process that listens is not the one that
	// was asked for.
	ErrStranger = errors.New("somebody else listens on the socket")

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
// address is reached through its directory's descriptor. Where from names
// processes, one of them must be the listener: QEMU's sockets lie where its
// user can put others. It returns ErrNoMonitor when nobody listens, ErrStranger
// when another process does, ErrBusy when the listener's queue stays full.
func Connect(ctx context.Context, path string, from ...int) (net.Conn, error) {
	conn, err := connect(ctx, path)
	if err == nil {
		if err = checkPeer(conn, from); err == nil {
			return conn, nil
		}
		conn.Close()
	}
	switch {
	case errors.Is(err, ErrStranger):
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		err = ErrNoMonitor
	case errors.Is(ctx.Err(), context.Canceled):
		err = context.Cause(ctx)
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, context.DeadlineExceeded):
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
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := patientConnect(ctx, address)
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		return r.conn, r.err
	case <-ctx.Done():
		go func() { // it ends by itself, at the latest with its deadline
			if r := <-done; r.conn != nil {
				r.conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// longestWait is how long a connect waits whose context has no deadline.
const longestWait = time.Minute

// patientConnect waits in the kernel while the listener's queue is full, until
// ctx's deadline: a connect(2) that may block does, up to SO_SNDTIMEO (unix(7),
// socket(7)), where Go's own returns EAGAIN at once.
func patientConnect(ctx context.Context, address string) (net.Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), address)
	defer f.Close()
	wait := longestWait
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(time.Until(deadline), time.Millisecond) // zero would be for ever
	}
	limit := unix.NsecToTimeval(wait.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: address}); err != nil {
		return nil, err
	}
	return net.FileConn(f)
}

// checkPeer wants the listener to be one of from, by SO_PEERCRED (unix(7)):
// the process that called listen(2), which QEMU does on a socket that it was
// handed, too.
func checkPeer(conn net.Conn, from []int) error {
	if len(from) == 0 {
		return nil
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	ctlErr := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(ctlErr, err); err != nil {
		return err
	}
	if !slices.Contains(from, int(peer.Pid)) {
		return fmt.Errorf("%w: process %d", ErrStranger, peer.Pid)
	}
	return nil
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
