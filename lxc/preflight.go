package lxc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc/confile"
)

// inspection holds a Container against the host and gathers what is wrong.
type inspection struct {
	c    *Container
	errs []error
}

// Preflight says what would make a start fail, or harm another guest.
func (c *Container) Preflight(ctx context.Context, others []guest.Claim) error {
	i := &inspection{c: c}
	i.program()
	i.legacy()
	i.namespaces()
	i.capabilities()
	i.cgroups()
	i.rootfs()
	i.init()
	i.nets()
	i.mounts()
	i.claims(others)
	i.orphans(ctx)
	return errors.Join(i.errs...)
}

func (i *inspection) fail(at confile.Pos, hint, format string, args ...any) *confd.Error {
	e := problem(at, hint, format, args...)
	i.errs = append(i.errs, e)
	return e
}

func (i *inspection) program() {
	if _, err := findProgram(startProgram); err != nil {
		i.errs = append(i.errs, err)
	}
}

// legacy: LXC 3 and later refuse to read the keys of LXC 2.
func (i *inspection) legacy() {
	const shown = 3
	legacy := i.c.file.Legacy()
	for n, e := range legacy {
		hint := "guestrc migrate " + i.c.Name.String() + " --diff"
		switch {
		case n == shown:
			i.fail(e.Pos, hint, "and %d more of LXC 2's keys", len(legacy)-shown).WithID("GR501")
			return
		case e.Dropped:
			i.fail(e.Pos, hint, "%s is a key of LXC 2 that has no successor", e.Written).WithID("GR501")
		default:
			i.fail(e.Pos, hint, "%s is a key of LXC 2, now spelt %s", e.Written, e.Key).WithID("GR501")
		}
	}
}

// namespaces: without a mount namespace of its own, LXC makes the container's
// root that of the host (pivot_root(2)), for every process that there is.
func (i *inspection) namespaces() {
	for _, e := range i.c.file.All("lxc.namespace.keep") {
		if i.c.Rootfs.Type != "" && slices.Contains(strings.Fields(e.Value), "mnt") {
			i.fail(e.Pos, "take mnt out", "lxc.namespace.keep has mnt: LXC would replace the host's root by the container's").WithID("GR512")
		}
	}
}

// capabilities: LXC reads no further than the line with the other key.
func (i *inspection) capabilities() {
	caps := i.c.file.Caps()
	for n, e := range caps {
		if e.Key != caps[0].Key {
			i.fail(e.Pos, "an empty "+caps[0].Key+" before it takes those back", "%s beside %s (%s): LXC takes one of them only", e.Key, caps[0].Key, caps[n-1].Pos).WithID("GR100")
			return
		}
	}
}

// cgroups: LXC starts nothing where no hierarchy is mounted and writable.
func (i *inspection) cgroups() {
	groups, err := cgroup.Of(os.Getpid())
	if err == nil && len(groups) == 0 {
		err = errors.New("no hierarchy is mounted")
	}
	if err == nil {
		err = written(groups)
	}
	if err != nil {
		i.errs = append(i.errs, &guest.Error{Status: guest.StatusFailed, Msg: "cannot use control groups", Err: err, ID: "GR409",
			Hint: "mount cgroup2 on /sys/fs/cgroup; on OpenRC: rc-service cgroups start"})
	}
}

// written is nil if one of them can be written, else why the last cannot.
func written(groups []cgroup.Group) (err error) {
	for _, g := range groups {
		if err = unix.Faccessat(unix.AT_FDCWD, g.Dir, unix.W_OK, unix.AT_EACCESS); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no hierarchy can be written: %w", err)
}

func (i *inspection) rootfs() {
	r := i.c.Rootfs
	for _, path := range r.paths() {
		info, err := os.Stat(path)
		if err == nil && r.Type == "dir" && !info.IsDir() {
			err = errors.New("it is not a directory")
		}
		if err == nil && !info.IsDir() && !info.Mode().IsRegular() && (info.Mode()&fs.ModeDevice == 0 || info.Mode()&fs.ModeCharDevice != 0) {
			err = errors.New("it is no directory, image or block device")
		}
		if err != nil {
			i.fail(r.Pos, "is its file system mounted?", "cannot use the rootfs %s: %v", path, cause(err)).WithID("GR510")
		}
	}
}

// init must be there, unless a mount provides the place where it is looked for.
func (i *inspection) init() {
	path := i.c.initCommand()
	_, err := i.c.Rootfs.program(path)
	if err == nil || errors.Is(err, errNoRoot) || missing(i.c.Rootfs.Path) {
		return // of a root that is missing, nothing more is to be said
	}
	mounts, _ := i.c.file.Mounts() // its error is told below
	for _, m := range mounts {
		if inside, ok := i.c.inside(m.Target); ok && strings.HasPrefix(filepath.Clean("/"+path), strings.TrimSuffix(inside, "/")+"/") {
			return
		}
	}
	at := i.c.Rootfs.Pos
	if e, ok := i.c.file.Get("lxc.init.cmd"); ok {
		at = e.Pos
	}
	i.fail(at, "lxc.init.cmd names the container's init, by its path inside", "cannot use %s in the rootfs as init: %v", path, cause(err)).WithID("GR511")
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}

// nets wants bridges and interfaces that exist.
func (i *inspection) nets() {
	for _, n := range i.c.file.Nets() {
		if n.Link == "" {
			continue
		}
		if n.Type != "veth" || n.VethMode == "router" {
			if ok, err := bridge.Exists(n.Link); err == nil && !ok {
				i.fail(n.Pos, "", "there is no network interface %s", n.Link).WithID("GR301")
			}
			continue
		}
		exists, is, err := bridge.IsBridge(n.Link)
		switch {
		case err != nil:
			i.fail(n.Pos, "", "cannot ask for the bridge %s: %v", n.Link, err).WithID("GR301")
		case !exists:
			i.fail(n.Pos, "guestrc start net."+n.Link+", once /etc/conf.d/net."+n.Link+" describes it; or: ip link add "+n.Link+" type bridge && ip link set "+n.Link+" up", "there is no bridge %s", n.Link).WithID("GR301")
		case !is:
			i.fail(n.Pos, "", "%s is not a bridge", n.Link).WithID("GR301")
		}
	}
}

// mounts finds entries that LXC passes over in silence, and ones that it fails
// at without saying which line it was.
func (i *inspection) mounts() {
	mounts, err := i.c.file.Mounts()
	if err != nil {
		i.errs = append(i.errs, err)
	}
	for _, m := range mounts {
		if _, ok := i.c.inside(m.Target); !ok {
			i.fail(m.Pos, "write the target without a leading slash, relative to the rootfs",
				"the mount target %s lies outside the rootfs: LXC would leave it out without a word", m.Target).WithID("GR503")
		}
		bind := slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
		if !bind || !filepath.IsAbs(m.Source) || slices.Contains(m.Options, "optional") {
			continue
		}
		if _, err := os.Stat(m.Source); errors.Is(err, os.ErrNotExist) {
			i.fail(m.Pos, "with the option \"optional\" LXC does without it", "cannot mount %s: it does not exist", m.Source).WithID("GR504")
		}
	}
}

// inside gives the path that a mount target has in the container, and whether
// it is one: relative, or below the rootfs or the place where LXC mounts it.
func (c *Container) inside(target string) (string, bool) {
	if !filepath.IsAbs(target) {
		clean := filepath.Clean(target)
		return "/" + clean, filepath.IsLocal(clean)
	}
	roots := slices.Clone(defaultMounts)
	if e, ok := c.file.Get("lxc.rootfs.mount"); ok {
		roots = append(roots, e.Value)
	}
	roots = append(roots, c.Rootfs.paths()...)
	for _, root := range roots {
		rel, err := filepath.Rel(root, target)
		if err == nil && filepath.IsLocal(rel) {
			return "/" + rel, true
		}
	}
	return "", c.Rootfs.Type == ""
}

// defaultMounts are where distributions have LXC mount a rootfs
// (lxc.container.conf(5), lxc.rootfs.mount).
var defaultMounts = []string{
	"/usr/lib/lxc/rootfs", "/usr/lib64/lxc/rootfs", "/usr/local/lib/lxc/rootfs",
	"/usr/lib/x86_64-linux-gnu/lxc/rootfs", "/usr/lib/aarch64-linux-gnu/lxc/rootfs",
}

// Claim is what the container has to itself while it runs.
func (c *Container) Claim() guest.Claim {
	claim := guest.Claim{Guest: c.Name.String()}
	if c.file == nil {
		return claim
	}
	for _, n := range c.file.Nets() {
		if n.HWAddr != "" && !strings.ContainsAny(n.HWAddr, "xX") {
			claim.MACs = append(claim.MACs, strings.ToLower(n.HWAddr))
		}
		if n.VethPair != "" {
			claim.Taps = append(claim.Taps, n.VethPair)
		}
	}
	return claim
}

func (i *inspection) claims(others []guest.Claim) {
	for _, n := range i.c.file.Nets() {
		for _, other := range others {
			if other.Guest == i.c.Name.String() {
				continue
			}
			if n.HWAddr != "" && slices.Contains(other.MACs, strings.ToLower(n.HWAddr)) {
				i.fail(n.Pos, "choose another", "the address %s belongs to the running guest %s", n.HWAddr, other.Guest).WithID("GR302")
			}
			if n.VethPair != "" && slices.Contains(other.Taps, n.VethPair) {
				i.fail(n.Pos, "choose another", "the interface %s belongs to the running guest %s", n.VethPair, other.Guest).WithID("GR306")
			}
		}
	}
}

// orphans are processes of an earlier run that nobody knows: two systems on one
// root would ruin it.
func (i *inspection) orphans(ctx context.Context) {
	if len(i.c.named()) == 0 {
		return
	}
	if i.c.elsewhere(ctx) {
		i.errs = append(i.errs, &guest.Error{Status: guest.StatusRefused,
			Msg:  "cannot start " + i.c.Name.String() + ": it runs already, with its monitor in another network namespace",
			Hint: "stop it from there", ID: "GR514"})
	}
	if pids := i.c.inTheWay(ctx); len(pids) > 0 {
		i.errs = append(i.errs, &guest.Error{Status: guest.StatusRefused,
			Msg:  fmt.Sprintf("cannot start %s: processes are in a cgroup of its name, and no monitor of it answers: %v", i.c.Name, pids),
			Hint: "look at them (ps), and end them if they are of an earlier run", ID: "GR514"})
	}
}

// cause is what the system said, without a path that the message has already.
func cause(err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
