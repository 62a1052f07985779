package qemu

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Leftovers names the sockets that QEMU removes when it ends in order, and
// leaves when it is killed. Under a --root that its user may not enter, it
// leaves them always.
func (m *Machine) Leftovers() []string {
	entries, _ := os.ReadDir(m.Layout.SockDir(m.Name)) // no directory: nothing left
	var left []string
	for _, e := range entries {
		if e.Type()&os.ModeSocket != 0 {
			left = append(left, filepath.Join(m.Layout.SockDir(m.Name), e.Name()))
		}
	}
	return left
}

// Sweep removes the pidfile of a process that is gone, and whatever its user
// left in the socket directory.
func (m *Machine) Sweep(ctx context.Context) error {
	errs := []error{sweepSockets(m.Layout.SockDir(m.Name))}
	for _, socket := range []string{m.Sockets.Monitor, m.Sockets.Agent, m.Sockets.Console} {
		if socket != "" && filepath.Dir(socket) != m.Layout.SockDir(m.Name) {
			errs = append(errs, removeSocket(unix.AT_FDCWD, socket))
		}
	}
	dir, err := pidfile.OpenDir(m.Layout.RunDir(m.Name), false)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.Join(errs...)
	}
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	defer dir.Close()
	return errors.Join(append(errs, pidfile.Release(dir, filepath.Base(m.Layout.PidFile(m.Name))))...)
}

func sweepSockets(path string) error {
	root, err := os.OpenRoot(path) // whatever lies in it, nothing outside is reached
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot open the socket directory: %w", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("cannot list %s: %w", path, err)
	}
	var errs []error
	for _, entry := range entries {
		if err := root.RemoveAll(entry.Name()); err != nil {
			errs = append(errs, fmt.Errorf("cannot empty %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

// removeSocket removes name if it is a socket; anything else was put there by
// somebody else, and stays.
func removeSocket(dirfd int, name string) error {
	var st unix.Stat_t
	err := unix.Fstatat(dirfd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK {
		err = unix.Unlinkat(dirfd, name, 0)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove socket %s: %w", name, err)
	}
	return nil
}
