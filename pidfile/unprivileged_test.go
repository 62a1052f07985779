package pidfile

import (
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// asNobody runs f with the rights of nobody, on a thread of its own.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	needRoot(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	become(t, nobody)
	defer become(t, 0)
	f()
}

// become changes this thread alone; package syscall would change all. The saved
// uid stays 0, so that there is a way back.
func become(t *testing.T, uid uintptr) {
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, uid, uid, ^uintptr(0)); errno != 0 {
		t.Fatal(errno)
	}
}

// A handle is a name, not a right: anybody may open it, nobody may signal by it
// what he could not signal before.
func TestHandleUnprivileged(t *testing.T) {
	p := capture(t, spawn(t, "wait").pid)
	rec := p.Identity()
	if rec.Handle == "" {
		missing(t, "Linux 6.14 for pidfs handles")
	}
	asNobody(t, func() {
		again, how, err := kernel{}.reopen(&rec)
		ok(t, err)
		defer again.Close()
		if how != ByHandle {
			t.Errorf("found by %s", how)
		}
		if err := again.Signal(unix.SIGTERM); err == nil || p.Ended() {
			t.Errorf("nobody signalled root's process: %v", err)
		}
	})
}

// Files of somebody else's are not ours to trust, and directories neither.
func TestForeignOwner(t *testing.T) {
	needRoot(t)
	dir := guestDir(t)
	guest(t, dir)
	ok(t, os.Chown(pidfileOf(dir), nobody, nobody))
	_, _, err := Holder(dir, PidFile)
	isA[*SuspectError](t, err)
	ok(t, os.Chown(dir.Name(), nobody, nobody))
	_, err = OpenDir(dir.Name(), false)
	isA[*SuspectError](t, err)
	asNobody(t, func() { // whose they are now
		if _, held, err := Holder(dir, PidFile); err != nil || !held {
			t.Errorf("the owner is told %v, %v", held, err)
		}
	})
}
