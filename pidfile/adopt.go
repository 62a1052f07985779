package pidfile

import (
	"errors"
	"fmt"
)

// locked adopts the process that locks the pidfile. A holder that ends while it
// is looked at is asked for anew, a few times: a lock whose taker stays dead is
// kept by a process that shares its open files, and its number may be anybody's.
func (s *search) locked() (*Process, error) {
	var pid int
	for range 4 {
		var held bool
		var err error
		pid, held, err = Holder(s.dir, PidFile)
		switch {
		case held && err != nil:
			return nil, s.doubt(lockedBy(0))
		case s.suspect(err):
			return nil, nil
		case err != nil || !held:
			return nil, err
		}
		p, why, err := s.adopt(pid)
		switch {
		case errors.Is(err, ErrGone):
			continue
		case err != nil:
			return nil, err
		case why != "":
			return nil, s.doubt(lockedBy(pid), why)
		}
		// Only now, with the pidfd open, does the kernel's word about the
		// number mean this process.
		if again, held, err := Holder(s.dir, PidFile); err == nil && held && again == pid {
			return p, nil
		}
		if err := p.Close(); err != nil {
			return nil, err
		}
	}
	return nil, s.doubt(lockedBy(pid), "but that process has ended, or the lock keeps changing hands")
}

// adopt captures a process and holds it against what is expected; why says what
// does not agree. ErrGone: it ended meanwhile.
func (s *search) adopt(pid int) (p *Process, why string, err error) {
	p, err = s.k.capture(pid)
	if err != nil {
		return nil, "", err
	}
	why = s.want.mismatch(pid)
	switch {
	case p.Ended():
		return nil, "", errors.Join(ErrGone, p.Close())
	case why != "":
		return nil, fmt.Sprintf("process %d is not the guest's: %s", pid, why), p.Close()
	}
	return p, "", nil
}
