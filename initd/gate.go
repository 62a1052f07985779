package initd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Gate is the service that the script itself is, without an instance. OpenRC
// stops it before all guests, and it brings them down together.
const Gate = scriptName

// GoingDown tells whether the caller was run by a service that OpenRC stops as
// the host shuts down. openrc(8) sets the runlevel before it stops anything, and
// a reboot is the same one; RC_GOINGDOWN is said of single user mode, too.
func GoingDown(getenv func(string) string) bool { return getenv("RC_RUNLEVEL") == "shutdown" }

// EnableGate puts the gate into a runlevel unless it is in one already. Only what
// was started is stopped at a shutdown, so where OpenRC runs it is started.
func (h Host) EnableGate(ctx context.Context, runlevel string) (added bool, err error) {
	err = h.locked(ctx, func() error {
		levels, err := h.Runlevels(Gate)
		if err != nil || len(levels) > 0 {
			return err
		}
		levels, err = h.add(ctx, Gate, runlevel)
		added = err == nil && len(levels) > 0
		return err
	})
	if err == nil && added && h.Run != nil && h.Running() && !h.Started(Gate) {
		err = h.Run(ctx, "rc-service", "--quiet", "--nodeps", Gate, "start") // during a boot, others may be on their way
	}
	return added, err
}

// AwaitGate returns when the gate is not being stopped. With rc_parallel, OpenRC
// stops guests while it stops the gate: it waits for services that need or want
// another, but not for those that come after it (setup_deptypes in openrc-run.c has
// "beforeme", which nothing is called). What tells that a service is done with is
// that its file is gone: openrc(8) keeps the lock on that as long as it runs.
func (h Host) AwaitGate(ctx context.Context) error {
	err := h.awaitRemoval(ctx, stateDir+"/exclusive/"+Gate)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("cannot wait until all guests are stopped: %w", ctx.Err())
	case err != nil:
		return fmt.Errorf("cannot wait until all guests are stopped: %w", err)
	}
	return nil
}

// awaitRemoval waits until there is nothing at path, by inotify(7): to unlink a
// file that somebody has open is a change of its attributes.
func (h Host) awaitRemoval(ctx context.Context, path string) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("inotify_init1", err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	defer context.AfterFunc(ctx, func() { _ = events.SetReadDeadline(time.Unix(1, 0)) })()
	buffer := make([]byte, 4096)
	for {
		_, err := unix.InotifyAddWatch(fd, h.Tree.Path(path), unix.IN_ATTRIB|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF)
		if err == unix.ENOENT {
			return nil
		}
		if err != nil {
			return os.NewSyscallError("inotify_add_watch", err)
		}
		if _, err := events.Read(buffer); err != nil {
			return err
		}
	}
}

// DisableGate takes the gate out of all runlevels, without running it.
func (h Host) DisableGate(ctx context.Context) (left []string, err error) {
	if left, err = h.Runlevels(Gate); err != nil || len(left) == 0 {
		return nil, err
	}
	err = h.locked(ctx, func() error {
		left, err = h.remove(ctx, Gate)
		return err
	})
	return left, errors.Join(err, h.MarkStopped([]string{Gate}))
}

// stateDir is where OpenRC keeps the state of services: a directory for each
// state with a symlink for each service in it (rc_service_mark in librc.c).
const stateDir = "/run/openrc"

// MarkStopped has OpenRC know that services are stopped, as mark_service_stopped
// in a script does, but without a process for each: when it comes to stop them it
// passes them over. The caller has made sure that they are down. Left as they are
// are services that OpenRC does not count as started, those that it is at work on,
// and those with a supervisor, which must be told to stop.
func (h Host) MarkStopped(names []string) error {
	var failed []string
	var first error
	for _, name := range names {
		if strings.Contains(name, "/") || !h.Started(name) || h.Tree.Exists(stateDir+"/daemons/"+name) || h.busy(name) {
			continue
		}
		for _, state := range []string{"failed", "wasinactive", "inactive", "started"} {
			if err := h.Tree.Remove(filepath.Join(stateDir, state, name)); err != nil {
				failed = append(failed, name)
				first = err
				break
			}
		}
	}
	if first != nil {
		return fmt.Errorf("cannot tell OpenRC that %s stopped: %w", strings.Join(failed, ", "), first)
	}
	return nil
}

// busy tells whether OpenRC starts or stops a service now: whoever does holds a
// lock (svc_lock in misc.c).
func (h Host) busy(name string) bool {
	f, err := os.Open(h.Tree.Path(stateDir + "/exclusive/" + name))
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}
