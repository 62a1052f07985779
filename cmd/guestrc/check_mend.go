package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc/confile"
	"github.com/guestrc/guestrc/shutdown"
)

// mendable adds to findings what mends them without harm:
//
//   - permissions of directories, sockets and of files with passwords. Those of
//     other files that were open to all are left: who mends them has to look at
//     what is in them first.
//   - what a crash left, unless processes are.
//   - keys of LXC 2 that have a successor each, in files that are no package's.
func (d *doctor) mendable(ctx context.Context) {
	alive := map[string]bool{}
	for _, f := range d.found {
		alive[f.Subject] = alive[f.Subject] || f.ID == "GR514"
	}
	migrations := map[string]func() error{}
	for i, f := range d.found {
		switch f.ID {
		case "GR701", "GR702", "GR704":
			d.found[i] = mendAccess(f)
		case "GR703":
			n, err := guest.ParseName(f.Subject)
			if err == nil && f.Severity != finding.Info && !alive[f.Subject] && d.crashed(ctx, n) {
				d.found[i] = f.WithMend("clear away what the crashed run of "+f.Subject+" left", func() error {
					return d.e.house.Clear(ctx, n, quietly{})
				})
			}
		case "GR501":
			if _, known := migrations[f.Subject]; !known {
				migrations[f.Subject] = d.migration(ctx, f.Subject)
			}
			if do := migrations[f.Subject]; do != nil {
				d.found[i] = f.WithMend("guestrc migrate --write "+f.Subject, do)
			}
		}
	}
}

func (d *doctor) crashed(ctx context.Context, n guest.Name) bool {
	st, err := d.e.house.Status(ctx, n, false)
	return err == nil && st.Code == guest.StateCrashed
}

// mendAccess takes away what others may, and never gives anything.
func mendAccess(f finding.Finding) finding.Finding {
	info, err := os.Lstat(f.Pos.File)
	if err != nil {
		return f
	}
	mode := info.Mode()
	take, word := fs.FileMode(0o022), "go-w"
	switch {
	case f.ID != "GR701":
		take, word = 0o007, "o-rwx"
	case !mode.IsDir():
		return f
	}
	if mode.Perm()&take == 0 {
		return f // it is the owner that is wrong
	}
	return f.WithMend("chmod "+word+" "+f.Pos.File, func() error { return chmod(f.Pos.File, info, take) })
}

// chmod takes permissions from the very file that was looked at.
func chmod(path string, was fs.FileInfo, take fs.FileMode) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !os.SameFile(info, was) {
		err = fmt.Errorf("cannot mend %s: it is another file by now", path)
	}
	// A guest's user may have given a name in its directory to somebody else's file.
	if st, ok := was.Sys().(*syscall.Stat_t); err == nil && (!ok || !was.IsDir() && st.Nlink > 1) {
		err = fmt.Errorf("cannot mend %s: it has other names (hard links), too", path)
	}
	if err != nil {
		return err
	}
	special := info.Mode() & (fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	return os.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), special|info.Mode().Perm()&^take) // chmod(2) knows no O_PATH
}

// migration is nil where guestrc migrate has to be looked at first.
func (d *doctor) migration(ctx context.Context, name string) func() error {
	n, err := guest.ParseName(name)
	if err != nil {
		return nil
	}
	i, err := d.e.house.Configure(ctx, n, quietly{})
	m, ok := i.(migrating)
	if err != nil || !ok {
		return nil
	}
	changes, err := confile.Migrate(m.ConfigPath())
	if err != nil || len(changes) == 0 {
		return nil
	}
	for _, c := range changes {
		if strings.HasPrefix(c.Path, "/usr/") {
			return nil
		}
		for _, l := range c.Lines {
			if l.Deleted {
				return nil
			}
		}
	}
	return func() error { return confile.Write(changes) }
}

// quietly is a Progress that tells nobody: a finding says what there is to say.
type quietly struct{}

func (quietly) Say(string)                       {}
func (quietly) Warn(error)                       {}
func (quietly) Started(int, bool, time.Duration) {}
func (quietly) Unready(error)                    {}
func (quietly) Rung(shutdown.Event)              {}
