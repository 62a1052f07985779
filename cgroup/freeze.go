package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var errNoFreezer = errors.New("none of its hierarchies has a freezer")

// Frozen reports whether the group is frozen or about to be, by itself or from
// above. A group without a freezer is not.
func (g Group) Frozen() (bool, error) {
	n, err := open(g.Dir)
	if err == nil {
		defer n.close()
		var yes bool
		if yes, err = n.frozen(); err == nil {
			return yes, nil
		}
	}
	return false, fmt.Errorf("cannot tell whether %q is frozen: %w", g.Dir, err)
}

func (n node) frozen() (bool, error) {
	if n.version == 1 {
		state, err := n.read("freezer.state")
		if vanished(err) {
			return false, nil
		}
		return state != "THAWED", err
	}
	asked, err := n.read("cgroup.freeze")
	if vanished(err) {
		return false, nil
	}
	events, errEvents := n.read("cgroup.events")
	return asked == "1" || value(events, "frozen") == "1", errors.Join(err, errEvents)
}

// Freeze stops everything in the groups, which are a guest's in its various
// hierarchies, and returns when nothing runs. One freezer does that, version
// 1's if there is one, as LXC prefers it: two at a time can wait for each other.
// When ctx ends first, the groups are thawed again.
func Freeze(ctx context.Context, groups []Group) error {
	err := freezers(groups, func(nodes []node) error {
		n := nodes[0]
		pids, err := n.procs()
		if err != nil {
			return err
		}
		if slices.Contains(pids, os.Getpid()) || slices.Contains(pids, 1) {
			return errors.New("this process or PID 1 is in them")
		}
		if err = n.set(ctx, true); err != nil {
			return errors.Join(err, n.release())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot freeze control groups: %w", err)
	}
	return nil
}

// Thaw lets everything in the groups go on. What was frozen further down, by
// the guest itself, stays so.
func Thaw(ctx context.Context, groups []Group) error {
	err := freezers(groups, func(nodes []node) error {
		for _, n := range nodes {
			if err := n.set(ctx, false); err != nil {
				return fmt.Errorf("%q stays frozen, maybe from above: %w", n.f.Name(), err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot thaw control groups: %w", err)
	}
	return nil
}

// freezers hands on the groups that have a freezer, those of version 1 first.
func freezers(groups []Group, act func([]node) error) error {
	nodes, closeNodes, err := openAll(groups)
	if err != nil {
		return err
	}
	defer closeNodes()
	var able []node
	for _, n := range nodes {
		if f, err := n.file(map[int]string{1: "freezer.state", 2: "cgroup.freeze"}[n.version], unix.O_WRONLY); err == nil {
			f.Close()
			able = append(able, n)
		}
	}
	if len(able) == 0 {
		return errNoFreezer
	}
	slices.SortStableFunc(able, func(a, b node) int { return a.version - b.version })
	return act(able)
}

func (n node) set(ctx context.Context, frozen bool) error {
	if n.version == 1 {
		return n.setOld(ctx, map[bool]string{true: "FROZEN", false: "THAWED"}[frozen])
	}
	digit := map[bool]string{true: "1", false: "0"}[frozen]
	if err := n.write("cgroup.freeze", digit); err != nil {
		return err
	}
	return n.await(ctx, "frozen", digit)
}

// sampling is how often version 1 is asked; its usual answer is immediate.
const sampling = 10 * time.Millisecond

// setOld asks again and again: the freezer of version 1 reports nothing, and
// finishes only when it is asked (cgroup-v1/freezer-subsystem.rst).
func (n node) setOld(ctx context.Context, want string) error {
	ticker := time.NewTicker(sampling)
	defer ticker.Stop()
	for {
		if err := n.write("freezer.state", want); err != nil {
			return err
		}
		if state, err := n.read("freezer.state"); err != nil || state == want {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// await waits until cgroup.events says so. The file becomes readable anew
// whenever it changes (cgroup-v2.rst). A group that is removed is as one wants it.
func (n node) await(ctx context.Context, key, want string) error {
	f, err := n.file("cgroup.events", unix.O_RDONLY)
	if vanished(err) { // also at the top of the hierarchy
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })()
	var readErr error
	err = conn.Read(func(fd uintptr) bool {
		var text [256]byte
		var got int
		got, readErr = unix.Pread(int(fd), text[:], 0)
		return readErr != nil || value(string(text[:max(got, 0)]), key) == want
	})
	switch {
	case vanished(readErr):
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ctx.Err()
	}
	return errors.Join(err, readErr)
}

// value reads a flat keyed file, cgroup-v2.rst.
func value(text, key string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
