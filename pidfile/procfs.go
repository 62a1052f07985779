package pidfile

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// readProc reads a file of /proc up to limit bytes, without the detour over the
// runtime's poller that package os takes. ENOENT and ESRCH both mean that the
// process is gone.
func readProc(path string, limit int) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, min(limit, 1024))
	for len(buf) < limit {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):min(cap(buf), limit)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			break
		}
		buf = buf[:len(buf)+n]
	}
	return buf, nil
}

// vanished reports whether a read in /proc failed because there is no such
// process any more.
func vanished(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH)
}

// ownProc makes sure that /proc speaks of our pid namespace: in one that was
// mounted for another, every number means a different process.
func ownProc() error {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return fmt.Errorf("cannot use /proc: %w", err)
	}
	if self != strconv.Itoa(os.Getpid()) {
		return errors.New("cannot use /proc: it belongs to another pid namespace")
	}
	return nil
}

// BootID returns the kernel's identifier of this boot (random(4)).
func BootID() (string, error) {
	const path = "/proc/sys/kernel/random/boot_id"
	text, err := readProc(path, 64)
	if err != nil {
		return "", fmt.Errorf("cannot read the boot id: %w", err)
	}
	id := strings.TrimSuffix(string(text), "\n")
	if len(id) != 36 {
		return "", fmt.Errorf("cannot read the boot id: %s holds %q", path, id)
	}
	return id, nil
}

// exeOf returns the executable of a process: its text, and the file's device
// and inode. All are empty for a kernel thread, for a zombie and when we may
// not look.
func exeOf(pid int) (text string, dev, ino uint64) {
	path := fmt.Sprintf("/proc/%d/exe", pid)
	text, err := os.Readlink(path)
	if err != nil {
		return "", 0, 0
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return "", 0, 0
	}
	return text, uint64(st.Dev), st.Ino
}

// cgroupOf returns the path in the unified hierarchy, else in the first one.
func cgroupOf(pid int) string {
	text, err := readProc(fmt.Sprintf("/proc/%d/cgroup", pid), 16<<10)
	if err != nil {
		return ""
	}
	var first string
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		if fields[0] == "0" {
			return fields[2]
		}
		if first == "" {
			first = fields[2]
		}
	}
	return first
}
