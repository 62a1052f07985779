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
// named pipe from hanging the open; it means nothing to a regular file.
func readFile(path string) ([]byte, fileID, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fileID{}, err
	}
	defer f.Close()
	st, err := stat(f)
	if err != nil {
		return nil, fileID{}, err
	}
	if err := onDisk(f); err != nil {
		return nil, fileID{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return text, fileID{st.Dev, st.Ino}, err
}

var errDirectory = errors.New("it is a directory")

// onDisk refuses files that the kernel makes up: some of /proc wait for ever
// when they are read, or are changed by it, such as kmsg.
func onDisk(f *os.File) error {
	var fs unix.Statfs_t
	if err := control(f, func(fd int) error { return unix.Fstatfs(fd, &fs) }); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	if fs.Type == unix.PROC_SUPER_MAGIC || fs.Type == unix.SYSFS_MAGIC {
		return errors.New("it is not a file on a disk but one of the kernel's")
	}
	return nil
}

// control does not make the file blocking, as Fd would.
func control(f *os.File, act func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if failed := conn.Control(func(fd uintptr) { err = act(int(fd)) }); failed != nil {
		return failed
	}
	return err
}

func stat(f *os.File) (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := control(f, func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
		return st, os.NewSyscallError("fstat", err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return st, nil
	case unix.S_IFDIR:
		return st, errDirectory
	}
	return st, errors.New("it is not a regular file")
}

// readDir gives the names *.conf in an included directory, and says whether
// LXC takes path for one: it is, or is written with a slash at its end, and
// may be missing then (do_includedir).
func readDir(path string) (names []string, isDir bool, err error) {
	info, err := os.Stat(path)
	switch slash := strings.HasSuffix(path, "/"); {
	case slash && errors.Is(err, fs.ErrNotExist):
		return nil, true, nil
	case err != nil:
		return nil, false, err
	case !slash && !info.IsDir():
		return nil, false, nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, true, err
	}
	defer f.Close()
	all, err := f.Readdirnames(maxDir + 1)
	if err != nil && err != io.EOF {
		return nil, true, err
	}
	if len(all) > maxDir {
		return nil, true, fmt.Errorf("more than %d names in it", maxDir)
	}
	for _, name := range all {
		if strings.HasSuffix(name, ".conf") && name != ".conf" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, true, nil
}

// cause is an error without the path, which the message has already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
