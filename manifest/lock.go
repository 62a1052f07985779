package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// errLocked is somebody else's lock.
var errLocked = errors.New("another guestrc is changing what is installed")

// Lock makes a directory and takes its lock, which ends with unlock or with
// this process. Somebody else's lock is an error, at once.
func (t *Tree) Lock(dir string) (unlock func() error, err error) {
	return t.lock(dir, func(f *os.File) error { return flock(f, unix.LOCK_EX|unix.LOCK_NB) })
}

// Await is Lock for those who wait for each other, as long as ctx lasts. flock(2)
// cannot be called off: when ctx ends a goroutine stays behind, which gives the
// lock up as soon as it gets it.
func (t *Tree) Await(ctx context.Context, dir string) (unlock func() error, err error) {
	return t.lock(dir, func(f *os.File) error {
		if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != errLocked {
			return err
		}
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("dup", err)
		}
		waiting := os.NewFile(uintptr(fd), f.Name())
		got := make(chan error, 1)
		go func() {
			defer waiting.Close() // the lock ends here unless f is still open
			got <- flock(waiting, unix.LOCK_EX)
		}()
		select {
		case err := <-got:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errLocked, ctx.Err())
		}
	})
}

// maxRemoved bounds how often a directory may be removed under our hands.
const maxRemoved = 100

// lock takes the lock of the directory that has the name: an uninstallation may
// have removed the one that was opened, and others may lock the one made since.
func (t *Tree) lock(dir string, take func(*os.File) error) (unlock func() error, err error) {
	for range maxRemoved {
		var f *os.File
		if f, err = t.make(dir); err == nil {
			if err = take(f); err == nil {
				err = t.named(dir, f)
			}
			if err == nil {
				return f.Close, nil
			}
			err = both(err, f.Close())
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nil, fmt.Errorf("cannot lock %s: %w", t.Path(dir), err)
}

func (t *Tree) make(dir string) (*os.File, error) {
	if err := t.mkdirs(dir); err != nil {
		return nil, err
	}
	return t.dir(dir)
}

// named is fs.ErrNotExist when f is not the directory at path any longer.
func (t *Tree) named(path string, f *os.File) error {
	now, err := t.dir(path)
	if err != nil {
		return err
	}
	a, err := f.Stat()
	b, errNow := now.Stat()
	if err = cmp.Or(err, errNow, now.Close()); err == nil && !os.SameFile(a, b) {
		err = fs.ErrNotExist
	}
	return err
}

// flock is flock(2), begun again when a signal interrupts it.
func flock(f *os.File, how int) error {
	for {
		switch err := unix.Flock(int(f.Fd()), how); err {
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return errLocked
		default:
			return err
		}
	}
}
