package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Lock takes the lock of dir, which serialises commands on one guest, and waits
// for it as long as ctx lasts. The lock ends with unlock or with this process;
// its file is never unlinked.
//
// flock(2) cannot be called off, so a Lock whose ctx ended leaves a goroutine
// behind that gives the lock up again as soon as it gets it.
func Lock(ctx context.Context, dir *os.File) (unlock func() error, err error) {
	return LockNamed(ctx, dir, LockFile)
}

// LockNamed is Lock by another file of dir, which is made when it is absent.
// One that is free is had even when ctx has ended.
func LockNamed(ctx context.Context, dir *os.File, name string) (unlock func() error, err error) {
	f, err := openNamed(dir, name, unix.O_RDWR|unix.O_CREAT, func(f *os.File) error { return flockUntil(ctx, f) })
	if err != nil {
		return nil, err
	}
	// LOCK_UN, because a child between fork and exec still has the file open.
	return func() error { return errors.Join(flock(f, unix.LOCK_UN), f.Close()) }, nil
}

// maxReplaced bounds how often a file may be found replaced under our hands.
const maxReplaced = 100

// openNamed opens the file name of dir and locks it. The one locked must be the
// one that has the name: somebody may have unlinked the file that we waited
// for and made another, which others lock.
func openNamed(dir *os.File, name string, flags int, lock func(*os.File) error) (*os.File, error) {
	for range maxReplaced {
		f, err := openRegular(dir, name, flags, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue // unlinked between open and fstat
		}
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot lock %s: %w", f.Name(), err), f.Close())
		}
		same, err := named(dir, name, f)
		if same {
			return f, nil
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("cannot lock %s in %s: its directory is gone, or somebody keeps unlinking it", name, dir.Name())
}

// flock is flock(2), begun again when a signal interrupts it.
func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}

// flockUntil takes the lock exclusively, or gives up when ctx ends.
func flockUntil(ctx context.Context, f *os.File) error {
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != unix.EWOULDBLOCK {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("another command holds it: %w", ctx.Err())
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("dup", err)
	}
	waiting := os.NewFile(uintptr(fd), f.Name())
	got := make(chan error)
	go func() {
		defer waiting.Close() // the lock ends here unless f is still open
		err := flock(waiting, unix.LOCK_EX)
		select {
		case got <- err:
		case <-ctx.Done():
		}
	}()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		return fmt.Errorf("another command holds it: %w", ctx.Err())
	}
}
