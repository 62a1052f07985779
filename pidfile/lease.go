package pidfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// OpenLease opens and locks the lease file of dir, making it when it is absent.
// held says that somebody has it already; f is then nil. Else f is for the
// guest's process to inherit (it is read-only and close-on-exec here): the lock
// lasts until the last process that inherited it has ended, whatever becomes
// of us. The caller holds the lock of dir.
//
// Two locks go with the one open file. flock(2) makes the claim: it alone can
// be exclusive on a read-only descriptor. The read lock of F_OFD_SETLK
// (fcntl_locking(2)) is for those who look: they can test it without taking it,
// so that looking never stands in the way of a start.
func OpenLease(dir *os.File) (f *os.File, held bool, err error) {
	f, err = openNamed(dir, LeaseFile, unix.O_RDONLY|unix.O_CREAT, func(f *os.File) error {
		if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return err
		}
		lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
		return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock)
	})
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, true, nil
	}
	return f, false, err
}

// leaseHeld reports whether a process has the lease, and gives its file, nil
// when there is none.
func leaseHeld(dir *os.File) (f *os.File, held bool, err error) {
	f, err = openRegular(dir, LeaseFile, unix.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	held, err = observed(f)
	if err != nil {
		return nil, false, errors.Join(err, f.Close())
	}
	return f, held, nil
}

// observed tests for a lock on f of anybody else's, without taking one.
func observed(f *os.File) (held bool, err error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock); err != nil {
		return false, fmt.Errorf("cannot ask who holds %s: %w", f.Name(), err)
	}
	return lock.Type != unix.F_UNLCK, nil
}

// leased adopts the one process that holds the lease and looks as expected.
func (s *search) leased() (*Process, error) {
	f, held, err := leaseHeld(s.dir)
	if s.suspect(err) {
		return nil, nil
	}
	if f == nil || err != nil {
		return nil, err
	}
	defer f.Close()
	if !held {
		return nil, nil
	}
	file, err := fileOf(f)
	if err != nil {
		return nil, err
	}
	p, reasons, err := s.adoptOne(file)
	if err != nil || p != nil {
		return p, err
	}
	if held, err := observed(f); err != nil || !held { // its last holder ended while we looked
		return nil, err
	}
	if s.cause == nil {
		s.cause = ErrOnlyLease
	}
	return nil, s.doubt(append([]string{"the lease is held, so some process of the guest is alive"}, reasons...)...)
}

// adoptOne looks through all processes for those that hold file locked.
func (s *search) adoptOne(file fileID) (found *Process, reasons []string, err error) {
	pids, err := lockHolders(file)
	if err != nil {
		return nil, nil, err
	}
	var fit []*Process
	for _, pid := range pids {
		p, why, err := s.adopt(pid)
		switch {
		case errors.Is(err, ErrGone):
		case err != nil:
			reasons = append(reasons, err.Error())
		case why != "":
			reasons = append(reasons, why)
		case !holdsLock(pid, file) || p.Ended():
			p.Close()
		default:
			fit = append(fit, p)
		}
	}
	if len(fit) == 1 {
		return fit[0], nil, nil
	}
	for _, p := range fit {
		reasons = append(reasons, fmt.Sprintf("process %d looks like the guest's", p.Pid()))
		p.Close()
	}
	if len(reasons) == 0 {
		reasons = []string{"no process that can be seen from here holds it"}
	}
	return nil, reasons, nil
}
