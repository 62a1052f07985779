package lxc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/lxc/confile"
	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// running looks at what a container's init sees and hears now.
func (x *examination) running(ctx context.Context, monitor *pidfile.Process) {
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	find := x.c.init
	if stopped, err := monitor.Stopped(); err == nil && stopped { // and answers nobody
		find = func(context.Context, *pidfile.Process) (*pidfile.Process, error) { return x.c.childOf(monitor) }
	}
	init, err := find(ctx, monitor)
	if err != nil {
		return // its status tells
	}
	defer init.Close()
	x.stale(init)
	x.deaf(init)
}

// settled is how old an init is that has set up its signals, starting how old
// something is that becomes an init, as a script does, or is none.
const (
	settled  = 2 * time.Second
	starting = time.Minute
)

// deaf: what it does not hear, only LXC's configuration or conf.d can have
// chosen.
func (x *examination) deaf(init *pidfile.Process) {
	if x.c.Stop.Halt == 0 || !slices.ContainsFunc(x.c.Schedule, func(s shutdown.Step) bool { return s.Verb == "halt" }) {
		return
	}
	age, err := init.Age()
	if err != nil || age < settled {
		return
	}
	o, err := pid1.Foresee(init, pid1.Options{Signal: unix.Signal(x.c.Stop.Halt)})
	if err != nil || o.Hears || o.Init.Boots() && age < starting {
		return
	}
	e, ok := x.c.file.Get("lxc.signal.halt")
	at := e.Pos
	if v, set := x.c.conf.Get("POWEROFF_SIGNAL"); set && !ok {
		at = v.Pos
	}
	who := string(o.Init.Kind)
	if o.Init.Kind == pid1.Application {
		who = o.Init.Exe
	}
	x.say(at, "", "the container is to be stopped by %s, which its init (%s) does not hear", o.By, who).WithID("GR520")
}

// stale compares what the container has at the target of each bind mount with
// what the source is now. A bind mount holds an inode, whatever becomes of its
// name.
func (x *examination) stale(init *pidfile.Process) {
	entries, err := x.c.file.Mounts()
	if err != nil || len(entries) == 0 {
		return
	}
	table, err := pid1.Mounts(init)
	if err != nil {
		return
	}
	root, err := pid1.RootOf(init)
	if err != nil {
		return
	}
	defer root.Close()
	for _, m := range entries {
		inside, ok := x.c.inside(m.Target)
		if !ok || !binds(m) || !filepath.IsAbs(m.Source) || slices.Contains(m.Options, "relative") {
			continue
		}
		if mount, ok := only(table, inside); ok && !x.compare(m, mount, inside, root) {
			return
		}
	}
}

// only is the mount at a target. With another one upon it, or above on the way,
// it is not known which of them is LXC's, or whether it is seen at all.
func only(table []pid1.Mount, target string) (pid1.Mount, bool) {
	var at []pid1.Mount
	for _, m := range table {
		if m.Target == target {
			at = append(at, m)
		}
	}
	if len(at) != 1 || strings.HasPrefix(at[0].Type, "fuse") { // whose server may keep us waiting
		return pid1.Mount{}, false
	}
	return at[0], true
}

// compare returns false when it is no use to go on: the container may be what
// keeps us waiting.
func (x *examination) compare(m confile.Mount, mount pid1.Mount, inside string, root *pid1.Root) bool {
	var now unix.Stat_t
	if unix.Stat(m.Source, &now) != nil {
		return true // preflight tells
	}
	kind := now.Mode & unix.S_IFMT
	gone := strings.HasSuffix(mount.Root, deleted)
	if kind == unix.S_IFDIR && !gone || kind != unix.S_IFDIR && kind != unix.S_IFREG && kind != unix.S_IFSOCK {
		return true // something may have been mounted on the directory since, which is no fault
	}
	has, err := root.Stat(inside)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	if has.Mount != 0 && has.Mount != mount.ID || has.Dev == now.Dev && has.Ino == now.Ino {
		return true
	}
	what, hint := "file", fmt.Sprintf("guestrc restart %s; for the next time, mount the directory %s instead", x.c.Name, filepath.Dir(m.Source))
	if kind == unix.S_IFDIR {
		what, hint = "directory", "guestrc restart "+x.c.Name.String()
	}
	x.say(m.Pos, hint, "%s was replaced on the host since the container started, which still has the old %s as %s", m.Source, what, inside).WithID("GR505")
	return true
}

// deleted is what the kernel appends to a path that has no name any more
// (fs/d_path.c).
const deleted = "//deleted"
