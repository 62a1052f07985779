package pidfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Holder asks the kernel which process holds a POSIX write lock on the file
// name in dir (F_GETLK, fcntl_locking(2)): QEMU locks its -pidfile for life. The
// number is that of our pid namespace. A file that is absent is not held; one
// that is not plainly ours gives a *SuspectError; a lock whose holder has no
// number here gives ErrForeign with held set.
//
// The kernel remembers the number of the process that took the lock. Should
// that process have shared its open files with another (CLONE_FILES) and ended,
// the number is stale, which is why Find never adopts by it alone.
//
// A process that holds POSIX locks on the file itself must not call this:
// closing any descriptor of a file drops them.
func Holder(dir *os.File, name string) (pid int, held bool, err error) {
	f, err := openRegular(dir, name, unix.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	return holderOf(f)
}

// holderOf tests for a read lock, which only write locks are in the way of.
func holderOf(f *os.File) (pid int, held bool, err error) {
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return 0, false, fmt.Errorf("cannot ask who locks %s: %w", f.Name(), err)
	}
	switch {
	case lock.Type == unix.F_UNLCK:
		return 0, false, nil
	case lock.Pid <= 0: // 0: a foreign pid namespace; -1: an open file description
		return 0, true, fmt.Errorf("cannot tell who locks %s: %w", f.Name(), ErrForeign)
	}
	return int(lock.Pid), true, nil
}

// maxContent is more than any pidfile needs.
const maxContent = 32

// ReadPid reads what the pidfile says: one decimal number, a newline or not.
// It is a hint for people; nothing may be done to the process on its strength.
// ErrEmpty: there is no content yet.
func ReadPid(dir *os.File, name string) (int, error) {
	f, err := openRegular(dir, name, unix.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxContent+1))
	if err != nil {
		return 0, fmt.Errorf("cannot read %s: %w", f.Name(), err)
	}
	pid, err := parsePid(text)
	if err != nil {
		return 0, fmt.Errorf("cannot read %s: %w", f.Name(), err)
	}
	return pid, nil
}

// parsePid accepts ^[1-9][0-9]{0,9}\n?$ within the numbers of processes.
func parsePid(text []byte) (int, error) {
	switch {
	case len(text) == 0:
		return 0, ErrEmpty
	case len(text) > maxContent:
		return 0, errors.New("it holds more than a process number")
	}
	digits := bytes.TrimSuffix(text, []byte("\n"))
	for i, c := range digits {
		if c < '0' || c > '9' || (i == 0 && c == '0') {
			return 0, fmt.Errorf("%q is no process number", text)
		}
	}
	pid, err := strconv.Atoi(string(digits))
	if err != nil || pid > maxPid {
		return 0, fmt.Errorf("%q is no process number", text)
	}
	return pid, nil
}
