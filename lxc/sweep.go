package lxc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/cgroup"
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
	for _, g := range c.Groups {
		if g.same() && g.Payload {
			errs = append(errs, cgroup.Kill(ctx, []cgroup.Group{{Dir: g.Dir}}))
		}
	}
	for _, l := range c.Links {
		if err := bridge.Remove(l); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, c.sweepGroups())
	return errors.Join(errs...)
}

// sweepGroups removes the container's empty cgroups, and LXC's lxc.pivot once
// no container is left that could be using it (src/lxc/cgroups/cgfsng.c: a
// monitor moves there to remove its own).
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
