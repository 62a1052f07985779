package lxc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

// pidFile is LXC's, in the run directory. Nothing is read out of it: LXC's
// monitor removes it as the last thing that it does, in order and never at a
// reboot, and that dates the directory.
func (c *Container) pidFile() string { return filepath.Join(c.Layout.RunDir(c.Name), "monitor") }

// Ended tells when a container ended that nobody watched. Of a monitor that died,
// and of a container that others have started, there is no trace: then nothing
// has changed the directory since our record was put there.
func (c *Container) Ended(since time.Time) (how guest.Ending) {
	if len(c.Leftovers()) > 0 {
		return how
	}
	if _, err := os.Lstat(c.pidFile()); !errors.Is(err, fs.ErrNotExist) {
		return how
	}
	var dir, record unix.Stat_t
	if unix.Stat(filepath.Dir(c.pidFile()), &dir) != nil || unix.Stat(filepath.Join(filepath.Dir(c.pidFile()), guest.RecordFile), &record) != nil {
		return how
	}
	changed, kept := time.Unix(dir.Mtim.Unix()), time.Unix(record.Ctim.Unix())
	if changed.After(since) && changed.Sub(kept) > tick {
		how.At = changed
	}
	return how
}

// tick is more than the grain of files' times, which is a jiffy (4 ms with HZ=250).
const tick = 20 * time.Millisecond

// sweepPidFile removes what a monitor that died has left.
func (c *Container) sweepPidFile() error {
	if err := os.Remove(c.pidFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
