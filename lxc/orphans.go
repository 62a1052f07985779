package lxc

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/pidfile"
)

// unowned are cgroups of the container's name that no monitor stands behind,
// and the processes in them: of a run that crashed, whose record is gone or was
// made before the container rebooted. A container of the same name in another
// lxcpath has a monitor.
func (c *Container) unowned() (groups []cgroup.Group, pids []int) {
	for _, g := range c.named() {
		procs, err := g.Procs()
		if err != nil || slices.ContainsFunc(procs, func(pid int) bool { return monitorOf(pid) != "" }) {
			continue
		}
		groups = append(groups, g)
		pids = append(pids, procs...)
	}
	slices.Sort(pids)
	return groups, slices.Compact(pids)
}

func (c *Container) named() []cgroup.Group {
	all, err := cgroup.Named("lxc.payload." + c.instance())
	if err != nil {
		return nil
	}
	return all
}

// dying is how long processes may take that somebody has just killed.
const dying = time.Second

// inTheWay are processes of the container's name that nobody answers for, and
// that stay.
func (c *Container) inTheWay(ctx context.Context) []int {
	_, pids := c.unowned()
	ctx, cancel := context.WithTimeout(ctx, dying)
	defer cancel()
	return slices.DeleteFunc(pids, func(pid int) bool {
		p, err := pidfile.Capture(pid)
		if err != nil {
			return true
		}
		defer p.Close()
		return p.Wait(ctx) == nil
	})
}

// elsewhere tells whether a monitor of this very container runs, which nobody
// can ask from this network namespace.
func (c *Container) elsewhere(ctx context.Context) bool {
	if monitor, err := c.Find(ctx); monitor != nil || err != nil {
		if monitor != nil {
			monitor.Close()
		}
		return false // it is here
	}
	title := "[lxc monitor] " + c.LXCPath + " " + c.instance()
	for _, g := range c.named() {
		procs, err := g.Procs()
		if err == nil && slices.ContainsFunc(procs, func(pid int) bool { return monitorOf(pid) == title }) {
			return true
		}
	}
	return false
}

// monitorOf gives the title of the monitor of LXC's that started a process and
// lives, or lxc-start where it has none, or nothing.
func monitorOf(pid int) string {
	p, err := pidfile.Capture(pid)
	if err != nil {
		return ""
	}
	defer p.Close()
	parent, err := p.Parent()
	if err != nil {
		return ""
	}
	dir := "/proc/" + strconv.Itoa(parent)
	title, err := os.ReadFile(dir + "/cmdline")
	title = bytes.TrimRight(title, "\x00")
	if err == nil && bytes.HasPrefix(title, []byte("[lxc monitor] ")) {
		return string(title)
	}
	if exe, err := os.Readlink(dir + "/exe"); err == nil && filepath.Base(exe) == startProgram {
		return startProgram
	}
	return ""
}
