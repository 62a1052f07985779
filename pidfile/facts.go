package pidfile

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ReadProc reads the file name in the process's own directory of /proc, at most
// limit bytes. ErrGone: it was reaped, and what was there may be another's.
func (p *Process) ReadProc(name string, limit int) ([]byte, error) {
	text, err := readProc(fmt.Sprintf("/proc/%d/%s", p.id.Pid, name), limit)
	if err := p.still(err); err != nil {
		return nil, fmt.Errorf("cannot read %s of process %d: %w", name, p.id.Pid, err)
	}
	return text, nil
}

// StatProc follows a link in the process's own directory of /proc, such as
// "root", and says what is there. name may go on below it.
func (p *Process) StatProc(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Stat(fmt.Sprintf("/proc/%d/%s", p.id.Pid, name), &st)
	if err := p.still(err); err != nil {
		return unix.Stat_t{}, fmt.Errorf("cannot look at %s of process %d: %w", name, p.id.Pid, err)
	}
	return st, nil
}

// still turns an error into ErrGone where the number may be another's by now.
func (p *Process) still(err error) error {
	gone := true
	if closed := p.withFd(func(fd int) { gone = reaped(fd) }); closed != nil {
		return closed
	}
	if gone || errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	return err
}

// Runs reports whether the process was started from the file at path, and what
// /proc/PID/exe says: "" when we may not look, " (deleted)" at its end when the
// file has been replaced. Path is compared as in Expect.
func (p *Process) Runs(path string) (text string, ok bool, err error) {
	text, ok = Expect{Exe: path}.runs(p.id.Pid)
	if err := p.still(nil); err != nil {
		return "", false, fmt.Errorf("cannot tell what process %d runs: %w", p.id.Pid, err)
	}
	return text, ok, nil
}

// KeepsOpen reports whether the process has the file open. False is no news:
// it may have closed it, or we may not look.
func (p *Process) KeepsOpen(f *os.File) bool {
	file, err := fileOf(f)
	if err != nil {
		return false
	}
	return anyDescriptor(p.id.Pid, func(dir *os.File, name string) bool { return isFile(dir, name, file) }) && p.still(nil) == nil
}

// ParsePid reads what a pidfile holds: one decimal number from 1 to the most
// that a kernel gives out, a newline after it or not, and nothing else. ErrEmpty:
// there is nothing.
func ParsePid(text []byte) (int, error) { return parsePid(text) }
