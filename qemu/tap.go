package qemu

import (
	"errors"
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

// openTap makes a tap interface, puts it on a bridge and brings it up. The
// interface lives as long as the file is open somewhere: handed to QEMU, it
// vanishes with QEMU, however that ends. An interface of that name must not
// exist. What it does is what qemu-bridge-helper does, without setuid.
func openTap(ifname, bridge string) (_ *os.File, err error) {
	fail := func(what string, err error) error {
		return fmt.Errorf("cannot %s tap %s: %w", what, ifname, err)
	}
	master, err := net.InterfaceByName(bridge)
	if err != nil {
		return nil, &guest.Error{Status: guest.StatusFailed, Msg: "cannot use bridge " + bridge, Err: err, Hint: bridgeHint(bridge)}
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &guest.Error{Status: guest.StatusFailed, Msg: "cannot make tap " + ifname, Err: &os.PathError{Op: "open", Path: "/dev/net/tun", Err: err},
			Hint: "modprobe tun; without root, netN_helper= names a setuid helper"}
	}
	tap := os.NewFile(uintptr(fd), "tap "+ifname)
	defer func() {
		if err != nil {
			tap.Close() // and the interface is gone
		}
	}()
	request, err := unix.NewIfreq(ifname)
	if err != nil {
		return nil, fail("make", err)
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_TUN_EXCL)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return nil, tapError(ifname, err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fail("set up", err)
	}
	defer unix.Close(s)
	if err := likeBridge(s, ifname, master); err != nil {
		return nil, fail("set up", err)
	}
	if err := joinBridge(s, ifname, bridge); err != nil {
		return nil, &guest.Error{Status: guest.StatusFailed, Msg: fmt.Sprintf("cannot put tap %s on %s", ifname, bridge), Err: err, Hint: bridgeHint(bridge)}
	}
	if err := raise(s, ifname); err != nil {
		return nil, fail("bring up", err)
	}
	return tap, nil
}

func bridgeHint(bridge string) string {
	return "guestrc start net." + bridge + ", once /etc/conf.d/net." + bridge + " describes it; or: ip link add " + bridge + " type bridge && ip link set " + bridge + " up"
}

func tapError(ifname string, err error) error {
	e := &guest.Error{Status: guest.StatusFailed, Msg: "cannot make tap " + ifname, Err: err}
	switch {
	case errors.Is(err, unix.EBUSY):
		e.Hint = "an interface of that name exists; ip link del " + ifname + ", or set netN_ifname"
	case errors.Is(err, unix.EPERM):
		e.Hint = "it needs CAP_NET_ADMIN; without root, netN_helper= names a setuid helper"
	}
	return e
}

// likeBridge gives the tap the bridge's MTU, as a bridge takes the least of
// its ports', and an address above those of real cards, as a bridge takes the
// lowest of its ports': neither may change because a guest comes or goes.
func likeBridge(s int, ifname string, bridge *net.Interface) error {
	request, err := unix.NewIfreq(ifname)
	if err != nil {
		return err
	}
	request.SetUint32(uint32(bridge.MTU))
	if err := unix.IoctlIfreq(s, unix.SIOCSIFMTU, request); err != nil {
		return err
	}
	return raiseAddress(s, ifname)
}

// hwaddrRequest is a struct ifreq with ifr_hwaddr (netdevice(7)).
type hwaddrRequest struct {
	name   [unix.IFNAMSIZ]byte
	family uint16
	addr   [14]byte
	_      [8]byte
}

// raiseAddress sets the first byte of an interface's address to 0xfe.
func raiseAddress(s int, ifname string) error {
	var request hwaddrRequest
	copy(request.name[:], ifname)
	if _, err := ioctlPtr(s, unix.SIOCGIFHWADDR, unsafe.Pointer(&request)); err != nil {
		return err
	}
	request.addr[0] = 0xfe
	_, err := ioctlPtr(s, unix.SIOCSIFHWADDR, unsafe.Pointer(&request))
	return err
}

func joinBridge(s int, ifname, bridge string) error {
	port, err := net.InterfaceByName(ifname)
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq(bridge)
	if err != nil {
		return err
	}
	request.SetUint32(uint32(port.Index))
	return unix.IoctlIfreq(s, unix.SIOCBRADDIF, request)
}

func raise(s int, ifname string) error {
	request, err := unix.NewIfreq(ifname)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(s, unix.SIOCGIFFLAGS, request); err != nil {
		return err
	}
	request.SetUint16(request.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request)
}
