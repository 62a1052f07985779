package qemu

import (
	"errors"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

// ownNetns puts the test's goroutine, and the processes that it starts, into a
// network namespace of its own with loopback up. The thread is never given
// back: it ends with the test, and the namespace with it.
func ownNetns(t *testing.T) {
	t.Helper()
	need.Root(t)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	s := dgramSocket(t)
	if err := raise(s, "lo"); err != nil {
		t.Fatal(err)
	}
}

func dgramSocket(t *testing.T) int {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(s) })
	return s
}

// addBridge makes an empty bridge.
func addBridge(t *testing.T, name string) {
	t.Helper()
	bytes, err := unix.BytePtrFromString(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ioctlPtr(dgramSocket(t), unix.SIOCBRADDBR, unsafe.Pointer(bytes)); err != nil {
		t.Fatalf("cannot make bridge %s: %v", name, err)
	}
}

// addTap makes a tap that stays, as "ip tuntap add" does.
func addTap(t *testing.T, name string) {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := errors.Join(unix.IoctlIfreq(fd, unix.TUNSETIFF, request), unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1)); err != nil {
		t.Fatalf("cannot make tap %s: %v", name, err)
	}
}
