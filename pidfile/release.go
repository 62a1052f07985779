package pidfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Release removes the pidfile name from dir when no process locks it; ErrHeld
// when one does. That it is absent is no error. The caller holds the lock of dir.
//
// A process of somebody else's may lock the file while we look, so we lock it
// ourselves meanwhile: for reading, which keeps writers out and which Holder
// does not see. QEMU compares the file with its name after it locked it, and so
// never settles in the file that we unlinked.
func Release(dir *os.File, name string) error {
	f, err := openRegular(dir, name, unix.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock)
	if err == unix.EAGAIN || err == unix.EACCES {
		pid, _, _ := holderOf(f)
		return fmt.Errorf("cannot remove %s: %w (%s)", f.Name(), ErrHeld, lockedBy(pid))
	}
	if err != nil {
		return fmt.Errorf("cannot lock %s: %w", f.Name(), err)
	}
	return unlinkFile(dir, name, f)
}

// unlinkFile removes the name if it still leads to f.
func unlinkFile(dir *os.File, name string, f *os.File) error {
	same, err := named(dir, name, f)
	if err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("cannot remove %s: somebody replaced it just now", f.Name())
	}
	return unlink(dir, name)
}
