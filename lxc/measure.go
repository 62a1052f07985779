package lxc

import (
	"context"
	"errors"

	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// Measure is what the kernel has counted for the container's control groups,
// those of its monitor left out, and for the host's ends of its links.
func (c *Container) Measure(ctx context.Context, p *pidfile.Process, links guest.Links) (guest.Usage, error) {
	groups, err := c.inUse(ctx, p)
	if err != nil {
		return guest.Usage{}, err
	}
	used, err := cgroup.Measure(groups)
	if err != nil {
		return guest.Usage{}, err
	}
	u := guest.Usage{CPU: shutdown.Duration(used.CPU), Memory: used.Memory, Limit: used.Limit,
		Read: used.Read, Written: used.Written, Procs: used.Procs}
	for _, l := range c.Links {
		if count := links()[l.Name]; count.Index == l.Index {
			u.Received += count.Sent
			u.Sent += count.Received
		}
	}
	return u, nil
}

// inUse are the groups of the container on record; of one that has rebooted
// since, or was started by other means, those that its init is in.
func (c *Container) inUse(ctx context.Context, monitor *pidfile.Process) (groups []cgroup.Group, err error) {
	for _, g := range c.Groups {
		if g.Payload && g.same() {
			groups = append(groups, cgroup.Group{Dir: g.Dir})
		}
	}
	if len(groups) > 0 {
		return groups, nil
	}
	init, err := c.init(ctx, monitor)
	if err != nil {
		return nil, err
	}
	defer init.Close()
	if groups = c.payload(init); len(groups) == 0 {
		return nil, errNotAlone
	}
	return groups, nil
}

var errNotAlone = errors.New("its cgroup is not one that LXC made for it alone")
