package pidfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenDir opens the directory at an absolute path, component by component, and
// with create makes those that are missing, 0755. The last two components, such
// as guestrc/qemu.db in /run, must be directories and no links, belong to root
// or to us, and be writable by nobody else; else a *SuspectError. Those above
// are the host's own affair (/run may be a link).
func OpenDir(path string, create bool) (*os.File, error) {
	clean := filepath.Clean(path)
	if !filepath.IsAbs(path) || clean == "/" {
		return nil, fmt.Errorf("cannot open directory %q: it must be an absolute path below /", path)
	}
	dir, err := os.Open("/")
	if err != nil {
		return nil, fmt.Errorf("cannot open directory %s: %w", path, err)
	}
	names := strings.Split(clean[1:], "/")
	for i, name := range names {
		open := openAbove
		if len(names)-i <= 2 {
			open = openOurs
		}
		child, err := open(dir, name)
		if create && errors.Is(err, unix.ENOENT) {
			child, err = makeDir(dir, name)
		}
		if err = errors.Join(err, dir.Close()); err != nil {
			return nil, err
		}
		dir = child
	}
	return dir, nil
}

// openAbove opens a directory on the way, for passing through only.
func openAbove(dir *os.File, name string) (*os.File, error) {
	return openDirAt(dir, name, unix.O_PATH)
}

// openOurs opens a directory that nobody else may change.
func openOurs(dir *os.File, name string) (*os.File, error) {
	child, err := openDirAt(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return nil, &SuspectError{filepath.Join(dir.Name(), name), "it is not a directory, or a symbolic link to one"}
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = unix.Fstat(int(child.Fd()), &st)
	if why := othersMayWrite(&st); err == nil && why != "" {
		err = &SuspectError{child.Name(), why}
	}
	if err != nil {
		return nil, errors.Join(err, child.Close())
	}
	return child, nil
}

// makeDir makes a directory, unless another was faster, and opens it.
func makeDir(dir *os.File, name string) (*os.File, error) {
	err := unix.Mkdirat(int(dir.Fd()), name, 0o755)
	if err == unix.EEXIST {
		return openOurs(dir, name)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make directory %s: %w", filepath.Join(dir.Name(), name), err)
	}
	child, err := openOurs(dir, name)
	if err != nil {
		return nil, err
	}
	if err := child.Chmod(0o755); err != nil { // whatever our umask
		return nil, errors.Join(err, child.Close())
	}
	return child, nil
}

func openDirAt(dir *os.File, name string, flags int) (*os.File, error) {
	path := filepath.Join(dir.Name(), name)
	fd, err := openat(dir, name, flags|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open directory %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
