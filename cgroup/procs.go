package cgroup

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Procs returns the numbers of the processes in the group and in all below it,
// sorted; none when it is absent. pidfile.ErrForeign: one is in a pid namespace
// that cannot be seen from here.
func (g Group) Procs() ([]int, error) {
	n, err := open(g.Dir)
	if vanished(err) {
		return nil, nil
	}
	var pids []int
	if err == nil {
		defer n.close()
		pids, err = n.procs()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the processes of %q: %w", g.Dir, err)
	}
	return pids, nil
}

func (n node) procs() (pids []int, err error) {
	err = n.walk(maxDepth, func(n node) error {
		text, err := n.read("cgroup.procs")
		// A threaded group has no processes of its own: its threads' are listed
		// further up (cgroup-v2.rst).
		if vanished(err) || errors.Is(err, unix.EOPNOTSUPP) {
			return nil
		}
		if err != nil {
			return err
		}
		found, err := parseProcs(text)
		pids = append(pids, found...)
		return err
	})
	slices.Sort(pids)
	return slices.Compact(pids), err
}

// parseProcs reads cgroup.procs: a number in each line, 0 for a process that
// has none here.
func parseProcs(text string) (pids []int, err error) {
	for field := range strings.FieldsSeq(text) {
		pid, err := strconv.ParseUint(field, 10, 31)
		if err != nil {
			return nil, err
		}
		if pid == 0 {
			return nil, pidfile.ErrForeign
		}
		pids = append(pids, int(pid))
	}
	return pids, nil
}

// Remove removes the group with all below it, the innermost first. While there
// are processes it removes nothing, and names them; the error is EBUSY then. That
// the group is absent is no error.
func (g Group) Remove() error {
	n, err := open(g.Dir)
	if vanished(err) {
		return nil
	}
	if err == nil {
		defer n.close()
		err = n.remove()
	}
	if err != nil {
		return fmt.Errorf("cannot remove %q: %w", g.Dir, err)
	}
	return nil
}

func (n node) remove() error {
	pids, err := n.procs()
	if err != nil {
		return err
	}
	if len(pids) == 0 {
		err = n.walk(maxDepth, func(n node) error {
			err := unix.Unlinkat(int(n.f.Fd()), "../"+path.Base(n.f.Name()), unix.AT_REMOVEDIR)
			if vanished(err) {
				return nil
			}
			return err
		})
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		pids, _ = n.procs() // somebody came in just now
	}
	return fmt.Errorf("%w: processes %v are in it", unix.EBUSY, pids)
}
