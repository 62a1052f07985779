package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// Going is a shutdown of the host that is under way.
type Going struct {
	ID       string    // the same for all who take part in it
	Began    time.Time // when it was announced
	Deadline time.Time // zero: no budget
	Battery  bool      // the deadline is that of battery power
}

const (
	announcementFile = "host-shutdown"
	announcementLock = "host-shutdown.lock"
	// lockPatience is for a file that is read and written. A shutdown of the
	// host does not wait for one who hangs.
	lockPatience = 2 * time.Second
	// calledOff is how long after its deadline a shutdown that still goes on is
	// another one: the host did not go down then.
	calledOff = 10 * time.Minute
)

// Announce says that the host goes down. The first caller of this shutdown
// decides when it began and by when it is to be over (Settings.BudgetNow), and
// the others join it. When the host goes over to battery meanwhile, the
// deadline becomes that of a shutdown that begins now, if it is sooner.
//
// An announcement of another boot, one whose deadline is 10 minutes ago, and one
// without a deadline that is 10 minutes old, is of a shutdown that was called
// off, and is made anew.
//
// Going is usable with an error too: then others may not know of it. The
// deadline does not move when the host's clock is set, as long as it has the
// monotonic reading of now.
func Announce(ctx context.Context, l guest.Layout, s Settings, now func() time.Time) (Going, error) {
	return announce(ctx, l, s, now, uptime)
}

// Announced tells whether there is an announcement, of whatever shutdown.
func Announced(l guest.Layout) bool {
	return unix.Access(filepath.Join(l.RunBase(), announcementFile), unix.F_OK) == nil
}

// CallOff removes the announcement: a host that starts guests is not going
// down. That there is none is no error.
func CallOff(l guest.Layout) error {
	path := filepath.Join(l.RunBase(), announcementFile)
	if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
		return fmt.Errorf("cannot remove %s: %w", path, err)
	}
	return nil
}

// announcement is the file. Times are nanoseconds since the host's boot
// (CLOCK_BOOTTIME): nobody sets that clock.
type announcement struct {
	ID       string        `json:"id"`
	BootID   string        `json:"boot_id"`
	At       time.Time     `json:"at"`
	Began    time.Duration `json:"began"`
	Deadline time.Duration `json:"deadline,omitempty"` // 0: none
	Battery  bool          `json:"battery,omitempty"`
}

func announce(ctx context.Context, l guest.Layout, s Settings, now func() time.Time, up func() (time.Duration, error)) (g Going, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot announce the host's shutdown: %w", err)
		}
	}()
	dir, err := pidfile.OpenDir(l.RunBase(), true)
	if err != nil {
		at := now()
		ours, errClock := begin(l, s, at, up)
		return ours.going(at, ours.Began), errors.Join(err, errClock)
	}
	defer dir.Close()
	unlock, err := lockBriefly(ctx, dir)
	if err == nil {
		defer func() { err = errors.Join(err, unlock()) }()
	}
	theirs, ok, errRead := readAnnouncement(dir)
	// The clocks are looked at after the file: what it says is not to come.
	at := now()
	ours, errClock := begin(l, s, at, up)
	agreed := ours
	if ok && errClock == nil && !ours.outlived(theirs) {
		agreed = theirs.hurried(ours)
	}
	err = errors.Join(err, errRead, errClock)
	if err == nil && (!ok || agreed != theirs) {
		err = writeAnnouncement(dir, agreed)
	}
	return agreed.going(at, ours.Began), err
}

func lockBriefly(ctx context.Context, dir *os.File) (unlock func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	return pidfile.LockNamed(ctx, dir, announcementLock)
}

// begin is a shutdown that begins now.
func begin(l guest.Layout, s Settings, at time.Time, up func() (time.Duration, error)) (announcement, error) {
	since, errUp := up()
	boot, errBoot := pidfile.BootID()
	id := fmt.Sprintf("%s-%08x", at.UTC().Format("20060102T150405Z"), rand.Uint32())
	a := announcement{ID: id, BootID: boot, At: at.Round(0), Began: since}
	if budget, battery := s.BudgetNow(l); budget > 0 {
		a.Deadline, a.Battery = since+budget, battery
	}
	return a, errors.Join(errUp, errBoot)
}

// outlived tells whether a was called off, or is of another boot.
func (ours announcement) outlived(a announcement) bool {
	over := max(a.Began, a.Deadline)
	return a.BootID != ours.BootID || a.Began > ours.Began || ours.Began-over > calledOff
}

// hurried has the deadline of battery power when it is sooner.
func (a announcement) hurried(now announcement) announcement {
	if now.Battery && (a.Deadline == 0 || now.Deadline < a.Deadline) {
		a.Deadline, a.Battery = now.Deadline, true
	}
	return a
}

func (a announcement) going(now time.Time, since time.Duration) Going {
	g := Going{ID: a.ID, Began: a.At, Battery: a.Battery}
	if a.Deadline > 0 {
		g.Deadline = now.Add(a.Deadline - since)
	}
	return g
}

// readAnnouncement gives what dir has; false when it is absent or damaged.
func readAnnouncement(dir *os.File) (a announcement, ok bool, err error) {
	data, err := read(dir, announcementFile)
	if errors.Is(err, fs.ErrNotExist) {
		return a, false, nil
	}
	if err != nil {
		return a, false, err
	}
	a, ok = parseAnnouncement(data)
	return a, ok, nil
}

// parseAnnouncement refuses what is damaged: another is made in its place.
func parseAnnouncement(data []byte) (announcement, bool) {
	var a announcement
	if json.Unmarshal(data, &a) != nil || a.ID == "" || a.Began < 0 || a.Deadline < 0 {
		return announcement{}, false
	}
	return a, true
}

func writeAnnouncement(dir *os.File, a announcement) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return pidfile.WriteFile(dir, announcementFile, append(data, '\n'), 0o644)
}

// uptime is the time since the host's boot, with what it slept
// (clock_gettime(2)).
func uptime() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(t.Nano()), nil
}
