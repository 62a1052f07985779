package pid1

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// as runs work with the rights that a user has to files (setfsuid(2)): what the
// container's root may not touch, a bind-mounted file of the host's say, the
// kernel refuses us too. work runs on a thread of its own, which keeps the
// identity and ends with it.
func as(uid, gid uint32, work func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := become(uid, gid)
		if err == nil {
			err = work()
		}
		done <- err
	}()
	return <-done
}

// become changes this thread alone. The calls return the previous identity and
// never an error, so it is asked for.
func become(uid, gid uint32) error {
	if os.Geteuid() == 0 {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
			return os.NewSyscallError("setgroups", errno)
		}
	}
	unix.SetfsgidRetGid(int(gid))
	unix.SetfsuidRetUid(int(uid))
	const ask = -1
	nowGid, _ := unix.SetfsgidRetGid(ask)
	nowUid, _ := unix.SetfsuidRetUid(ask)
	if uint32(nowUid) != uid || uint32(nowGid) != gid {
		return fmt.Errorf("cannot act as user %d, group %d", uid, gid)
	}
	return nil
}
