package pidfile

import (
	"errors"
	"fmt"
	"os"
)

// How says by what a process was found, the strongest first.
type How string

// The ways in which Find finds a process.
const (
	ByHandle How = "handle"     // the record's pidfs handle: exact
	ByInode  How = "inode"      // the record's number and pidfs inode: exact on 64 bits
	ByStart  How = "start time" // the record's number and start time, and one fact more
	ByLock   How = "lock"       // it locks the pidfile and looks as expected
	ByLease  How = "lease"      // of those that hold the lease, it alone looks as expected
)

// Find decides which process runs under dir.
//
//  1. A record of another boot says nothing: no number in it is looked at.
//  2. The record's process, by handle, else by inode, else by start time, is it
//     when it lives and nobody else locks the pidfile.
//  3. Else whoever locks the pidfile, if it looks as want says.
//  4. Else, when the lease is held, the one process that holds it and looks as
//     want says.
//
// It returns ErrNotRunning when none of these is there, and a *DoubtError when
// facts do not agree. A nil rec stands for no record. The process may end at any
// moment after: its methods say so.
func Find(dir *os.File, rec *Identity, want Expect) (*Process, How, error) {
	return kernel{}.find(dir, rec, want)
}

// search is one Find under way. A step gives a process, or an error that ends
// the search, or neither, and then the next step follows.
type search struct {
	k       kernel
	dir     *os.File
	want    Expect
	reasons []string // why absence cannot be told for certain
	cause   error
}

func (k kernel) find(dir *os.File, rec *Identity, want Expect) (*Process, How, error) {
	s := search{k: k, dir: dir, want: want}
	if p, how, err := s.recorded(rec); p != nil || err != nil {
		return p, how, err
	}
	if p, err := s.locked(); p != nil || err != nil {
		return p, ByLock, err
	}
	if p, err := s.leased(); p != nil || err != nil {
		return p, ByLease, err
	}
	if len(s.reasons) > 0 {
		return nil, "", s.doubt()
	}
	return nil, "", fmt.Errorf("cannot find a process under %s: %w", dir.Name(), ErrNotRunning)
}

func (s *search) doubt(reasons ...string) error {
	return &DoubtError{Dir: s.dir.Name(), Reasons: append(s.reasons, reasons...), Err: s.cause}
}

// suspect notes err as a reason to doubt when it is a *SuspectError.
func (s *search) suspect(err error) bool {
	var suspect *SuspectError
	if !errors.As(err, &suspect) {
		return false
	}
	s.reasons, s.cause = append(s.reasons, err.Error()), err
	return true
}

// lockedBy says who locks the pidfile; 0 stands for ErrForeign.
func lockedBy(pid int) string {
	if pid == 0 {
		return "the pidfile is locked from another pid namespace or by an open file description"
	}
	return fmt.Sprintf("the pidfile is locked by process %d", pid)
}
