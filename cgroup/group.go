// Package cgroup finds the control groups of a guest, ends, freezes and thaws
// what runs in them, and removes them: cgroups(7), version 1 and 2. It refuses
// to follow symbolic links, to leave cgroupfs, and to end or freeze a group that
// this process, PID 1 or one of our ancestors is in.
//
// What is in a group may be hostile: it forks while it is killed, nests groups
// and freezes them. Names of groups are the guest's; escape them before they
// reach a terminal.
package cgroup

import (
	"path"
	"strconv"
	"strings"
)

// Group is a control group in one hierarchy. For what is done to it, Dir alone
// is enough.
type Group struct {
	Dir         string   // absolute path below a mount of cgroupfs
	Version     int      // 1 or 2
	Controllers []string // of the hierarchy; none for a named one of version 1
	Path        string   // in the hierarchy: "/lxc.payload.web"
}

// Ancestor returns the outermost group, from g upwards, whose name is base or base
// with a number: LXC appends -1, -2, ... where a group of that name was left
// behind. An init such as systemd moves itself into a group below its own, and a
// hostile one into a group that has the same name once more.
func (g Group) Ancestor(base string) (Group, bool) {
	var top Group
	for found := false; ; g.Path, g.Dir = path.Dir(g.Path), path.Dir(g.Dir) {
		if isNamed(path.Base(g.Path), base) {
			top, found = g, true
		}
		if g.Path == "/" || path.Base(g.Path) != path.Base(g.Dir) {
			return top, found // here the mount begins
		}
	}
}

func isNamed(name, base string) bool {
	if name == base {
		return true
	}
	number, ok := strings.CutPrefix(name, base+"-")
	n, err := strconv.Atoi(number)
	return ok && err == nil && n > 0 && strconv.Itoa(n) == number
}
