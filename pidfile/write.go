package pidfile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// WriteFile makes data the content of the file name in dir, whole or not at
// all: after a crash at any point, of this process or of the host, the name
// has the old content or the new. It refuses to replace what is not a regular
// file. A crash may leave one file ".NAME.new", which the next call takes away.
func WriteFile(dir *os.File, name string, data []byte, perm os.FileMode) error {
	return writeFile(dir, name, data, perm, unnamed)
}

// create makes an open file and tells its name, "" when it has none yet.
type create func(dir *os.File, name string) (f *os.File, aside string, err error)

func writeFile(dir *os.File, name string, data []byte, perm os.FileMode, create create) error {
	path := filepath.Join(dir.Name(), name)
	if err := replaceable(dir, name); err != nil {
		return err
	}
	var err error
	for range maxReplaced {
		// ENOENT: another writer took our ".NAME.new" away, or put it in place.
		if err = writeOnce(dir, name, data, perm, create); err != unix.ENOENT {
			break
		}
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

func writeOnce(dir *os.File, name string, data []byte, perm os.FileMode, create create) error {
	f, aside, err := create(dir, name)
	if err != nil {
		return err
	}
	defer f.Close()
	err = fill(f, data, perm)
	if err == nil && aside == "" {
		aside = "." + name + ".new"
		err = link(f, dir, aside)
	}
	if err == nil {
		err = unix.Renameat(int(dir.Fd()), aside, int(dir.Fd()), name)
	}
	if err != nil && err != unix.ENOENT && aside != "" {
		return errors.Join(err, unlink(dir, aside))
	}
	return err
}

// replaceable refuses a target that WriteFile cannot have made.
func replaceable(dir *os.File, name string) error {
	path := filepath.Join(dir.Name(), name)
	err := checkName(name)
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	}
	switch {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return fmt.Errorf("cannot write %s: %w", path, err)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return &SuspectError{path, "it is " + kindOf(st.Mode) + ", not a regular file"}
	}
	return nil
}

// unnamed makes a file without a name (O_TMPFILE), so that a crash leaves
// nothing half written. Some file systems cannot; then it has one at once.
func unnamed(dir *os.File, name string) (*os.File, string, error) {
	fd, err := openat(dir, ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err == unix.EOPNOTSUPP || err == unix.EISDIR || err == unix.EINVAL {
		return scratch(dir, name)
	}
	if err != nil {
		return nil, "", err
	}
	return os.NewFile(uintptr(fd), name), "", nil
}

// scratch makes a file under a name that no other writer uses.
func scratch(dir *os.File, name string) (*os.File, string, error) {
	aside := fmt.Sprintf(".%s.%016x.new", name, rand.Uint64())
	fd, err := openat(dir, aside, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, "", err
	}
	return os.NewFile(uintptr(fd), name), aside, nil
}

// fill brings content and mode to the disk before any name leads to them.
func fill(f *os.File, data []byte, perm os.FileMode) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(perm); err != nil { // whatever our umask
		return err
	}
	return f.Sync()
}

// link names an unnamed file, over what a crash left there. The way through
// /proc needs no privilege (open(2), O_TMPFILE).
func link(f, dir *os.File, name string) error {
	defer runtime.KeepAlive(f)
	from := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	err := unix.Linkat(unix.AT_FDCWD, from, int(dir.Fd()), name, unix.AT_SYMLINK_FOLLOW)
	for n := 0; err == unix.EEXIST && n < maxReplaced; n++ {
		if err := unlink(dir, name); err != nil {
			return err
		}
		err = unix.Linkat(unix.AT_FDCWD, from, int(dir.Fd()), name, unix.AT_SYMLINK_FOLLOW)
	}
	return err
}

// unlink removes a name; that it is absent already is no error.
func unlink(dir *os.File, name string) error {
	if err := unix.Unlinkat(int(dir.Fd()), name, 0); err != nil && err != unix.ENOENT {
		return fmt.Errorf("cannot remove %s: %w", filepath.Join(dir.Name(), name), err)
	}
	return nil
}

// syncDir brings names to the disk; some file systems have nothing to sync.
func syncDir(dir *os.File) error {
	if err := unix.Fsync(int(dir.Fd())); err != nil && err != unix.EINVAL {
		return os.NewSyscallError("fsync", err)
	}
	return nil
}
