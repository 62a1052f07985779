package pidfile

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cloneFiles makes a process that shares our open files (CLONE_FILES), so that
// our POSIX locks outlive us. It ends with our stdin. Only raw system calls may
// follow in it: the Go runtime does not exist there.
//
//go:norace
//go:nosplit
func cloneFiles() int {
	pid, _, _ := syscall.RawSyscall6(unix.SYS_CLONE, unix.CLONE_FILES|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if pid != 0 {
		return int(pid)
	}
	set := unix.PollFd{Fd: 0, Events: 0} // only the hang-up wakes it
	for set.Revents == 0 {
		pollOnce(&set)
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

//go:norace
//go:nosplit
func pollOnce(set *unix.PollFd) {
	syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(set)), 1, 0, 0, 0, 0)
}
