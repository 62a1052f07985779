package pidfile

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotRunning says that no process runs under the directory: nothing
	// recorded is alive, nothing is locked.
	ErrNotRunning = errors.New("not running")

	// ErrGone says that the process has ended. A zombie has ended: it runs no
	// code, and the kernel accepts signals to it without effect.
	ErrGone = errors.New("the process has ended")

	// ErrHeld says that somebody still holds a lock on the file.
	ErrHeld = errors.New("it is locked")

	// ErrEmpty says that a pidfile has no content yet: while it is locked, its
	// owner is starting.
	ErrEmpty = errors.New("it is empty")

	// ErrOnlyLease says that nothing was found but a held lease: a process that
	// inherited it lives, and is not the guest's own, or not yet.
	ErrOnlyLease = errors.New("only the lease is held")

	// ErrForeign says that there is a process, but it has no number here: it is
	// in another pid namespace, or a lock belongs to an open file description.
	ErrForeign = errors.New("it has no process number in this pid namespace")

	// ErrNoPidfd says that the kernel is too old to signal a process safely.
	ErrNoPidfd = errors.New("this kernel has no pidfd_open (Linux 5.3 and later have it)")
)

// statusRefused is LSB's "insufficient privilege" for actions and "unknown" for
// status; the same number on purpose.
const statusRefused = 4

// DoubtError says that facts do not agree about which process runs under Dir.
// Nothing was signalled.
type DoubtError struct {
	Dir     string
	Reasons []string // each a clause about one fact
	Err     error    // a cause, when one exists
}

func (e *DoubtError) Error() string {
	return fmt.Sprintf("cannot tell which process runs under %s: %s", e.Dir, strings.Join(e.Reasons, "; "))
}

// HintText returns what an admin can do.
func (e *DoubtError) HintText() string {
	return "nothing was signalled; look at the processes named (ps -fp PID), end by hand what does not belong here, then try again"
}

// ExitStatus returns 4: refused.
func (e *DoubtError) ExitStatus() int { return statusRefused }

func (e *DoubtError) Unwrap() error { return e.Err }

// SuspectError says that a file or directory is not what this package would
// have made, so that somebody else may control it.
type SuspectError struct {
	Path string
	Why  string
}

func (e *SuspectError) Error() string { return fmt.Sprintf("cannot trust %s: %s", e.Path, e.Why) }

// HintText returns what an admin can do.
func (e *SuspectError) HintText() string {
	return "find out who made it (ls -ld " + e.Path + "), then remove it by hand"
}

// ExitStatus returns 4: refused.
func (e *SuspectError) ExitStatus() int { return statusRefused }

// RefusedError says that a process is never signalled from here, whoever asks.
type RefusedError struct {
	Pid int
	Why string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("cannot signal process %d: %s", e.Pid, e.Why)
}

// ExitStatus returns 4: refused.
func (e *RefusedError) ExitStatus() int { return statusRefused }
