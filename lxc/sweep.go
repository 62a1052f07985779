package lxc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/guest"
)

// sweepTime bounds what it may take to end processes that outlived their
// container.
const sweepTime = 10 * time.Second

// Leftovers names what LXC's monitor removes when it ends in order.
func (c *Container) Leftovers() []string {
	var left []string
	for _, g := range c.Groups {
		if g.same() {
			left = append(left, "the cgroup "+g.Dir)
		}
	}
	if groups, _ := c.unowned(); len(left) == 0 && len(groups) > 0 { // it rebooted since
		left = append(left, "the cgroup "+groups[0].Dir)
	}
	for _, l := range c.Links {
		if there, err := bridge.Exists(l.Name); err == nil && there {
			left = append(left, "the interface "+l.Name)
		}
	}
	return left
}

// same tells whether the recorded cgroup still is the one of its name.
func (g Group) same() bool {
	var st unix.Stat_t
	return unix.Lstat(g.Dir, &st) == nil && st.Ino == g.Inode
}

// Sweep removes what a container left: processes in its own cgroups, these
// cgroups, and the host's ends of its links. Each is held against the record
// first, so that nothing of another container's is touched; of cgroups without
// a record only empty ones go.
func (c *Container) Sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	var errs []error
	if c.Layout.Run != "" {
		errs = append(errs, endMarked(ctx, c.mark()))
	}
	var groups []cgroup.Group // at once: of version 1, only one has a freezer
	for _, g := range c.Groups {
		if g.same() { // hooks are in the monitor's
			groups = append(groups, cgroup.Group{Dir: g.Dir})
		}
	}
	if len(groups) > 0 {
		if err := cgroup.Kill(ctx, groups); err != nil {
			errs = append(errs, fmt.Errorf("%w: %w", guest.ErrAlive, err))
		}
	}
	for _, l := range c.Links {
		if err := bridge.Remove(l); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, c.sweepGroups(), c.sweepPivot(), c.dropConsole(), c.sweepPidFile())
	return errors.Join(errs...)
}

// sweepPivot removes the group that LXC's monitors move to when they end, in
// order to remove their own, and that none of them removes
// (cgfsng_monitor_destroy in src/lxc/cgroups/cgfsng.c). A monitor that ends
// makes the group, or takes that which is there, then opens it and moves: in
// between it must not go, or the monitor leaves its own group behind. So it
// stays while there is a monitor in a group beside it, and, by the kernel's
// rule, while somebody is in it.
func (c *Container) sweepPivot() error {
	var errs []error
	for _, g := range c.Groups {
		if g.Payload {
			continue
		}
		beside := filepath.Dir(g.Dir)
		groups, err := os.ReadDir(beside)
		if err != nil || slices.ContainsFunc(groups, func(e os.DirEntry) bool { return holdsMonitor(beside, e) }) {
			errs = append(errs, err)
			continue
		}
		err = unix.Rmdir(filepath.Join(beside, "lxc.pivot"))
		if err != nil && err != unix.ENOENT && err != unix.EBUSY {
			errs = append(errs, fmt.Errorf("cannot remove %s/lxc.pivot: %w", beside, err))
		}
	}
	return errors.Join(errs...)
}

func holdsMonitor(beside string, e os.DirEntry) bool {
	if !strings.HasPrefix(e.Name(), "lxc.monitor.") {
		return false
	}
	procs, err := cgroup.Group{Dir: filepath.Join(beside, e.Name())}.Procs()
	return err != nil || len(procs) > 0
}

// sweepGroups removes the container's empty cgroups.
func (c *Container) sweepGroups() error {
	groups, err := cgroup.Named("lxc.payload."+c.instance(), "lxc.monitor."+c.instance())
	if err != nil {
		return fmt.Errorf("cannot look for cgroups: %w", err)
	}
	for _, recorded := range c.Groups {
		if recorded.same() {
			groups = append(groups, cgroup.Group{Dir: recorded.Dir})
		}
	}
	var errs []error
	for _, g := range groups {
		if procs, err := g.Procs(); err == nil && len(procs) > 0 {
			continue // another container of that name
		}
		if err := g.Remove(); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
