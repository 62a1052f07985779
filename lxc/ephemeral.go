package lxc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// Forget lays an overlay over the rootfs for the next start: what the container
// writes there goes to a directory below scratch. LXC makes a second one beside
// it, for overlayfs's own use (ovl_mount in src/lxc/storage/overlay.c).
func (c *Container) Forget(scratch string) error {
	dir := filepath.Clean(c.Rootfs.Path)
	refused := &guest.Error{Status: guest.StatusNotConfigured, Msg: fmt.Sprintf("cannot forget what %s writes", c.Name)}
	switch _, mapped := c.file.Get("lxc.idmap"); {
	case c.Rootfs.Type != "dir":
		refused.Err = fmt.Errorf("%s: its rootfs is %s, and an overlay can be laid over a directory only", c.Rootfs.Pos, c.Rootfs)
		return refused
	case mapped:
		refused.Err = errors.New("it has lxc.idmap, and the overlay's files would be root's")
		return refused
	case strings.ContainsAny(dir, `:,\`):
		refused.Err = fmt.Errorf("%s: overlayfs cannot use a directory with a colon, comma or backslash in its name: %s", c.Rootfs.Pos, dir)
		return refused
	}
	upper := filepath.Join(scratch, "upper")
	if err := os.MkdirAll(upper, 0o755); err != nil {
		return fmt.Errorf("cannot make room for what %s writes: %w", c.Name, err)
	}
	if info, err := os.Stat(dir); err == nil { // the container's / has the mode of upper
		if err := os.Chmod(upper, info.Mode()); err != nil {
			return fmt.Errorf("cannot make room for what %s writes: %w", c.Name, err)
		}
	}
	c.overlay = "overlay:" + dir + ":" + upper
	return nil
}

// endMarked ends whatever came of the starts of a private run and lives on: its
// lxc-start, if whoever had called that was killed, or a monitor that nobody can
// ask yet. It is called when no monitor answers.
func endMarked(ctx context.Context, mark string) error {
	for {
		pids, err := markedProcesses(mark)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := endOne(ctx, pid, mark); err != nil {
				return fmt.Errorf("%w: %w", guest.ErrAlive, err)
			}
		}
	}
}

func endOne(ctx context.Context, pid int, mark string) (err error) {
	p, err := pidfile.Capture(pid)
	if err != nil {
		return nil // it has ended
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if !marked(pid, mark) {
		return nil
	}
	if err := p.Signal(unix.SIGKILL); err != nil && !errors.Is(err, pidfile.ErrGone) {
		return err
	}
	return p.Wait(ctx)
}

func markedProcesses(mark string) (pids []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && marked(pid, mark) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
