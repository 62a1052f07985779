package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

const errNoDevice = unix.ENODEV

const (
	// killTime bounds how long a killed container takes to be gone; the kernel
	// and the monitor tidy up within milliseconds.
	killTime = 10 * time.Second
	// sample is how often a cgroup is looked at that cannot be removed yet: the
	// kernel has no event for that, as its last process may have ended already.
	sample = 10 * time.Millisecond
)

// sweep ends and removes what is left of a container: its processes, then the
// monitor if it does not end by itself, then the cgroups.
func sweep(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	inside, err := find(of(name, payload))
	if err != nil {
		return err
	}
	for _, dir := range inside {
		thaw(dir)
	}
	// Held before anything is killed: while it ends, a monitor leaves its cgroup
	// for lxc.pivot, so as to remove it.
	monitors, err := hold(of(name, monitor))
	errs := []error{err, killAll(ctx, inside)}
	for _, m := range monitors {
		errs = append(errs, endMonitor(ctx, m), m.Close())
	}
	dirs, err := find(of(name, payload, monitor))
	errs = append(errs, err)
	for _, dir := range dirs {
		errs = append(errs, removeInTime(ctx, dir))
	}
	return errors.Join(errs...)
}

// thaw lets a frozen container die. In cgroup2 SIGKILL reaches frozen
// processes, in the v1 freezer it does not: freezer-subsystem.rst.
func thaw(dir string) {
	// Absent unless this is the freezer's hierarchy.
	if f, err := os.OpenFile(filepath.Join(dir, "freezer.state"), os.O_WRONLY, 0); err == nil {
		f.WriteString("THAWED")
		f.Close()
	}
}

// killAll kills until nobody is left: a process may fork before it is killed.
func killAll(ctx context.Context, dirs []string) error {
	for {
		pids, err := members(dirs)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := kill(ctx, pid, dirs); err != nil {
				return err
			}
		}
	}
}

// kill kills a process that is in one of the cgroups, and waits for its end.
func kill(ctx context.Context, pid int, dirs []string) error {
	p, err := captureMember(pid, dirs)
	if p == nil {
		return err
	}
	defer p.Close()
	if err := p.Signal(unix.SIGKILL); err != nil && !errors.Is(err, pidfile.ErrGone) {
		return err
	}
	return p.Wait(ctx)
}

// captureMember returns nil without an error when no such process is there:
// once it is held, its number can be looked for again without a race.
func captureMember(pid int, dirs []string) (*pidfile.Process, error) {
	p, err := pidfile.Capture(pid)
	if errors.Is(err, pidfile.ErrGone) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	pids, err := members(dirs)
	for _, m := range pids {
		if m == pid && !p.Ended() {
			return p, err
		}
	}
	p.Close()
	return nil, err
}

// hold captures the processes in the cgroups wanted.
func hold(wanted func(base string) bool) (held []*pidfile.Process, err error) {
	dirs, err := find(wanted)
	if err != nil {
		return nil, err
	}
	pids, err := members(dirs)
	errs := []error{err}
	for _, pid := range pids {
		p, err := captureMember(pid, dirs)
		if p != nil {
			held = append(held, p)
		}
		errs = append(errs, err)
	}
	return held, errors.Join(errs...)
}

// endMonitor gives a monitor half the time to end by itself, now that it has
// nothing to watch: it removes cgroups and interfaces.
func endMonitor(ctx context.Context, m *pidfile.Process) error {
	patient, cancel := context.WithTimeout(ctx, killTime/2)
	defer cancel()
	if m.Wait(patient) == nil {
		return nil
	}
	err := m.Signal(unix.SIGKILL)
	return errors.Join(fmt.Errorf("the monitor %d did not end with its container", m.Pid()), err, m.Wait(ctx))
}

func removeInTime(ctx context.Context, dir string) error {
	for {
		err := removeCgroup(dir)
		if err == nil || !errors.Is(err, unix.EBUSY) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(sample):
		}
	}
}

// sweepDead removes what test processes left that are no more; it does what it
// can.
func sweepDead() {
	dead := map[string]bool{}
	_, _ = find(func(base string) bool {
		for _, p := range []string{payload, monitor} {
			if madeByDead(base, p+namePrefix) {
				dead[strings.TrimPrefix(base, p)] = true
				return true
			}
		}
		return false
	})
	for name := range dead {
		_ = sweep(name) // another test may be at it too
	}
	tops, _ := filepath.Glob(filepath.Join(base, dirPrefix+"*"))
	for _, top := range tops {
		if madeByDead(filepath.Base(top), dirPrefix) {
			_ = os.RemoveAll(top)
		}
	}
}

// madeByDead says whether a name is the prefix, the number of a process that is
// no more, and a hyphen.
func madeByDead(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	number, _, more := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	if !ok || !more || err != nil {
		return false
	}
	_, err = os.Stat(fmt.Sprintf("/proc/%d", pid))
	return errors.Is(err, fs.ErrNotExist)
}
