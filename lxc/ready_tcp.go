package lxc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// connectTime bounds one connection: within a host, or to a neighbour.
const connectTime = 3 * time.Second

// tcpReady connects until somebody takes the connection. Nothing tells us when a
// port begins to listen.
func (c *Container) tcpReady(ctx context.Context, init *pidfile.Process) error {
	try := func(ctx context.Context) error { return connectInside(ctx, init, c.Readiness.Port) }
	if address := c.Readiness.Address; address != "" {
		try = func(ctx context.Context) error {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				return err
			}
			return conn.Close()
		}
	} else if same, err := sameNamespace(init.Pid(), "net"); err != nil || same {
		return errors.Join(err, errors.New("cannot connect inside: its network is the host's; set ready_address"))
	}
	return pauses{50 * time.Millisecond, time.Second}.again(ctx, connectTime, try)
}

// connectInside connects from within the container's network to its own
// addresses: there they can always be reached, whatever lies between us.
func connectInside(ctx context.Context, init *pidfile.Process, port uint16) error {
	sockets, err := socketsInside(init)
	if err != nil {
		return err
	}
	if len(sockets) == 0 {
		return errors.New("it has no address yet")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(sockets))
	for _, s := range sockets {
		go func() { results <- s.connect(ctx, port) }()
	}
	for range sockets {
		if err = <-results; err == nil {
			return nil
		}
	}
	return err // of one: the others' hardly differ
}

// socket is one in the container's network, for one of its addresses.
type socket struct {
	file *os.File
	to   netip.Addr
}

// socketsInside makes a socket for each address that is worth trying. A socket
// stays in the network where it was made, so only that is done in there.
func socketsInside(init *pidfile.Process) (sockets []socket, err error) {
	ns, err := os.Open("/proc/" + strconv.Itoa(init.Pid()) + "/ns/net")
	if err != nil {
		return nil, fmt.Errorf("cannot open the container's network: %w", err)
	}
	defer ns.Close()
	if init.Ended() { // and the number may have been another's
		return nil, pidfile.ErrGone
	}
	onOwnThread(func() {
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			err = os.NewSyscallError("setns", err)
			return
		}
		var addresses []netip.Addr
		if addresses, err = outward(); err != nil {
			return
		}
		for _, a := range addresses {
			family := unix.AF_INET
			if a.Is6() {
				family = unix.AF_INET6
			}
			fd, failed := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
			if failed != nil {
				err = os.NewSyscallError("socket", failed)
				continue
			}
			sockets = append(sockets, socket{os.NewFile(uintptr(fd), "socket"), a})
		}
	})
	if len(sockets) > 0 {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("cannot look into the container's network: %w", err)
	}
	return sockets, err
}

// onOwnThread runs f on a thread that ends with it, as a goroutine does that
// stays locked to its thread: whatever f makes of the thread, nobody inherits.
// The main thread cannot end, and /proc/self shows its namespaces: it is kept
// out by holding it meanwhile.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			onOwnThread(f)
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}

// maxAddresses is how many of its own addresses are tried at a time: it can give
// itself any number, and a socket is made for each.
const maxAddresses = 64

// outward are the addresses of the network that we are in by which others could
// reach it; the loopback's where there is nothing else, nor going to be: an
// interface with a hardware address gets one some time.
func outward() (found []netip.Addr, err error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	addresses, err := net.InterfaceAddrs() // of all in one listing, as there may be many
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().IsGlobalUnicast() && len(found) < maxAddresses {
			found = append(found, prefix.Addr().Unmap())
		}
	}
	alone := !slices.ContainsFunc(interfaces, func(i net.Interface) bool { return len(i.HardwareAddr) > 0 })
	if alone && len(found) == 0 {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	return found, nil
}

// connect returns nil when somebody has taken the connection, which is closed
// at once.
func (s socket) connect(ctx context.Context, port uint16) error {
	defer s.file.Close()
	conn, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	var to unix.Sockaddr = &unix.SockaddrInet6{Port: int(port), Addr: s.to.As16()}
	if s.to.Is4() {
		to = &unix.SockaddrInet4{Port: int(port), Addr: s.to.As4()}
	}
	stop := context.AfterFunc(ctx, func() { s.file.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	begun := false
	var failed error
	err = conn.Write(func(fd uintptr) bool {
		if !begun {
			begun = true
			failed = unix.Connect(int(fd), to)
			return failed != unix.EINPROGRESS
		}
		failed = outcome(int(fd))
		return true
	})
	if err != nil {
		failed = err
		if ctx.Err() != nil {
			failed = ctx.Err()
		}
	}
	if failed != nil {
		return fmt.Errorf("cannot connect to %s: %w", netip.AddrPortFrom(s.to, port), failed)
	}
	return nil
}

// outcome is that of a connect which was begun (connect(2), EINPROGRESS).
func outcome(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return err
}
