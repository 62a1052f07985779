package lxc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc/confile"
	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
)

// examination looks at what LXC fails at without a word of where, and at what
// goes wrong only later.
type examination struct {
	c     *Container
	root  *pid1.Root // nil where it cannot be looked into
	maps  []confile.IDMap
	found []*confd.Error
}

// Examine looks where Preflight does not: at mounts, owners and permissions, and
// of a container that runs at what it still sees of the host.
func (c *Container) Examine(ctx context.Context, p *pidfile.Process) []*confd.Error {
	if c.file == nil {
		return nil
	}
	x := newExamination(c)
	defer x.Close()
	x.nets()
	x.auto()
	x.mounts()
	x.ids()
	x.system()
	if p != nil {
		x.running(ctx, p)
	}
	return x.found
}

func newExamination(c *Container) *examination {
	x := &examination{c: c}
	if dir, ok := c.Rootfs.dir(); ok {
		if root, err := pid1.OpenRoot(dir); err == nil { // else preflight says why
			x.root = root
		}
	}
	return x
}

func (x *examination) Close() {
	if x.root != nil {
		x.root.Close()
	}
}

func (x *examination) say(at confile.Pos, hint, format string, args ...any) *confd.Error {
	e := problem(at, hint, format, args...)
	x.found = append(x.found, e)
	return e
}

// add takes over what a reader of the file complains of.
func (x *examination) add(err error) {
	switch e := err.(type) {
	case *confd.Error:
		x.found = append(x.found, e)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			x.add(one)
		}
	}
}

// hooked tells whether a program runs before LXC looks, which may mend what we
// see.
func (x *examination) hooked(hooks ...string) bool {
	return slices.ContainsFunc(hooks, func(hook string) bool {
		_, ok := x.c.file.Get("lxc.hook." + hook)
		return ok
	})
}

// lxcPrefixes are those that LXC makes addresses with (its network.c, and its
// configurations until LXC 6): no device has them.
var lxcPrefixes = []string{"00:16:3e:", "10:66:6a:"}

// nets looks at the addresses, which LXC hands to the kernel unseen.
func (x *examination) nets() {
	for _, n := range x.c.file.Nets() {
		if n.HWAddr == "" || n.Type == "none" || n.Type == "empty" {
			continue
		}
		text := strings.ToLower(n.HWAddr)
		first, ok := firstByte(text)
		switch {
		case !ok || text == "00:00:00:00:00:00":
			x.say(n.Pos, "six bytes in hex, for example 00:16:3e:xx:xx:xx", "lxc.net.%d.hwaddr is %q, which is not a MAC address of one machine", n.Index, n.HWAddr).WithID("GR102")
		case first < 0: // LXC chooses it, and an even one
		case first&1 != 0:
			x.say(n.Pos, fmt.Sprintf("%02x in place of %02x", first&^1, first), "%s is an address of a group: the kernel takes none such, and LXC does not start", n.HWAddr).WithID("GR304")
		case first&2 == 0 && !slices.ContainsFunc(lxcPrefixes, func(p string) bool { return strings.HasPrefix(text, p) }):
			x.say(n.Pos, fmt.Sprintf("%02x in place of %02x, or an address that begins with 00:16:3e as LXC's do", first|2, first), "%s may be the address of a real device", n.HWAddr).WithID("GR303")
		}
	}
}

// firstByte is that of six in hex, in which an x stands for a digit that LXC
// chooses; -1: its second digit is such, which tells one machine from a group.
func firstByte(address string) (first int, ok bool) {
	parts := strings.Split(address, ":")
	if len(parts) != 6 {
		return 0, false
	}
	for _, part := range parts {
		if len(part) != 2 || strings.Trim(part, "0123456789abcdefx") != "" {
			return 0, false
		}
	}
	if parts[0][1] == 'x' {
		return -1, true
	}
	_, err := fmt.Sscanf(strings.ReplaceAll(parts[0], "x", "0"), "%02x", &first)
	return first, err == nil
}

// autoMounts are what lxc.mount.auto knows (set_config_mount_auto in
// src/lxc/confile.c of LXC 5 to 7); shmounts: takes text after it.
var autoMounts = strings.Fields(`proc proc:mixed proc:rw sys sys:ro sys:mixed sys:rw
	cgroup2 cgroup2:ro cgroup2:force cgroup2:ro:force
	cgroup cgroup:mixed cgroup:ro cgroup:rw cgroup:force cgroup:mixed:force cgroup:ro:force cgroup:rw:force
	cgroup-full cgroup-full:mixed cgroup-full:ro cgroup-full:rw cgroup-full:force cgroup-full:mixed:force cgroup-full:ro:force cgroup-full:rw:force`)

func (x *examination) auto() {
	for _, e := range x.c.file.All("lxc.mount.auto") {
		for _, word := range strings.Fields(e.Value) {
			if !slices.Contains(autoMounts, word) && !strings.HasPrefix(word, "shmounts:") {
				x.say(e.Pos, "for example proc:mixed sys:ro cgroup:mixed", "lxc.mount.auto has %q, which LXC does not know: it does not start", word).WithID("GR102")
			}
		}
	}
}

// Holds are the addresses and names that the container has to itself, and its
// root. What lies below an overlay is not among them: it is meant to be common.
func (c *Container) Holds() (holds []guest.Hold) {
	if c.file == nil {
		return nil
	}
	for _, n := range c.file.Nets() {
		key := fmt.Sprintf("lxc.net.%d.", n.Index)
		mac := strings.ToLower(n.HWAddr)
		if first, ok := firstByte(mac); ok && first >= 0 && !strings.Contains(mac, "x") {
			holds = append(holds, guest.Hold{Sort: guest.HoldMAC, Key: mac, Text: n.HWAddr, Pos: n.Pos, Var: key + "hwaddr"})
		}
		if n.Type == "veth" && n.VethPair != "" {
			holds = append(holds, guest.Hold{Sort: guest.HoldLink, Key: n.VethPair, Text: n.VethPair, Pos: n.Pos, Var: key + "veth.pair"})
		}
		if n.Type == "phys" && n.Link != "" { // it leaves the host
			holds = append(holds, guest.Hold{Sort: guest.HoldLink, Key: n.Link, Text: n.Link, Pos: n.Pos, Var: key + "link"})
		}
	}
	if e, ok := c.file.Get("lxc.uts.name"); ok {
		holds = append(holds, guest.Hold{Sort: guest.HoldHost, Key: strings.ToLower(e.Value), Text: e.Value, Pos: e.Pos, Var: e.Key})
	}
	return append(holds, c.Rootfs.hold(c.readOnly())...)
}

// readOnly: LXC mounts the root so that nobody inside can write to it.
func (c *Container) readOnly() bool { return c.rootOption("ro") }

// rootOption looks at lxc.rootfs.options.
func (c *Container) rootOption(name string) bool {
	e, _ := c.file.Get("lxc.rootfs.options")
	return slices.Contains(strings.Split(e.Value, ","), name)
}

// hold is the directory, image or device that is written to.
func (r Rootfs) hold(shared bool) []guest.Hold {
	paths := r.paths()
	if len(paths) == 0 {
		return nil
	}
	path := paths[len(paths)-1] // of an overlay the upper one
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return nil // preflight says so
	}
	dev, ino := uint64(st.Dev), st.Ino
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		dev, ino = 0, uint64(st.Rdev)
	}
	return []guest.Hold{{Sort: guest.HoldDisk, Key: fmt.Sprintf("%d:%d", dev, ino), Text: path, Pos: r.Pos, Var: "lxc.rootfs.path", Shared: shared}}
}
