// Package daemon finds processes that other programs started, by their pidfile
// or by their name, says why it believes that they are the ones, signals them
// through pidfds and waits for their end. It refuses a pidfile's word without
// proof, whatever is in another pid namespace, and all that Process.Signal of
// package pidfile refuses.
//
// # A pidfile is a claim
//
// The number in it is opened as a pidfd first, everything else is asked then,
// and the pidfd says at the end that all of it was about that process. Counted
// for the process is, the strongest first: it locks the file, it has it open, it
// started before the file was last written. One that started later has somebody
// else's number, and the daemon is not running. Whoever may write the file, or
// replace something on the way to it, can name processes of his own only. Who can do
// no more than exchange it for another file of root's has a say in nothing if the
// program is known: many services own the directory that their master, as root,
// writes the pidfile into.
//
// # Clocks
//
// A process's age is counted from the boot, a file's time by the wall clock,
// which may have been set in between. Where that shows (a file in memory that is
// older than the boot, or one from the future) the times count for nothing. Else
// there is no telling a number given out again from a clock that was put forward:
// a process that runs the right program but is younger than its pidfile is doubt,
// and is neither signalled nor called gone.
package daemon

import "strings"

// Exit statuses of errors, from LSB's table of actions.
const (
	statusRefused    = 4
	statusNotRunning = 7
)

// Error says why nothing was signalled, or not everything.
type Error struct {
	Status int
	Msg    string // "cannot VERB OBJECT: cause"
	Hint   string
	Err    error // a cause that Msg tells of already; may be nil
}

// Error is one line: what processes and files are called is up to their users.
func (e *Error) Error() string { return strings.ReplaceAll(e.Msg, "\n", "?") }

// HintText returns what an admin can do.
func (e *Error) HintText() string { return e.Hint }

// ExitStatus returns 4 for what is refused or in doubt, 7 for what does not run.
func (e *Error) ExitStatus() int { return e.Status }

func (e *Error) Unwrap() error { return e.Err }
