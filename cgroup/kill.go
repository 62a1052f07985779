package cgroup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Kill ends every process in the groups and below them, but for those in but,
// and returns when they have ended. It uses cgroup.kill (version 2, Linux 5.14)
// where it may; else it freezes the groups, so that nothing forks away, signals
// each process through its pidfd, and thaws. A *pidfile.RefusedError, before
// anything is done: this process, an ancestor or PID 1 is among them.
func Kill(ctx context.Context, groups []Group, but ...int) error {
	if err := (killer{but: but}).kill(ctx, groups); err != nil {
		return fmt.Errorf("cannot end what runs in control groups: %w", err)
	}
	return nil
}

type killer struct {
	but    []int
	noKill bool // tests: as before Linux 5.14
}

func (k killer) kill(ctx context.Context, groups []Group) error {
	nodes, closeAll, err := openAll(groups)
	if err != nil {
		return err
	}
	defer closeAll()
	for more := true; more && err == nil; {
		more, err = k.round(ctx, nodes)
	}
	for _, n := range nodes {
		// An ended process may leave its group a little later (Linux 6.19).
		if err == nil && n.version == 2 && len(k.but) == 0 {
			err = n.await(ctx, "populated", "0")
		}
	}
	return err
}

// round ends what is there now. More may come: a fork is faster than a list.
func (k killer) round(ctx context.Context, nodes []node) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	held, listed, err := k.capture(nodes)
	defer closeAll(held)
	if err != nil || listed == 0 {
		return false, err
	}
	if err := k.shoot(nodes); err != nil {
		return false, err
	}
	for _, p := range held {
		if err := p.Wait(ctx); err != nil {
			return false, fmt.Errorf("process %d lives on: %w", p.Pid(), err)
		}
	}
	return true, nil
}

// capture holds the processes that are in the groups, and looks whether all may
// be signalled.
func (k killer) capture(nodes []node) (held []*pidfile.Process, listed int, err error) {
	pids, err := k.list(nodes)
	if err != nil {
		return nil, 0, err
	}
	for _, pid := range pids {
		p, err := pidfile.Capture(pid)
		if errors.Is(err, pidfile.ErrGone) {
			continue
		}
		if err != nil {
			return held, 0, err
		}
		held = append(held, p)
		if err := p.Signal(0); err != nil && !errors.Is(err, pidfile.ErrGone) {
			return held, 0, err
		}
	}
	return held, len(pids), nil
}

func (k killer) list(nodes []node) (pids []int, err error) {
	for _, n := range nodes {
		found, err := n.procs()
		if err != nil {
			return nil, err
		}
		pids = append(pids, found...)
	}
	slices.Sort(pids)
	return slices.DeleteFunc(slices.Compact(pids), func(pid int) bool { return slices.Contains(k.but, pid) }), nil
}

func (k killer) shoot(nodes []node) error {
	var by []node // what has no cgroup.kill
	for _, n := range nodes {
		if len(k.but) > 0 || k.noKill || n.write("cgroup.kill", "1") != nil {
			by = append(by, n)
		}
	}
	if len(by) == 0 {
		return nil
	}
	if len(k.but) == 0 { // else we could be among them
		for _, n := range by {
			n.still()
		}
	}
	held, _, err := k.capture(by)
	defer closeAll(held)
	if err == nil {
		err = k.signal(by, held)
	}
	for _, n := range by {
		err = errors.Join(err, n.walk(maxDepth, node.release))
	}
	return err
}

// signal ends those of the held processes that still are in the groups: a
// number may have changed hands before it was held.
func (k killer) signal(nodes []node, held []*pidfile.Process) error {
	pids, err := k.list(nodes)
	for _, p := range held {
		if err == nil && slices.Contains(pids, p.Pid()) {
			err = p.Signal(unix.SIGKILL)
		}
		if errors.Is(err, pidfile.ErrGone) {
			err = nil
		}
	}
	return err
}

// still begins to freeze, and waits for nothing: what is not yet frozen when it
// is listed is there in the next round.
func (n node) still() {
	if n.write("freezer.state", "FROZEN") != nil {
		_ = n.write("cgroup.freeze", "1") // it may have neither
	}
}

// release thaws; with version 1 a frozen process does not even die. The guest
// may have frozen groups further down.
func (n node) release() error {
	err := n.write("freezer.state", "THAWED")
	if vanished(err) {
		err = n.write("cgroup.freeze", "0")
	}
	if vanished(err) { // it has neither
		return nil
	}
	return err
}

func closeAll(held []*pidfile.Process) {
	for _, p := range held {
		p.Close()
	}
}
