package daemon

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// order is which came first, the process or the last writing of its pidfile.
type order int

const (
	before order = iota // the process did, as a daemon must
	after               // the file did: the number was another's then
	untold              // the clocks do not say
)

// moments are when a process started and a file was written, both by the wall
// clock as it is set now.
type moments struct {
	now, booted      time.Time
	started, written time.Time
	grain            time.Duration // by which written may be too early
	inMemory         bool          // the file is of this boot, whatever the clock says
	remote           bool          // the file's time is another machine's
}

// compare also says, in words, how they lie to each other.
func (m moments) compare() (order, string) {
	switch {
	case m.remote:
		return untold, "the pidfile's time is by the clock of another machine"
	case m.written.After(m.now.Add(m.grain)):
		return untold, "the pidfile's time is in the future, so the clock was set since"
	case m.inMemory && m.written.Add(m.grain).Before(m.booted):
		return untold, "the pidfile's time is before the boot, so the clock was set since"
	case m.started.After(m.written.Add(m.grain)):
		return after, fmt.Sprintf("it started %s after the pidfile was written", span(m.started.Sub(m.written)))
	}
	return before, "it started before the pidfile was written"
}

// span is for people, and coarse.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// coarsest is what FAT keeps; file systems that keep whole seconds show no
// fraction, and neither does it.
const coarsest = 2 * time.Second

// momentsOf asks the clocks.
func momentsOf(p *pidfile.Process, f *os.File, st *unix.Stat_t) (moments, error) {
	var m moments
	var on unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &on); err != nil {
		return m, &os.PathError{Op: "statfs", Path: f.Name(), Err: err}
	}
	switch on.Type {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		m.inMemory = true
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC,
		unix.V9FS_MAGIC, unix.FUSE_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC:
		m.remote = true
	}
	m.written = time.Unix(st.Mtim.Unix())
	m.grain = tick()
	if m.written.Nanosecond() == 0 {
		m.grain = coarsest
	}
	var up time.Duration
	var err error
	if m.now, up, err = bothClocks(); err != nil {
		return m, err
	}
	m.booted = m.now.Add(-up)
	m.started = m.booted.Add(time.Duration(p.Identity().StartTicks) * clockTick)
	return m, nil
}

// clockTick is that of proc_pid_stat(5), which rounds down: USER_HZ is 100
// wherever Go runs (time(7)).
const clockTick = time.Second / 100

// tick is how far a file's time lags behind, at most: the kernel stamps files by
// a clock that is moved on at each of its ticks.
func tick() time.Duration {
	const least = 2 * time.Millisecond // for the two clocks, which are read one after the other
	var res unix.Timespec
	if unix.ClockGetres(unix.CLOCK_REALTIME_COARSE, &res) != nil {
		return clockTick + least
	}
	return min(time.Duration(res.Nano()), clockTick) + least
}

// bothClocks reads the wall clock and the time since the boot, suspended time
// included, at one moment: within a millisecond unless the host is very busy.
func bothClocks() (wall time.Time, up time.Duration, err error) {
	for range 8 {
		var first, boot, second unix.Timespec
		err := errors.Join(unix.ClockGettime(unix.CLOCK_REALTIME, &first),
			unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot), unix.ClockGettime(unix.CLOCK_REALTIME, &second))
		if err != nil {
			return wall, 0, os.NewSyscallError("clock_gettime", err)
		}
		wall, up = time.Unix(first.Unix()), time.Duration(boot.Nano())
		if second.Nano()-first.Nano() < int64(time.Millisecond) {
			break
		}
	}
	return wall, up, nil
}
