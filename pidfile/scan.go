package pidfile

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fileID names a file among all that are open.
type fileID struct {
	base     string // its name, without the directory
	dev, ino uint64
}

func fileOf(f *os.File) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fileID{}, &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return fileID{path.Base(f.Name()), uint64(st.Dev), st.Ino}, nil
}

// lockHolders reads all of /proc for processes, other than ourselves, that have
// the file open and locked. It costs some 20 µs for each process of the host.
func lockHolders(file fileID) ([]int, error) {
	if err := ownProc(); err != nil {
		return nil, err
	}
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot look through all processes: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot look through all processes: %w", err)
	}
	var pids []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err == nil && pid != os.Getpid() && holdsLock(pid, file) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// holdsLock reports whether one of the process's descriptors is the file,
// locked. One that ends or may not be looked at does not.
func holdsLock(pid int, file fileID) bool {
	return anyDescriptor(pid, func(dir *os.File, name string) bool { return isFile(dir, name, file) && isLocked(pid, name) })
}

// anyDescriptor reports whether is holds of one of the process's descriptors, which
// are names in dir (proc_pid_fd(5)).
func anyDescriptor(pid int, is func(dir *os.File, name string) bool) bool {
	dir, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool { return is(dir, name) })
}

// isFile reads the link's text first: it costs no I/O, whereas asking a dead
// network file system for a foreign descriptor's inode may hang.
func isFile(dir *os.File, name string, file fileID) bool {
	var text [unix.PathMax]byte
	n, err := unix.Readlinkat(int(dir.Fd()), name, text[:])
	if err != nil || path.Base(strings.TrimSuffix(string(text[:n]), " (deleted)")) != file.base {
		return false
	}
	var st unix.Stat_t
	err = unix.Fstatat(int(dir.Fd()), name, &st, 0)
	return err == nil && uint64(st.Dev) == file.dev && st.Ino == file.ino
}

// isLocked reads proc_pid_fdinfo(5), which has a line for each lock that
// belongs to the open file: someone who merely opened it holds nothing.
func isLocked(pid int, name string) bool {
	text, err := readProc(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, name), 16<<10)
	return err == nil && bytes.Contains(text, []byte("\nlock:"))
}
