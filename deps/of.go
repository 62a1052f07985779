package deps

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/confd"
)

// mountedInDev are the file systems below /dev that hold files: what lies there
// is no device node, and nothing announces it.
var mountedInDev = []string{"hugepages", "mqueue", "pts", "shm"}

// OfFile is the need of a file, directory or device node by its absolute path.
// By the path alone: nothing is looked at.
func OfFile(path, why string, at confd.Pos) Dependency {
	path = filepath.Clean(path)
	d := Dependency{Need, Path, path, why, at}
	if node, ok := strings.CutPrefix(path, "/dev/"); ok {
		if first, _, _ := strings.Cut(node, "/"); !slices.Contains(mountedInDev, first) {
			d.Sort = Device
		}
	}
	return d
}

// OfBridges is the relation that the variable bridge_dep gives a guest's service
// to those of its bridges, and false for none. One relation is enough: want and
// need order too, at start and stop (OpenRC's openrc-run.c, deptypes_nwua and
// deptypes_mwua).
func OfBridges(c *confd.Config) (Relation, bool) {
	v, _ := c.Get("bridge_dep")
	switch v.Text {
	case "none":
		return "", false
	case "need":
		return Need, true
	}
	return Want, true // the default; another text is a fault that confd.Table finds
}
