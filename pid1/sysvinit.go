package pid1

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// initctlFd is where sysvinit keeps its FIFO open (PIPE_FD, src/init.h).
const initctlFd = "10"

// hostInitctl are the FIFOs of this machine's own init, as sysvinit and
// systemd-initctl(8) name them.
var hostInitctl = []string{"/run/initctl", "/dev/initctl"}

// errHostInitctl says that the container's init reads what is the host's.
var errHostInitctl = errors.New("its initctl is a FIFO of this machine's own init")

// runlevelRequest is a struct init_request that asks for a runlevel, with the
// time between SIGTERM and SIGKILL that init itself would take
// (sysvinit's src/initreq.h, init.h).
func runlevelRequest(level byte) []byte {
	const magic, runlevel, grace, size = 0x03091969, 1, 3, 384
	var b []byte
	for _, field := range []uint32{magic, runlevel, uint32(level), grace} {
		b = binary.NativeEndian.AppendUint32(b, field)
	}
	return append(b, make([]byte, size-len(b))...)
}

// withInitctl runs work with the FIFO that PID 1 reads requests from; open is
// false while it has none. No path of the container is involved: the FIFO is
// the one that PID 1 itself holds open. We open it with no more rights than it
// has.
func (a *asking) withInitctl(i Init, work func(fifo int) error) (bool, error) {
	return within(livePatience, func() (open bool, err error) {
		fd, err := a.findInitctl()
		if err != nil || fd < 0 {
			return false, err
		}
		defer unix.Close(fd)
		open = true
		err = as(i.status.uid, i.status.gid, func() error {
			fifo, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			if err == unix.ENXIO {
				open = false // closed since
				return nil
			}
			if err != nil {
				return fmt.Errorf("cannot open initctl: %w", err)
			}
			defer unix.Close(fifo)
			return work(fifo)
		})
		return open, err
	})
}

// initctlDeaf wraps ErrDeaf while PID 1 has not opened its FIFO.
func (a *asking) initctlDeaf(i Init) (deaf, err error) {
	open, err := a.withInitctl(i, func(int) error { return nil })
	if err == nil && !open {
		deaf = fmt.Errorf("%w: %s has not opened initctl", ErrDeaf, i.name())
	}
	return deaf, err
}

func (a *asking) writeInitctl(i Init, level byte) error {
	open, err := a.withInitctl(i, func(fifo int) error {
		_, err := unix.Write(fifo, runlevelRequest(level)) // all or nothing: pipe(7), PIPE_BUF
		if err != nil {
			return fmt.Errorf("cannot write to initctl: %w", err)
		}
		return nil
	})
	if err == nil && !open {
		err = fmt.Errorf("%w: %s closed initctl", ErrDeaf, i.name())
	}
	return err
}

// initctlEmpty reports whether PID 1 has read what was written.
func (a *asking) initctlEmpty(i Init) (bool, error) {
	var left int
	_, err := a.withInitctl(i, func(fifo int) (err error) {
		left, err = unix.IoctlGetInt(fifo, unix.TIOCINQ) // FIONREAD
		return err
	})
	return left == 0, err
}

// findInitctl gives an O_PATH descriptor of the FIFO, or -1.
func (a *asking) findInitctl() (int, error) {
	dir := "/proc/" + strconv.Itoa(a.p.Pid()) + "/fd"
	names, err := fdNames(dir)
	if err != nil {
		return -1, err
	}
	for _, name := range names {
		text, err := os.Readlink(dir + "/" + name)
		if err != nil || !strings.HasSuffix(text, "/initctl") {
			continue
		}
		fd, err := openPath(dir + "/" + name)
		if err != nil {
			continue
		}
		found, err := a.checkInitctl(fd)
		if found {
			return fd, nil
		}
		unix.Close(fd)
		if err != nil {
			return -1, err
		}
	}
	return -1, nil
}

// fdNames lists some of the descriptors of a process, initctlFd first.
func fdNames(dir string) ([]string, error) {
	const most = 256
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(most)
	if len(names) == 0 {
		return nil, nil // none, or none to be seen any more
	}
	return slices.Insert(names, 0, initctlFd), err
}

// checkInitctl wants a FIFO of a process that still lives and is not the host's.
func (a *asking) checkInitctl(fd int) (ok bool, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, os.NewSyscallError("fstat", err)
	}
	switch {
	case a.p.Ended():
		return false, pidfile.ErrGone
	case st.Mode&unix.S_IFMT != unix.S_IFIFO:
		return false, nil
	case hostReads(&st, a.foreign):
		return false, errHostInitctl
	}
	return true, nil
}

// hostReads reports whether a FIFO has the name of the host's initctl, or is
// open in the host's PID 1.
func hostReads(fifo *unix.Stat_t, more []string) bool {
	paths := slices.Concat(hostInitctl, more)
	names, err := fdNames("/proc/1/fd")
	if err == nil {
		for _, name := range names {
			paths = append(paths, "/proc/1/fd/"+name)
		}
	}
	return slices.ContainsFunc(paths, func(path string) bool {
		var st unix.Stat_t
		return unix.Stat(path, &st) == nil && st.Dev == fifo.Dev && st.Ino == fifo.Ino
	})
}
