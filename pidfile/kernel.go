package pidfile

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// kernel is what may be asked of the running kernel. The zero value asks for
// everything and takes the kernel's own "not supported" for an answer; the
// fields switch features off, so that tests see what an older one does.
type kernel struct {
	noPidfd  bool // before 5.3
	noInode  bool // before 6.9: all pidfds share one inode
	noInfo   bool // before 6.13: no PIDFD_GET_INFO
	noHandle bool // before 6.14
	noExit   bool // before 6.15: no PIDFD_INFO_EXIT
	noRoot   bool // before 6.17: no FD_PIDFS_ROOT
}

// errUnsupported is the answer of a kernel (or a sandbox) without a feature.
var errUnsupported = errors.New("not supported by this kernel")

// open gives a pidfd, ErrGone when no process has the number.
func (k kernel) open(pid int) (int, error) {
	if k.noPidfd {
		return -1, ErrNoPidfd
	}
	fd, err := unix.PidfdOpen(pid, 0)
	switch err {
	case nil:
		return fd, nil
	case unix.ENOSYS:
		return -1, ErrNoPidfd
	case unix.ESRCH, unix.EINVAL, unix.ENOENT: // the latter two: it is a thread's number
		return -1, ErrGone
	}
	return -1, os.NewSyscallError("pidfd_open", err)
}

// handle returns the storable name of the process, "" when the kernel has none.
func (k kernel) handle(fd int) string {
	if k.noHandle || k.inode(fd) == 0 {
		return ""
	}
	h, _, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return ""
	}
	return formatHandle(h)
}

// openHandle gives a pidfd of the process with that handle. ErrGone: it has
// been reaped, or lives in a pid namespace that cannot be seen from here.
func (k kernel) openHandle(text string) (int, error) {
	if k.noHandle {
		return -1, errUnsupported
	}
	h, err := parseHandle(text)
	if err != nil {
		return -1, err
	}
	fd, err := -1, error(unix.EBADF)
	if !k.noRoot {
		fd, err = unix.OpenByHandleAt(unix.FD_PIDFS_ROOT, h, unix.O_CLOEXEC)
	}
	if err == unix.EBADF {
		fd, err = openHandleBySelf(h)
	}
	switch err {
	case nil:
		return fd, nil
	case unix.ESTALE:
		return -1, ErrGone
	case unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM, unix.EACCES, unix.EINVAL, unix.EBADF:
		return -1, errUnsupported // a container's seccomp filter says EPERM
	}
	return -1, os.NewSyscallError("open_by_handle_at", err)
}

// openHandleBySelf names pidfs by a pidfd of our own, for Linux 6.14 to 6.16.
func openHandleBySelf(h unix.FileHandle) (int, error) {
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(self)
	return unix.OpenByHandleAt(self, h, unix.O_CLOEXEC)
}

// inode returns the pidfs inode, 0 when the kernel has no pidfs.
func (k kernel) inode(fd int) uint64 {
	if k.noInode {
		return 0
	}
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil || int64(fs.Type) != unix.PID_FS_MAGIC {
		return 0
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}

// pid returns the process number behind a pidfd, in our pid namespace.
func (k kernel) pid(fd int) (int, error) {
	if !k.noInfo {
		info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_PID}
		switch err := unix.IoctlPidfdInfo(fd, &info); {
		case err == unix.ESRCH:
			return 0, ErrGone
		case err == nil && info.Mask&unix.PIDFD_INFO_PID != 0:
			return int(info.Pid), nil
		}
	}
	return pidFromFdinfo(fd)
}

// pidFromFdinfo reads what proc_pid_fdinfo(5) tells of a pidfd: -1 once it was
// reaped, 0 when it is in a pid namespace that cannot be seen from here.
func pidFromFdinfo(fd int) (int, error) {
	if err := ownProc(); err != nil {
		return 0, err
	}
	text, err := readProc(fmt.Sprintf("/proc/self/fdinfo/%d", fd), 4096)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		value, ok := strings.CutPrefix(line, "Pid:")
		if !ok {
			continue
		}
		pid, err := strconv.Atoi(strings.TrimSpace(value))
		switch {
		case err != nil || pid == 0:
			return 0, ErrForeign
		case pid < 0:
			return 0, ErrGone
		}
		return pid, nil
	}
	return 0, errors.New("the descriptor is no pidfd")
}

// exit returns the wait status of a process that was reaped, by whomever.
func (k kernel) exit(fd int) (unix.WaitStatus, bool) {
	if k.noInfo || k.noExit {
		return 0, false
	}
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	if unix.IoctlPidfdInfo(fd, &info) != nil || info.Mask&unix.PIDFD_INFO_EXIT == 0 {
		return 0, false
	}
	return unix.WaitStatus(info.Exit_code), true
}
