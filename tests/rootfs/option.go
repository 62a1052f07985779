package rootfs

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// Option changes a container before it is laid out.
type Option func(*spec)

type spec struct {
	name   string
	number int64
	net    []string // lines for LXC
	lines  []string // the last ones
	veth   string
	run    string // host's directory for /run
	mapped bool
	root   rootSort
	files  []file
}

type file struct {
	name, content string
	mode          fs.FileMode
}

// WithName gives the container a name; the caller keeps it unique among all
// that run on this machine. A name that is another's with "-" and a number
// behind it will not do: LXC forms such itself.
func WithName(name string) Option { return func(s *spec) { s.name = name } }

// Net plugs eth0 into a bridge of the network namespace where the container is
// started; address is like 10.0.0.2/24 or empty. Container.Veth is the host's
// end. LXC must see a sysfs of that namespace, for which Container.LXC cares.
func Net(bridge, address string) Option {
	return func(s *spec) {
		// IFNAMSIZ leaves 15 bytes.
		s.veth = fmt.Sprintf("gr%sx%s", strconv.FormatInt(int64(os.Getpid()), 36), strconv.FormatInt(s.number, 36))
		s.net = []string{"lxc.net.0.type = veth", "lxc.net.0.link = " + bridge, "lxc.net.0.veth.pair = " + s.veth,
			"lxc.net.0.name = eth0", "lxc.net.0.flags = up"}
		if address != "" {
			s.net = append(s.net, "lxc.net.0.ipv4.address = "+address)
		}
	}
}

// SharedNet leaves the container in the network namespace where it is started.
func SharedNet() Option {
	return func(s *spec) { s.net = []string{"lxc.net.0.type = none"} }
}

// HostRun makes a directory of the host the container's /run, where init
// systems keep their control files.
func HostRun(dir string) Option { return func(s *spec) { s.run = dir } }

// NoPidNS leaves the container in the process namespace where it is started,
// so that its first process has a number other than 1. Inits refuse that; use
// it with Handler, Stubborn, Tini or DumbInit. LXC 5 unshares whatever is not
// named, the user namespace too, where nothing would be mapped.
func NoPidNS() Option { return Extra("lxc.namespace.keep = user pid time") }

// idBase is the user and group on the host that root is in an id-mapped
// container, idCount how many follow it.
const idBase, idCount = 100000, 65536

// IDMapped gives the container a user namespace: root in it is idBase on the
// host, and so are the files' owners.
//
// LXC maps by newuidmap where it finds that in PATH, which then wants root to
// have ranges in the host's /etc/subuid and /etc/subgid; where it finds none
// and runs as root, it maps by itself. So whoever starts such a container does
// it with the PATH of Container.Env, which leads to LXC's programs but not to
// newuidmap.
func IDMapped() Option {
	return func(s *spec) {
		s.mapped = true
		s.lines = append(s.lines, fmt.Sprintf("lxc.idmap = u 0 %d %d", idBase, idCount), fmt.Sprintf("lxc.idmap = g 0 %d %d", idBase, idCount))
	}
}

// Extra adds lines at the configuration's end.
func Extra(lines ...string) Option {
	return func(s *spec) { s.lines = append(s.lines, lines...) }
}

// Options are several in one.
func Options(all ...Option) Option {
	return func(s *spec) {
		for _, o := range all {
			o(s)
		}
	}
}

// Overlay makes the root an overlay over the tree in the store, instead of a
// copy.
func Overlay() Option { return func(s *spec) { s.root = overlayRoot } }

// BlockDevice puts the root into an image with ext4, which LXC attaches to a
// loop device.
func BlockDevice() Option { return func(s *spec) { s.root = imageRoot } }

// File writes a file into the root, with the directories above it.
func File(name, content string, mode fs.FileMode) Option {
	return func(s *spec) { s.files = append(s.files, file{name, content, mode}) }
}

// Powerfail makes Sysvinit power off on SIGPWR, by the line that LXC's own
// templates add to inittab.
func Powerfail() Option {
	inittab, _ := skel.ReadFile("skel/sysvinit/etc/inittab") // embedded
	return File("etc/inittab", string(inittab)+"p0::powerfail:/sbin/init 0\n", 0o644)
}
