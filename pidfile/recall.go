package pidfile

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// recorded finds the record's process and holds the pidfile against it. A
// pidfile that is missing or suspect does not matter here: the record names the
// process without it, and whoever tampered with the file must not thereby keep
// the guest from being stopped.
func (s *search) recorded(rec *Identity) (*Process, How, error) {
	p, how, err := s.recall(rec)
	if p == nil || err != nil {
		return nil, "", err
	}
	err = s.agree(how, rec)
	if p.Ended() { // while it was looked at: what did not agree is of no account
		return nil, "", p.Close()
	}
	if err != nil {
		return nil, "", errors.Join(err, p.Close())
	}
	return p, how, nil
}

// recall opens the process that the record names, nil when it has ended.
func (s *search) recall(rec *Identity) (*Process, How, error) {
	if rec == nil {
		return nil, "", nil
	}
	boot, err := BootID()
	if err != nil || rec.BootID != boot {
		return nil, "", err
	}
	p, how, err := s.k.reopen(rec)
	var damaged *damagedError
	switch {
	case errors.As(err, &damaged):
		s.reasons = append(s.reasons, err.Error())
		return nil, "", nil
	case errors.Is(err, ErrGone):
		return nil, "", nil
	case err != nil:
		return nil, "", fmt.Errorf("cannot look for process %d: %w", rec.Pid, err)
	case p.Ended():
		return nil, "", p.Close()
	}
	return p, how, nil
}

// damagedError says that a record contradicts itself.
type damagedError struct{ err error }

func (e *damagedError) Error() string { return "the state record is damaged: " + e.err.Error() }

// reopen opens the process of a record of this boot by the best name that both
// record and kernel have.
func (k kernel) reopen(rec *Identity) (*Process, How, error) {
	if err := rec.check(); err != nil {
		return nil, "", &damagedError{err}
	}
	if rec.Handle != "" {
		p, err := k.reopenHandle(rec)
		if errors.Is(err, ErrGone) && rec.Inode != 0 {
			err = k.goneByInode(rec)
		}
		if !errors.Is(err, errUnsupported) {
			return p, ByHandle, err
		}
	}
	fd, err := k.open(rec.Pid)
	if err != nil {
		return nil, "", err
	}
	p := k.hold(fd, *rec)
	how := ByStart
	if inode := k.inode(fd); rec.Inode == 0 || inode == 0 {
		err = p.sameStart()
	} else if how = ByInode; inode != rec.Inode {
		err = ErrGone
	}
	if err != nil {
		return nil, "", errors.Join(err, p.Close())
	}
	return p, how, nil
}

// reopenHandle makes sure that the handle and the number beside it in the
// record mean one process: everything else here goes by the number.
func (k kernel) reopenHandle(rec *Identity) (*Process, error) {
	fd, err := k.openHandle(rec.Handle)
	if err != nil {
		return nil, err
	}
	p := k.hold(fd, *rec)
	pid, err := k.pid(fd)
	if err == nil && pid != rec.Pid {
		err = &damagedError{fmt.Errorf("its handle belongs to process %d, its number is %d", pid, rec.Pid)}
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// goneByInode asks the inode, too, before a process passes for gone: a handle
// that was damaged names nothing, either.
func (k kernel) goneByInode(rec *Identity) error {
	fd, err := k.open(rec.Pid)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if k.inode(fd) == rec.Inode {
		return &damagedError{errors.New("its handle names no process, its inode does")}
	}
	return ErrGone
}

// sameStart returns ErrGone when the number belongs to a process that started at
// another time.
func (p *Process) sameStart() error {
	if err := ownProc(); err != nil {
		return err
	}
	_, err := p.stat()
	if errors.Is(err, errOther) {
		return ErrGone
	}
	return err
}

// agree holds what else is known against the record's process.
func (s *search) agree(how How, rec *Identity) error {
	pid, held, err := Holder(s.dir, PidFile)
	var suspect *SuspectError
	switch {
	case held && pid != rec.Pid:
		return s.doubt(fmt.Sprintf("the state record names process %d, which is alive", rec.Pid), lockedBy(pid))
	case errors.Is(err, fs.ErrPermission) && how != ByStart:
		return nil // its holder cannot be asked for, and need not be
	case err != nil && !errors.As(err, &suspect):
		return err
	case how == ByStart && !held:
		return s.confirm(rec)
	}
	return nil
}

// confirm wants one more fact where only number and start time agree: with few
// numbers to give out, the kernel can reuse one within a clock tick (10 ms).
func (s *search) confirm(rec *Identity) error {
	why := s.want.mismatch(rec.Pid)
	if s.want.empty() {
		why = rec.otherExe()
	}
	if why == "" {
		return nil
	}
	return s.doubt(fmt.Sprintf("process %d has the number and start time of the state record, but %s", rec.Pid, why))
}
