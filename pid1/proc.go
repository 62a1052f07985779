package pid1

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// livePatience bounds each look into a running container. A disk under load
// answers in this time; a file system that the container itself serves (FUSE),
// or one whose pages it holds back, may never.
const livePatience = 2 * time.Second

// deadPatience is for a root at rest, where nobody can delay us on purpose, but
// whose disk may be asleep.
const deadPatience = 15 * time.Second

var errSlow = errors.New("it takes too long")

// within gives up waiting for work after d. Work that hangs in the kernel ends
// with our process.
func within[T any](d time.Duration, work func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := work()
		done <- result{value, err}
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-timer.C:
		var none T
		return none, errSlow
	}
}

// cmdlineSize is enough of /proc/PID/cmdline to know a program by.
const cmdlineSize = 4096

// readProc reads a file of /proc up to limit bytes.
func readProc(name string, limit int) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)))
	return string(text), err
}

// readExe reads the beginning of the file that a process executes.
func readExe(dir string, limit int) ([]byte, error) {
	fd, err := openPath(dir + "/exe")
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return readRegular(fd, limit, true)
}

// linksMusl looks for the dynamic linker's name, which stands right behind the
// headers.
func linksMusl(dir string) bool {
	head, err := readExe(dir, 4096)
	return err == nil && strings.Contains(string(head), "/ld-musl-")
}

// s6Script reports whether s6-svscan has a program for a signal. Its working
// directory is the one where it looks (s6-svscan's manual).
func s6Script(dir, sig string) bool {
	cwd, err := openPath(dir + "/cwd")
	if err != nil {
		return false
	}
	defer unix.Close(cwd)
	fd, err := unix.Openat2(cwd, ".s6-svscan/"+sig, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o111 != 0
}

// waitsForSignal reports whether a process is in sigtimedwait(2) or a relative
// of it. 177 and 421 are the numbers of 32-bit programs on x86 and ARM, where
// what a 64-bit one calls by these does not wait.
func waitsForSignal(dir string) bool {
	text, err := readProc(dir+"/syscall", 256)
	number, _, _ := strings.Cut(text, " ")
	n, errNumber := strconv.Atoi(number) // else it is "running"
	return err == nil && errNumber == nil && (n == unix.SYS_RT_SIGTIMEDWAIT || n == 177 || n == 421)
}

// openPath opens a place in /proc without opening what it stands for.
func openPath(name string) (int, error) {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}
