package pidfile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// OpenFile opens the regular file name in dir for reading. Like everything here
// it refuses what somebody else may have put there: a link, a pipe, a file that
// others may write (*SuspectError). The error wraps fs.ErrNotExist where there
// is none.
func OpenFile(dir *os.File, name string) (*os.File, error) {
	return openRegular(dir, name, unix.O_RDONLY, 0)
}

// OpenAppend opens the same for reading and appending, and makes it, 0644, where
// there is none; made says so.
func OpenAppend(dir *os.File, name string) (f *os.File, made bool, err error) {
	const flags = unix.O_RDWR | unix.O_APPEND
	if f, err = openRegular(dir, name, flags|unix.O_CREAT|unix.O_EXCL, 0o644); err == nil {
		return f, true, f.Chmod(0o644) // whatever our umask
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, false, err
	}
	f, err = openRegular(dir, name, flags, 0)
	return f, false, err
}

// SyncDir brings the names in dir to the disk.
func SyncDir(dir *os.File) error { return syncDir(dir) }
