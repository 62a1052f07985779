package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Release removes the pidfile name from dir when no process locks it; ErrHeld
// when one does. That it is absent is no error. The caller holds the lock of dir.
//
// A process of somebody else's may lock the file while we look. QEMU compares
// the file with its name after it locked it, so the name is taken away first
// and the lock looked at again: either QEMU sees the file gone and makes
// another, or we see its lock and put the name back.
func Release(dir *os.File, name string) error {
	f, err := openRegular(dir, name, unix.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := free(f); err != nil {
		return err
	}
	aside := "." + name + ".old"
	if err := rename(dir, name, aside, 0); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	same, err := named(dir, aside, f)
	if err == nil && !same {
		err = fmt.Errorf("cannot remove %s: somebody replaced it", f.Name())
	}
	if err = errors.Join(err, free(f)); err != nil {
		return errors.Join(err, rename(dir, aside, name, unix.RENAME_NOREPLACE))
	}
	return unlink(dir, aside)
}

// free fails when a process locks the file.
func free(f *os.File) error {
	pid, held, err := holderOf(f)
	switch {
	case held:
		return fmt.Errorf("cannot remove %s: %w (%s)", f.Name(), ErrHeld, lockedBy(pid))
	case err != nil:
		return err
	}
	return nil
}

func rename(dir *os.File, from, to string, flags uint) error {
	if err := unix.Renameat2(int(dir.Fd()), from, int(dir.Fd()), to, flags); err != nil {
		return fmt.Errorf("cannot rename %s to %s: %w", filepath.Join(dir.Name(), from), to, err)
	}
	return nil
}
