package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// configure gives an interface (and lo) its IPv4 address, and sets the default
// route when gateway is not empty: netdevice(7), rtentry of linux/route.h.
func configure(name, address, gateway string) error {
	prefix, err := netip.ParsePrefix(address)
	if err != nil {
		return fmt.Errorf("cannot read the address: %w", err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot configure the network: %w", err)
	}
	defer unix.Close(s)
	mask := net.CIDRMask(prefix.Bits(), 32)
	if err := up(s, "lo", nil, nil); err != nil {
		return err
	}
	if err := up(s, name, prefix.Addr().AsSlice(), mask); err != nil {
		return err
	}
	if gateway == "" {
		return nil
	}
	gw, err := netip.ParseAddr(gateway)
	if err != nil {
		return fmt.Errorf("cannot read the gateway: %w", err)
	}
	return defaultRoute(s, gw)
}

// up sets address and mask unless they are nil, then the interface up.
func up(s int, name string, address, mask []byte) error {
	for _, a := range []struct {
		request uint
		value   []byte
	}{{unix.SIOCSIFADDR, address}, {unix.SIOCSIFNETMASK, mask}} {
		if a.value == nil {
			continue
		}
		req, err := unix.NewIfreq(name)
		if err == nil {
			err = req.SetInet4Addr(a.value)
		}
		if err == nil {
			err = unix.IoctlIfreq(s, a.request, req)
		}
		if err != nil {
			return fmt.Errorf("cannot set the address of %s: %w", name, err)
		}
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		err = unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, req)
	}
	if err != nil {
		return fmt.Errorf("cannot set %s up: %w", name, err)
	}
	return nil
}

// rtentry is struct rtentry of linux/route.h on 64-bit machines.
type rtentry struct {
	_                 uint64
	dst, gateway, net unix.RawSockaddrInet4
	flags             uint16
	_                 [6]byte
	_                 [7]uint64
}

func defaultRoute(s int, gateway netip.Addr) error {
	r := rtentry{flags: unix.RTF_UP | unix.RTF_GATEWAY}
	r.dst.Family, r.net.Family, r.gateway.Family = unix.AF_INET, unix.AF_INET, unix.AF_INET
	r.gateway.Addr = gateway.As4()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCADDRT, uintptr(unsafe.Pointer(&r))); errno != 0 {
		return fmt.Errorf("cannot set the default route: %w", errno)
	}
	return nil
}

// greet sends one packet to whoever may or may not listen there.
func greet(address string) error {
	c, err := net.Dial("udp", address)
	if err == nil {
		_, err = c.Write([]byte("hello"))
		c.Close()
	}
	if err != nil {
		return fmt.Errorf("cannot greet %s: %w", address, err)
	}
	return nil
}

// serve greets every connection and then echoes what it hears.
func serve(port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				say("cannot accept: %v", err)
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprintln(c, "guestrc: hello")
				io.Copy(c, c) // ends with the connection
			}()
		}
	}()
	return nil
}
