package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// attempts bounds how often a pidfile is read again because it was written anew
// while it was looked at.
const attempts = 4

// ByPidfile finds the daemon that the pidfile at path names, if it can be proven.
// An *Error has status 7 where it does not run, 4 where the facts do not agree.
func ByPidfile(path string, want Want) (Found, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Found{}, err
	}
	c := claim{path: path, want: want}
	for range attempts {
		var found Found
		var changed bool
		if found, changed, err = c.prove(); !changed {
			return found, err
		}
	}
	return Found{}, err
}

// claim is a pidfile that is being looked into.
type claim struct {
	path string
	want Want
}

func (c *claim) refused(hint string, why ...string) error {
	return &Error{Status: statusRefused, Hint: hint,
		Msg: fmt.Sprintf("cannot tell which process is the daemon of %s: %s", c.path, strings.Join(why, "; "))}
}

func (c *claim) absent(why string, cause error) error {
	return &Error{Status: statusNotRunning, Err: cause,
		Msg: fmt.Sprintf("cannot find the daemon of %s: %s", c.path, why)}
}

// prove looks once. changed: the error is of a file that was written anew since.
func (c *claim) prove() (found Found, changed bool, err error) {
	at, err := open(c.path)
	if err != nil {
		return Found{}, false, c.unopened(err)
	}
	defer at.file.Close()
	found, err = c.proveBy(at)
	var e *Error
	return found, errors.As(err, &e) && c.rewritten(at), err
}

// rewritten reports whether the path has led to something else since.
func (c *claim) rewritten(at *place) bool {
	var st unix.Stat_t
	return unix.Stat(c.path, &st) == nil &&
		(st.Dev != at.stat.Dev || st.Ino != at.stat.Ino || st.Mtim != at.stat.Mtim || st.Size != at.stat.Size)
}

func (c *claim) unopened(err error) error {
	var irregular errNotRegular
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.absent("there is no such file", err)
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		return c.refused("try as root", err.Error())
	case errors.As(err, &irregular):
		return c.refused("find out who made it (ls -ld "+c.path+")", err.Error())
	case err == errMagic:
		return c.refused(insideHint, err.Error())
	}
	return c.refused("", err.Error())
}

const lookHint = "nothing was signalled; look at it (ps -fp %d)"

// maxHead is how much of a pidfile is read. Postfix pads its number to 32 bytes.
const maxHead = 256

var errNoNumber = errors.New("its first line is no process number")

// parseHead reads the first line: blanks, one decimal number, blanks. Some daemons
// have more to say in the lines below, as PostgreSQL. Errors quote nothing: a
// user's link may have led to what he may not read.
func parseHead(head []byte) (pid int, err error) {
	line, _, ended := bytes.Cut(head, []byte("\n"))
	if len(head) == 0 {
		return 0, pidfile.ErrEmpty
	}
	if pid, err = pidfile.ParsePid(bytes.Trim(line, " \t")); err != nil || !ended && len(head) == maxHead {
		return 0, errNoNumber
	}
	return pid, nil
}

// proveBy decides. What speaks against a process counts only if the process is
// not simply a later one that got the number.
func (c *claim) proveBy(at *place) (Found, error) {
	holder, locked, err := holderOf(at.file)
	if err != nil {
		return Found{}, err
	}
	text, err := io.ReadAll(io.LimitReader(at.file, maxHead))
	if err != nil {
		return Found{}, fmt.Errorf("cannot read %s: %w", c.path, err)
	}
	pid, err := parseHead(text)
	switch {
	case err != nil:
		return Found{}, c.refused("find out who made it (ls -l "+c.path+")", err.Error())
	case locked && holder == 0:
		return Found{}, c.refused("", "it is locked by a process of another pid namespace")
	case locked && holder != pid:
		return Found{}, c.refused(fmt.Sprintf(lookHint, holder), fmt.Sprintf("it names process %d, but process %d locks it", pid, holder))
	}
	p, err := pidfile.Capture(pid)
	if err != nil {
		return Found{}, c.gone(at, pid, err)
	}
	if locked { // only now, with the pidfd open, does the number mean this process
		holder, locked, err = holderOf(at.file)
		locked = locked && err == nil && holder == pid
	}
	found, err := c.judge(at, p, locked)
	if err == nil && p.Ended() {
		err = pidfile.ErrGone
	}
	if err != nil {
		p.Close()
		return Found{}, c.gone(at, pid, err)
	}
	return found, nil
}

// gone words the end of the process. Of another system's pidfile it tells
// nothing: the number was never one of ours.
func (c *claim) gone(at *place, pid int, err error) error {
	switch {
	case !errors.Is(err, pidfile.ErrGone):
		return err
	case at.root != nil:
		return c.refused(insideHint, otherSystem(at.root))
	}
	return c.absent(fmt.Sprintf("process %d has ended", pid), err)
}

const insideHint = "the numbers in there are not this host's: act inside the container"

func otherSystem(root *inner) string {
	return fmt.Sprintf("it is the pidfile of another system, whose root is %s", root.path)
}

// holderOf asks the kernel who has a POSIX lock on the file (fcntl_locking(2)).
// 0: a process of another pid namespace. A lock of an open file description
// belongs to nobody, and is none here.
func holderOf(f *os.File) (pid int, held bool, err error) {
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return 0, false, fmt.Errorf("cannot ask who locks %s: %w", f.Name(), err)
	}
	if lock.Type == unix.F_UNLCK || lock.Pid < 0 {
		return 0, false, nil
	}
	return int(lock.Pid), true, nil
}
