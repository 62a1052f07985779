package guest

import "errors"

// Exit statuses: LSB 3.1 §20.2 for actions and for status. The man pages, the
// init script and the units cite this table; a test holds them against it.
const (
	StatusDone          = 0 // action succeeded; status: running
	StatusFailed        = 1 // action failed
	StatusUsage         = 2 // invalid or excess arguments
	StatusUnimplemented = 3 // an init script's action that guests do not have
	StatusRefused       = 4 // refused (identity in doubt, in use, another's) or insufficient privilege
	StatusNotInstalled  = 5 // a program that the guest needs is missing
	StatusNotConfigured = 6 // the guest's configuration is missing or wrong
	StatusNotRunning    = 7 // the action needs a running guest

	StateRunning = 0 // status: the guest runs
	StateCrashed = 1 // status: dead, but its pidfile or sockets are left (LSB: dead, pid file exists)
	StateLocked  = 2 // status: dead, but something holds its lock file
	StateStopped = 3 // status: not running
	StateUnknown = 4 // status: cannot tell, or in doubt
)

// Error carries an exit status and, when the fix is known, a hint.
type Error struct {
	Status int
	Msg    string // "cannot VERB OBJECT", lower case
	Hint   string
	Err    error  // cause; may be nil
	ID     string // what sort of fault it is, as docs/checks.md has it ("GR514"); may be empty
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Msg + ": " + e.Err.Error()
	}
	return e.Msg
}

func (e *Error) Unwrap() error    { return e.Err }
func (e *Error) HintText() string { return e.Hint }
func (e *Error) ExitStatus() int  { return e.Status }

// ExitStatus finds the exit status that err carries: of several joined errors
// the first; 1 when none says.
func ExitStatus(err error) int {
	if err == nil {
		return StatusDone
	}
	var s interface{ ExitStatus() int }
	if errors.As(err, &s) {
		return s.ExitStatus()
	}
	return StatusFailed
}
