package pidfile

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what the kernel has counted for one process, its threads together.
type Usage struct {
	CPU      time.Duration // processor time
	Children time.Duration // processor time of children that it has waited for, and of theirs
	Resident uint64        // bytes of memory in use, those shared with others too
	Read     uint64        // bytes that it had read from block devices; 0 where we may not know
	Written  uint64        // bytes that it had, or will have, written to them; 0 where we may not know
}

// tick is a clock tick of /proc: USER_HZ is 100 wherever Go runs (time(7)).
const tick = time.Second / 100

// Usage returns what the process has used so far. A zombie's is not counted:
// ErrGone.
func (p *Process) Usage() (Usage, error) {
	// The pidfd is asked last, for all that was read by number.
	read, written := transferred(p.id.Pid)
	s, err := p.stat()
	if err == nil && p.Ended() {
		err = ErrGone
	}
	if err != nil {
		return Usage{}, fmt.Errorf("cannot measure process %d: %w", p.id.Pid, err)
	}
	return Usage{
		CPU: time.Duration(s.cpu) * tick, Children: time.Duration(s.waits) * tick,
		Resident: uint64(max(s.pages, 0)) * uint64(os.Getpagesize()),
		Read:     read, Written: written,
	}, nil
}

// Age returns how long ago the process was started, the time that the host
// slept included.
func (p *Process) Age() (time.Duration, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(now.Nano()) - time.Duration(p.id.StartTicks)*tick, nil
}

// transferred reads proc_pid_io(5), which is for root and the process's user.
func transferred(pid int) (read, written uint64) {
	text, err := readProc("/proc/"+strconv.Itoa(pid)+"/io", 1024)
	if err != nil {
		return 0, 0
	}
	return parseIO(text)
}

// parseIO gives read_bytes and write_bytes, 0 for one that is not there.
func parseIO(text []byte) (read, written uint64) {
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(line, []byte(": "))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 64)
		switch {
		case err != nil:
		case string(name) == "read_bytes":
			read = n
		case string(name) == "write_bytes":
			written = n
		}
	}
	return read, written
}
