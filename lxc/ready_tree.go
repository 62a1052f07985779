package lxc

import (
	"context"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// runWhole is run for a program of LXC's that enters a container: when ctx ends,
// what it started there ends too. lxc-attach alone would leave it running.
func runWhole(ctx context.Context, program string, args ...string) (string, error) {
	cmd, said := prepare(ctx, baseEnv(), program, args...)
	child := -1
	defer func() { unix.Close(child) }()
	cmd.SysProcAttr.PidFD = &child
	cmd.Cancel = func() error {
		top, err := pidfile.FromPidfd(child)
		if err != nil {
			return cmd.Process.Kill()
		}
		defer top.Close()
		return endTree(top)
	}
	err := finish(ctx, cmd)
	return said.String(), err
}

// treeMax bounds how many processes of one command are ended. Whoever makes
// more does it to stay, which is between the container and its limits.
const treeMax = 200

// endTree kills a process and what comes of it, as far as it has not left its
// parents. Each is stopped before it is asked for its children, as one that is
// stopped cannot fork: so none is missed, and none is left to the container's
// init.
func endTree(top *pidfile.Process) error {
	held := []*pidfile.Process{top}
	var errs []error
	for n := 0; n < len(held); n++ {
		errs = append(errs, ignoreGone(held[n].Signal(unix.SIGSTOP)))
		for _, pid := range children(strconv.Itoa(held[n].Pid())) {
			if len(held) == treeMax {
				break
			}
			if child := childOf(pid, held[n]); child != nil {
				defer child.Close()
				held = append(held, child)
			}
		}
	}
	for _, p := range held {
		errs = append(errs, ignoreGone(p.Signal(unix.SIGKILL)))
	}
	return errors.Join(errs...)
}

func ignoreGone(err error) error {
	if errors.Is(err, pidfile.ErrGone) {
		return nil
	}
	return err
}

// childOf holds the process of that number if it is a child of parent, which is
// held too.
func childOf(pid int, parent *pidfile.Process) *pidfile.Process {
	p, err := pidfile.Capture(pid)
	if err != nil {
		return nil
	}
	if above, err := p.Parent(); err != nil || above != parent.Pid() {
		p.Close()
		return nil
	}
	return p
}
