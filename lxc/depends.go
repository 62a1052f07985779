package lxc

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc/confile"
)

// Depends is what the service of one container depends on, as its LXC
// configuration says: the bridges of its veths, as bridge_dep says, and other
// interfaces, which are used where services bring them up; what its root, its
// mounts and hooks are made of; and the containers whose namespaces it shares.
// Of a configuration that LXC could not read, only the files are told.
func (Kind) Depends(l guest.Layout, n guest.Name, c *confd.Config) (deps.Set, error) {
	p := &planner{confd.NewSettings(Vars, c), &Container{Name: n, Layout: l, conf: c}}
	missing := p.locate()
	d := &dependant{planner: p}
	d.candidates()
	if missing != nil {
		return d.found, missing
	}
	file, err := confile.Load(p.c.ConfigFile)
	if err != nil {
		d.blamed(err)
		return d.found, err
	}
	p.extraArgs(file) // its faults are told by a start
	d.file = file
	for _, path := range slices.Concat(file.Files, file.Dirs) {
		d.input(path)
	}
	d.nets()
	d.rootfs()
	err = d.mounts()
	d.hooks()
	d.namespaces()
	return d.found, err
}

// dependant gathers the dependencies of one container.
type dependant struct {
	*planner
	file  *confile.Config
	found deps.Set
}

func (d *dependant) input(path string) {
	if path = filepath.Clean(path); !slices.Contains(d.found.Inputs, path) {
		d.found.Inputs = append(d.found.Inputs, path)
	}
}

// candidates are the places where the configuration would be taken from rather
// than from where it was found, and what says which places these are.
func (d *dependant) candidates() {
	if d.Set("CONFIGFILE") {
		d.input(d.c.ConfigFile)
		return
	}
	if !d.Set("lxcpath") {
		d.input(d.c.Layout.At("etc", "lxc", "lxc.conf"))
	}
	for _, path := range places(d.c.Layout, d.c.LXCPath, d.c.instance()) {
		d.input(path)
		if path == d.c.ConfigFile {
			return
		}
	}
}

// blamed are the files in which something is wrong, or which are missing.
func (d *dependant) blamed(err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range several.Unwrap() {
			d.blamed(err)
		}
		return
	}
	var fault *confile.Error
	if errors.As(err, &fault) && fault.Pos.File != "" {
		d.input(fault.Pos.File)
	}
	var system *fs.PathError
	if errors.As(err, &system) {
		d.input(system.Path)
	}
}

// add appends a dependency that an entry tells of. extra_args is a variable of
// conf.d, and no file.
func (d *dependant) add(dep deps.Dependency, e confile.Entry) {
	dep.Why, dep.Pos = e.Written, e.Pos
	if args, ok := d.Config.Get("extra_args"); ok && e.Pos.File == args.Name {
		dep.Pos = args.Pos
	}
	d.found.Add(dep)
}

// path adds what an absolute path names.
func (d *dependant) path(path string, relation deps.Relation, e confile.Entry) {
	if filepath.IsAbs(path) {
		dep := deps.OfFile(path, e.Written, e.Pos)
		dep.Relation = relation
		d.add(dep, e)
	}
}

// nets are the interfaces that LXC makes use of. A veth goes into a bridge; a
// service that brings up another one is the administrator's to put in a
// runlevel, as LXC may take the interface away from the host.
func (d *dependant) nets() {
	toBridges, wanted := deps.OfBridges(d.Config)
	links := map[string]confile.Entry{} // the last one is in effect, or none is
	for _, e := range d.file.Entries {
		if e.Value != "" && strings.HasPrefix(e.Key, "lxc.net.") && strings.HasSuffix(e.Key, ".link") {
			links[e.Key] = e
		}
	}
	for _, n := range d.file.Nets() {
		dep := deps.Dependency{Relation: deps.Use, Sort: deps.Interface, Name: n.Link}
		switch {
		case n.Type == "veth" && n.VethMode != "router":
			if !wanted {
				continue
			}
			dep.Relation, dep.Sort = toBridges, deps.Bridge
		case !slices.Contains([]string{"veth", "macvlan", "ipvlan", "vlan", "phys"}, n.Type):
			continue
		}
		if _, err := guest.ParseName("net." + n.Link); err == nil { // no service has another name
			d.add(dep, links[fmt.Sprintf("lxc.net.%d.link", n.Index)])
		}
	}
}

// rootfs: of several layers, each is one. Names that are no paths are those of
// storage that LXC asks for itself, such as ZFS.
func (d *dependant) rootfs() {
	e, _ := d.file.Get("lxc.rootfs.path")
	kind, rest, ok := strings.Cut(e.Value, ":")
	if !ok || !slices.Contains(types, kind) {
		d.path(e.Value, deps.Need, e)
		return
	}
	if !slices.Contains([]string{"overlay", "overlayfs", "aufs", "nbd"}, kind) {
		d.path(rest, deps.Need, e)
		return
	}
	for path := range strings.SplitSeq(rest, ":") { // of nbd, the second is a partition's number
		d.path(path, deps.Need, e)
	}
}

// mounts are what is mounted from the host. What lies below /proc and /sys, and
// much of /dev, is there before any service; a file system on a device needs
// the device.
func (d *dependant) mounts() error {
	fstab, ok := d.file.Get("lxc.mount.fstab")
	if ok {
		d.input(fstab.Value)
	}
	mounts, err := d.file.Mounts()
	for _, m := range mounts {
		e := confile.Entry{Written: "lxc.mount.entry", Pos: m.Pos}
		if ok && m.Pos.File == fstab.Value {
			e.Written = fstab.Written
		}
		bind := slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
		if source := filepath.Clean(m.Source) + "/"; strings.HasPrefix(source, "/proc/") || strings.HasPrefix(source, "/sys/") ||
			bind && unannounced(source) {
			continue
		}
		relation := deps.Need
		if slices.Contains(m.Options, "optional") {
			relation = deps.Use
		}
		d.path(m.Source, relation, e)
	}
	return err
}

// unannounced tells whether a path, with a slash at its end, is /dev or one of
// nodes in it.
func unannounced(path string) bool {
	below, ok := strings.CutPrefix(path, "/dev/")
	node, _, _ := strings.Cut(below, "/")
	return ok && (node == "" || slices.Contains(nodes, strings.TrimRight(node, "0123456789")))
}

// nodes are what is in /dev before any service, and what udev has no unit for,
// or one that is never ready (rules.d/99-systemd.rules): for those a service
// would wait in vain. Of disks there are none. The numbers at their ends are
// left out.
var nodes = []string{
	"console", "fd", "full", "kmsg", "mem", "null", "port", "ptmx", "random", "stderr", "stdin", "stdout", "tty", "urandom", "zero",
	"hugepages", "mqueue", "pts", "shm",
	"autofs", "cuse", "fuse", "kvm", "loop", "loop-control", "ppp", "uhid", "uinput", "vhost-net", "vhost-vsock", "vsock",
	"bus", "char", "cpu", "dma_heap", "dri", "infiniband", "input", "net", "snd", "usb", "vfio",
	"hidraw", "hpet", "hwrng", "i2c-", "kfd", "media", "rtc", "tpm", "tpmrm", "video", "watchdog",
	"nvidia", "nvidia-caps", "nvidia-modeset", "nvidia-uvm", "nvidia-uvm-tools", "nvidiactl",
}

// hostHooks are run with the host's files at start and stop
// (lxc.container.conf(5)); others are run inside, or by other programs.
var hostHooks = []string{"pre-start", "pre-mount", "mount", "autodev", "start-host", "stop", "post-stop"}

func (d *dependant) hooks() {
	for _, hook := range hostHooks {
		for _, e := range d.file.All("lxc.hook." + hook) {
			program, _, _ := strings.Cut(e.Value, " ")
			d.path(program, deps.Need, e)
		}
	}
}

// shareable are the namespaces by LXC's names, which are those in /proc/PID/ns
// (ns_info in src/lxc/namespace.c).
var shareable = []string{"net", "ipc", "mnt", "pid", "uts", "user", "cgroup", "time"}

// namespaces: the container that another one shares with must run. It is
// wanted, not needed, as somebody else may be the one to start it.
func (d *dependant) namespaces() {
	for _, namespace := range shareable {
		e, _ := d.file.Get("lxc.namespace.share." + namespace)
		name := "lxc." + e.Value
		if _, err := guest.ParseName(name); err == nil && strings.Trim(e.Value, "0123456789") != "" && name != d.c.Name.String() {
			d.add(deps.Dependency{Relation: deps.Want, Sort: deps.Service, Name: name}, e)
		}
	}
}
