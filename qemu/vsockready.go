package qemu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

// What one guest may send us. systemd's messages have at most 4096 bytes
// (NOTIFY_BUFFER_MAX), each on a connection of its own, which it shuts down.
const (
	notifyRoom  = 4096            // bytes on a connection
	notifyTime  = 5 * time.Second // until then it must have said all
	notifyConns = 4               // at a time; more are closed unheard
	notifyTexts = 16              // that are shown; a guest may send any number
	textRoom    = 200             // bytes of one
)

// notice is a line of sd_notify(3) that means something to us.
type notice struct {
	ready  bool
	status string
}

// parseNotice reads one line; what is not for us is the zero notice.
func parseNotice(line string) notice {
	if line == "READY=1" {
		return notice{ready: true}
	}
	text, ok := strings.CutPrefix(line, "STATUS=")
	if !ok {
		return notice{}
	}
	return notice{status: strings.ToValidUTF8(text[:min(len(text), textRoom)], "")}
}

// conn is a connection from a guest, and caller who is at its other end.
type conn interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}

type caller struct{ cid, port uint32 }

// firstFreePort is the first port in a guest that not only its root can send
// from. systemd's PID 1 sends from one below (sd_notify(3)).
const firstFreePort = 1024

// vsockListener listens on a port of the host's, for all guests: the kernel
// says who calls.
type vsockListener struct{ f *os.File }

func listenVsock(port uint32) (*vsockListener, error) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		if err = unix.Bind(fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: port}); err == nil {
			err = unix.Listen(fd, unix.SOMAXCONN)
		}
		if err != nil {
			unix.Close(fd)
		}
	}
	hint := ""
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		hint = "another start of the guest may be waiting for it"
	case errors.Is(err, unix.EAFNOSUPPORT):
		hint = "modprobe vhost_vsock"
	}
	if err != nil {
		return nil, &guest.Error{Status: guest.StatusFailed, Msg: fmt.Sprintf("cannot listen on vsock port %d", port), Err: err, Hint: hint}
	}
	return &vsockListener{os.NewFile(uintptr(fd), "vsock")}, nil
}

// accept waits for the next connection, or until the listener is closed.
func (l *vsockListener) accept() (conn, caller, error) {
	raw, err := l.f.SyscallConn()
	if err != nil {
		return nil, caller{}, err
	}
	var fd int
	var from unix.Sockaddr
	var failed error
	err = raw.Read(func(listening uintptr) (done bool) {
		fd, from, failed = unix.Accept4(int(listening), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR) && !errors.Is(failed, unix.ECONNABORTED)
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, caller{}, err
	}
	who := caller{}
	if vm, ok := from.(*unix.SockaddrVM); ok {
		who = caller{vm.CID, vm.Port}
	}
	return os.NewFile(uintptr(fd), "vsock connection"), who, nil
}

// hearVsock takes connections until accept fails or ctx ends, and passes on what
// root of the guest with that identifier says. It returns once nothing is open.
func hearVsock(ctx context.Context, accept func() (conn, caller, error), cid uint32, heard chan<- notice) error {
	var open sync.WaitGroup
	defer open.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	free := make(chan struct{}, notifyConns)
	for {
		c, from, err := accept()
		if err != nil {
			return err
		}
		if from.cid != cid || from.port >= firstFreePort {
			c.Close()
			continue
		}
		select {
		case free <- struct{}{}:
			open.Go(func() {
				defer func() { <-free }()
				listenTo(ctx, c, heard)
			})
		default:
			c.Close()
		}
	}
}

// listenTo reads the lines of one connection. That it breaks off is no error:
// the guest is at the other end.
func listenTo(ctx context.Context, c conn, heard chan<- notice) {
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, notifyTime)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for lines := bufio.NewScanner(io.LimitReader(c, notifyRoom)); lines.Scan(); {
		if n := parseNotice(lines.Text()); n != (notice{}) {
			select {
			case heard <- n:
			case <-ctx.Done():
				return
			}
		}
	}
}

// vsockReady waits until the guest's systemd says that it is up. The one that
// made the guest's process listened before that; another one may come too late.
func (m *Machine) vsockReady(ctx context.Context) error {
	l := m.notify
	if l == nil {
		var err error
		if l, err = listenVsock(notifyPort(m.Readiness.CID)); err != nil {
			return err
		}
	}
	heard, ended := make(chan notice), make(chan error, 1)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(context.Canceled)
	go func() { ended <- hearVsock(ctx, l.accept, m.Readiness.CID, heard) }()
	err := m.awaitNotice(ctx, heard, ended)
	cancel(context.Canceled)
	return errors.Join(err, l.f.Close())
}

// awaitNotice shows what the guest says until it says that it is ready.
func (m *Machine) awaitNotice(ctx context.Context, heard <-chan notice, ended <-chan error) error {
	shown := map[string]bool{"": true}
	for {
		select {
		case n := <-heard:
			if n.ready {
				return nil
			}
			if m.say != nil && !shown[n.status] && len(shown) <= notifyTexts {
				shown[n.status] = true
				m.say("it says: " + n.status)
			}
		case err := <-ended:
			return fmt.Errorf("cannot hear the guest on vsock: %w", err)
		case <-ctx.Done():
			return &guest.Error{Status: guest.StatusFailed, Msg: "it did not say READY=1 on vsock", Err: context.Cause(ctx),
				Hint: "it needs systemd 254 or later, and vsock in its kernel (vmw_vsock_virtio_transport)"}
		}
	}
}
