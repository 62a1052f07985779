package pidfile

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Recall opens the process that a record names, for those who only look: no
// pidfile, lease or argv is held against it. It returns ErrNotRunning when the
// process has ended or was one of another boot. To signal it, use Find.
func Recall(rec Identity) (*Process, error) {
	var s search
	p, _, err := s.recall(&rec)
	switch {
	case err != nil:
		return nil, err
	case p != nil:
		return p, nil
	case len(s.reasons) > 0:
		return nil, errors.New("cannot recall a process: " + strings.Join(s.reasons, "; "))
	}
	return nil, fmt.Errorf("cannot recall process %d: %w", rec.Pid, ErrNotRunning)
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
