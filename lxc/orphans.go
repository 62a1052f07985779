package lxc

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/pidfile"
)

// unowned are cgroups of the container's name that no monitor stands behind,
// and the processes in them: of a run that crashed, whose record is gone or was
// made before the container rebooted. A container of the same name in another
// lxcpath has a monitor.
func (c *Container) unowned() (groups []cgroup.Group, pids []int) {
	all, err := cgroup.Named("lxc.payload." + c.instance())
	if err != nil {
		return nil, nil
	}
	for _, g := range all {
		procs, err := g.Procs()
		if err != nil || slices.ContainsFunc(procs, hasMonitor) {
			continue
		}
		groups = append(groups, g)
		pids = append(pids, procs...)
	}
	slices.Sort(pids)
	return groups, slices.Compact(pids)
}

// hasMonitor tells whether a process was started by a monitor of LXC's, which
// lives; whose it is does not matter here.
func hasMonitor(pid int) bool {
	p, err := pidfile.Capture(pid)
	if err != nil {
		return false
	}
	defer p.Close()
	parent, err := p.Parent()
	if err != nil {
		return false
	}
	dir := "/proc/" + strconv.Itoa(parent)
	if exe, err := os.Readlink(dir + "/exe"); err == nil && filepath.Base(exe) == startProgram {
		return true
	}
	title, err := os.ReadFile(dir + "/cmdline")
	return err == nil && bytes.HasPrefix(title, []byte("[lxc monitor]"))
}
