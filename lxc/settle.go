package lxc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc/command"
	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
)

// monitorTime bounds one exchange with LXC's monitor.
const monitorTime = 5 * time.Second

// errOther says that the command socket belongs to another monitor.
var errOther = errors.New("another monitor answers on the container's command socket")

// Find asks for the container's monitor, whoever started it. One that does not
// answer is found all the same, so that it can be ended.
//
// A private run finds its own alone: a monitor of the same name that somebody
// else has started is none of its business.
func (c *Container) Find(ctx context.Context) (*pidfile.Process, error) {
	monitor, err := c.find(ctx)
	if monitor != nil && !c.began(monitor) {
		return nil, errors.Join(err, monitor.Close())
	}
	return monitor, err
}

// began tells whether a monitor may be that of our start.
func (c *Container) began(monitor *pidfile.Process) bool {
	return c.Layout.Run == "" || marked(monitor.Pid(), c.mark())
}

func (c *Container) find(ctx context.Context) (*pidfile.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	monitor, _, err := command.Ask(ctx, c.LXCPath, c.instance())
	if errors.Is(err, command.ErrNobody) {
		return nil, nil
	}
	if errors.Is(err, context.DeadlineExceeded) { // a hook keeps it from answering
		if silent, lookErr := command.Holder(c.LXCPath, c.instance()); silent != nil || lookErr != nil {
			return silent, lookErr
		}
	}
	return monitor, c.distrust(err)
}

// distrust turns an answer by a stranger into a refusal.
func (c *Container) distrust(err error) error {
	if !errors.Is(err, command.ErrStranger) {
		return err
	}
	return &guest.Error{Status: guest.StatusRefused, Msg: "cannot tell whether " + c.Name.String() + " runs", Err: err,
		Hint: "end the process that listens in its place: ss -xlp | grep " + c.LXCPath + "/" + c.instance() + "/command"}
}

// ask is command.Ask held against the monitor that we know.
func (c *Container) ask(ctx context.Context, monitor *pidfile.Process) (command.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	p, answer, err := command.Ask(ctx, c.LXCPath, c.instance())
	if err != nil {
		return answer, c.distrust(err)
	}
	defer p.Close()
	if p.Pid() != monitor.Pid() || monitor.Ended() {
		return answer, errOther
	}
	return answer, nil
}

// Settle waits until init was executed, and notes what the container has of
// the host: its cgroups and the host's ends of its links.
func (c *Container) Settle(ctx context.Context, monitor *pidfile.Process) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	init, err := c.init(ctx, monitor)
	if errors.Is(err, errNoInit) {
		init, err = c.awaitInit(ctx, monitor)
	}
	if ended, _ := within(ctx, monitor, 0); err != nil && (ended || errors.Is(err, errNoInit)) {
		return c.endedAtOnce("")
	}
	if err != nil {
		return err
	}
	defer init.Close()
	if err := c.note(monitor, init); err != nil {
		return err
	}
	if init.Ended() {
		return c.endedAtOnce(ending(init))
	}
	return nil
}

// awaitInit is for a container whose starter was killed.
func (c *Container) awaitInit(ctx context.Context, monitor *pidfile.Process) (*pidfile.Process, error) {
	state, err := command.Await(ctx, c.LXCPath, c.instance(), "RUNNING", "STOPPED", "ABORTING")
	if err != nil {
		return nil, err
	}
	if state != "RUNNING" {
		return nil, fmt.Errorf("%w: it is %s", errNoInit, state)
	}
	return c.init(ctx, monitor)
}

// note records cgroups and links of the run. When it fails, what was noted
// before stays.
func (c *Container) note(monitor, init *pidfile.Process) error {
	ours, err := groupsOf(monitor.Pid(), "lxc.monitor."+c.instance(), false)
	if err != nil {
		return err
	}
	payload, err := groupsOf(init.Pid(), "lxc.payload."+c.instance(), true)
	if err != nil {
		return err
	}
	c.Groups = append(ours, payload...)
	c.Links = nil
	if !c.Shares {
		// A dump that was interrupted again and again tells of some: what is missing
		// goes with the container's network namespace.
		c.Links, _ = bridge.Peers(init.Pid())
	}
	return nil
}

// groupsOf keeps those groups of a process that LXC made for this container:
// not one of lxc.cgroup.dir, nor one that it shares.
func groupsOf(pid int, name string, payload bool) (kept []Group, err error) {
	groups, err := cgroup.Of(pid)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
		return nil, err
	}
	for _, g := range groups {
		g, ok := g.Ancestor(name)
		if !ok {
			continue
		}
		var st unix.Stat_t
		if err := unix.Lstat(g.Dir, &st); err == nil {
			kept = append(kept, Group{g.Dir, st.Ino, payload})
		}
	}
	return kept, nil
}

// ending words how init ended, as far as the kernel tells (Linux 6.15).
func ending(init *pidfile.Process) string {
	exit, ok := init.Exit()
	if !ok {
		return ""
	}
	return ": " + pid1.Ending(exit).String()
}
