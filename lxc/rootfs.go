package lxc

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/lxc/confile"
	"github.com/guestrc/guestrc/pid1"
)

// Rootfs is lxc.rootfs.path (lxc.container.conf(5)).
type Rootfs struct {
	Type string // "dir", "overlay", …; empty: the container has none of its own
	Path string // what follows the type
	Pos  confile.Pos
}

// types are the prefixes of lxc.rootfs.path (src/lxc/storage).
var types = []string{"dir", "overlay", "overlayfs", "aufs", "btrfs", "loop", "lvm", "zfs", "nbd", "rbd", "file"}

func rootfsOf(file *confile.Config) Rootfs {
	e, ok := file.Get("lxc.rootfs.path")
	if !ok {
		return Rootfs{}
	}
	kind, path, ok := strings.Cut(e.Value, ":")
	if ok && slices.Contains(types, kind) {
		return Rootfs{kind, path, e.Pos}
	}
	if info, err := os.Stat(e.Value); err == nil && !info.IsDir() {
		return Rootfs{"block", e.Value, e.Pos} // a block device or an image, as LXC finds out by itself
	}
	return Rootfs{"dir", e.Value, e.Pos}
}

// dir is the root where it can be looked at without mounting anything: that of
// a directory or subvolume. Overlays and devices are not looked into: their
// tree exists only once LXC has mounted it, and what mounts it could be run by
// whoever made the image.
func (r Rootfs) dir() (string, bool) {
	if r.Type == "dir" || r.Type == "btrfs" || r.Type == "zfs" && filepath.IsAbs(r.Path) {
		return r.Path, true
	}
	return "", false
}

// paths are the files and directories of the host that must be there.
func (r Rootfs) paths() []string {
	switch r.Type {
	case "dir", "btrfs", "block", "loop", "file":
		return []string{r.Path}
	case "overlay", "overlayfs":
		return strings.Split(r.Path, ":")
	}
	return nil
}

// String is for people.
func (r Rootfs) String() string {
	if r.Type == "" {
		return "that of the host"
	}
	return r.Type + " " + r.Path
}

// errNoRoot says that the root cannot be looked into before LXC mounts it.
var errNoRoot = errors.New("the root is not a directory of the host")

// program looks at a program of the container, by a path inside.
func (r Rootfs) program(path string) (pid1.Program, error) {
	dir, ok := r.dir()
	if !ok {
		return pid1.Program{}, errNoRoot
	}
	root, err := pid1.OpenRoot(dir)
	if err != nil {
		return pid1.Program{}, err
	}
	defer root.Close()
	return root.Executable(path)
}

// personality is the lxc.arch that the container's init wants where it differs
// from the host's: a 32-bit program would take the machine for a 64-bit one,
// and build or install for it.
func (r Rootfs) personality(init string) string {
	p, err := r.program(init)
	if err != nil {
		return "" // preflight says what is wrong, LXC starts the others as they are
	}
	arch, _ := pid1.Personality(p)
	return arch
}
