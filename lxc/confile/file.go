package confile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxFile = 1 << 20 // bytes of one file
	maxDir  = 4096    // names in one included directory
)

// fileID tells files apart, whatever leads to them.
type fileID struct{ dev, ino uint64 }

// readFile reads a regular file of at most maxFile bytes. O_NONBLOCK keeps a
// named pipe from hanging the open; it means nothing to a regular file. Package
// os would ask the kernel to wait for one, which it cannot: at a boot with many
// containers that counts.
func readFile(path string) (text []byte, id fileID, err error) {
	fd := -1
	err = uninterrupted(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, id, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := uninterrupted(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return nil, id, os.NewSyscallError("fstat", err)
	}
	if err := onDisk(fd, &st); err != nil {
		return nil, id, err
	}
	text, err = readAll(fd, int(min(st.Size, maxFile+1)))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return text, fileID{st.Dev, st.Ino}, err
}

var errDirectory = errors.New("it is a directory")

// onDisk refuses what is not a regular file, and those that the kernel makes up:
// some of /proc wait for ever when they are read, or are changed by it, such as
// kmsg.
func onDisk(fd int, st *unix.Stat_t) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return errDirectory
	default:
		return errors.New("it is not a regular file")
	}
	if unix.Major(st.Dev) != 0 {
		return nil // a block device's, which has a file system of another kind
	}
	var fs unix.Statfs_t
	if err := uninterrupted(func() error { return unix.Fstatfs(fd, &fs) }); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	if fs.Type == unix.PROC_SUPER_MAGIC || fs.Type == unix.SYSFS_MAGIC {
		return errors.New("it is not a file on a disk but one of the kernel's")
	}
	return nil
}

// readAll reads a file that had that size, but at most maxFile+1 bytes.
func readAll(fd, size int) ([]byte, error) {
	text := make([]byte, 0, size+1)
	for len(text) <= maxFile {
		if len(text) == cap(text) {
			text = slices.Grow(text, len(text)+512)
		}
		n := 0
		err := uninterrupted(func() (err error) {
			n, err = unix.Read(fd, text[len(text):min(cap(text), maxFile+1)])
			return err
		})
		if err != nil {
			return nil, os.NewSyscallError("read", err)
		}
		text = text[:len(text)+n]
		if n == 0 || len(text) == size {
			break
		}
	}
	return text, nil
}

// uninterrupted repeats what a signal has kept from being done.
func uninterrupted(act func() error) error {
	for {
		if err := act(); err != unix.EINTR {
			return err
		}
	}
}

// readDir gives the names *.conf in an included directory. One that is written
// with a slash at its end may be missing (do_includedir).
func readDir(path string) (names []string, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(path, "/") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.Readdirnames(maxDir + 1)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(all) > maxDir {
		return nil, fmt.Errorf("more than %d names in it", maxDir)
	}
	for _, name := range all {
		if strings.HasSuffix(name, ".conf") && name != ".conf" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// cause is an error without the path, which the message has already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
