package lxc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/lxc/command"
	"github.com/guestrc/guestrc/pidfile"
)

// errNoInit says that there is a monitor and, at this moment, no init.
var errNoInit = errors.New("the container has no init")

// init identifies the container's PID 1. The number comes from its monitor,
// and must still be that of a child of the monitor once it is held. A monitor
// that cannot be asked, as it is in another network namespace, is looked at.
func (c *Container) init(ctx context.Context, monitor *pidfile.Process) (*pidfile.Process, error) {
	answer, err := c.ask(ctx, monitor)
	switch {
	case errors.Is(err, command.ErrNobody):
		return c.childOf(monitor)
	case err != nil:
		return nil, err
	case answer.InitPid <= 0:
		return nil, errNoInit
	}
	return c.capture(answer.InitPid, monitor)
}

// capture holds a process that is to be a child of the monitor.
func (c *Container) capture(pid int, monitor *pidfile.Process) (*pidfile.Process, error) {
	p, err := pidfile.Capture(pid)
	if errors.Is(err, pidfile.ErrGone) {
		return nil, errNoInit
	}
	if err != nil {
		return nil, err
	}
	parent, err := p.Parent()
	if err == nil && parent != monitor.Pid() {
		err = fmt.Errorf("process %d is no child of the monitor %d", p.Pid(), monitor.Pid())
	}
	if err == nil && !monitor.Ended() {
		return p, nil
	}
	p.Close()
	if err == nil || errors.Is(err, pidfile.ErrGone) {
		return nil, errNoInit
	}
	return nil, fmt.Errorf("cannot identify the container's init: %w", err)
}

// childOf finds the monitor's child that is in the container's cgroups: hooks
// and helpers are not.
func (c *Container) childOf(monitor *pidfile.Process) (*pidfile.Process, error) {
	pid := strconv.Itoa(monitor.Pid())
	list, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children") // CONFIG_PROC_CHILDREN, Linux 4.2
	if err != nil && !monitor.Ended() {
		return nil, fmt.Errorf("cannot look for the container's init: %w", err)
	}
	for _, field := range strings.Fields(string(list)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			continue
		}
		p, err := c.capture(child, monitor)
		if err != nil {
			continue // it has ended
		}
		if len(c.payload(p)) > 0 {
			return p, nil
		}
		p.Close()
	}
	return nil, errNoInit
}
