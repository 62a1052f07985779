package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// openRegular opens the regular file name in dir and refuses anything that
// somebody else may have put there. O_NONBLOCK keeps a named pipe from hanging
// the open; it means nothing to a regular file.
func openRegular(dir *os.File, name string, flags int, perm uint32) (*os.File, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("cannot open %q in %s: %w", name, dir.Name(), err)
	}
	path := filepath.Join(dir.Name(), name)
	fd, err := openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, perm)
	switch err {
	case nil:
	case unix.ELOOP:
		return nil, &SuspectError{path, "it is a symbolic link"}
	case unix.ENXIO, unix.ENODEV, unix.EISDIR:
		return nil, &SuspectError{path, "it is not a regular file"}
	default:
		return nil, fmt.Errorf("cannot open %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	if err := checkFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsRune(name, '/') {
		return errors.New("not the name of a file in a directory")
	}
	return nil
}

// openat is openat(2), begun again when a signal interrupts it.
func openat(dir *os.File, name string, flags int, perm uint32) (int, error) {
	defer runtime.KeepAlive(dir)
	for {
		fd, err := unix.Openat(int(dir.Fd()), name, flags, perm)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// checkFile refuses what is no regular file with one name, of ours, that only
// we may write. A file without a name any more is as good as absent.
func checkFile(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	why := ""
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		why = "it is " + kindOf(st.Mode) + ", not a regular file"
	case st.Nlink == 0:
		return &os.PathError{Op: "open", Path: f.Name(), Err: fs.ErrNotExist}
	case st.Nlink > 1:
		why = fmt.Sprintf("it has %d names (hard links)", st.Nlink)
	default:
		why = othersMayWrite(&st)
	}
	if why != "" {
		return &SuspectError{f.Name(), why}
	}
	return nil
}

// othersMayWrite says who besides root and ourselves could change the object.
func othersMayWrite(st *unix.Stat_t) string {
	switch {
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Sprintf("it belongs to user %d", st.Uid)
	case st.Mode&0o022 != 0:
		return fmt.Sprintf("others may write it (mode %04o)", st.Mode&0o7777)
	}
	return ""
}

func kindOf(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFIFO:
		return "a named pipe"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFLNK:
		return "a symbolic link"
	}
	return "a device"
}

// named reports whether name in dir still is the open file f.
func named(dir *os.File, name string, f *os.File) (bool, error) {
	var open, now unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &open); err != nil {
		return false, &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	err := unix.Fstatat(int(dir.Fd()), name, &now, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return open.Dev == now.Dev && open.Ino == now.Ino, nil
}
