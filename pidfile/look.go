package pidfile

import (
	"fmt"
	"os"
)

// Recall opens the process that a record names, for those who only look: no
// pidfile, lease or argv is held against it. It returns ErrNotRunning when the
// process has ended or was one of another boot. To signal it, use Find.
func Recall(rec Identity) (*Process, error) {
	p, _, err := (&search{}).recall(&rec)
	if err == nil && p == nil {
		err = fmt.Errorf("cannot recall process %d: %w", rec.Pid, ErrNotRunning)
	}
	return p, err
}

// LeaseHeld reports whether a process of the guest has the lease, without
// taking it.
func LeaseHeld(dir *os.File) (bool, error) {
	f, held, err := leaseHeld(dir)
	if f != nil {
		f.Close()
	}
	return held, err
}
