package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// mark is where a runit looks what a SIGCONT is for: it ends stage 2 when the
// owner may execute the file stop, and reboots in the end when that holds for
// reboot (runit.c). Then it takes the permission from stop.
type mark struct{ stop, reboot string }

// usualMark is upstream's. Distributions compile in other places, and link
// these to a place that can be written.
var usualMark = mark{"/etc/runit/stopit", "/etc/runit/reboot"}

// errHostMark says that to mark a request would ask the host's runit.
var errHostMark = errors.New("the container shares this directory with the host")

// setMarks marks what a SIGCONT will be for.
func setMarks(p *pidfile.Process, i Init, w want) (mark, error) {
	m, err := within(livePatience, func() (mark, error) {
		m := markOf(p)
		root, err := RootOf(p)
		if err != nil {
			return m, err
		}
		defer root.Close()
		if err := m.shared(root); err != nil {
			return m, err
		}
		closed := root.use(func(fd int) {
			err = as(i.status.uid, i.status.gid, func() error { return m.set(fd, w) })
		})
		return m, errors.Join(closed, err)
	})
	if err != nil {
		return mark{}, fmt.Errorf("cannot tell runit what a signal is for: %w", err)
	}
	return m, nil
}

func (m mark) set(root int, w want) error {
	const yes, no = 0o100, 0
	mode := uint32(no)
	if w == reboot {
		mode = yes
	}
	err := chmodIn(root, m.reboot, mode, w == reboot)
	if err == nil {
		err = chmodIn(root, m.stop, yes, true)
	}
	return err
}

// taken reports whether runit acts on the request.
func (m mark) taken(p *pidfile.Process) (bool, error) {
	root, err := RootOf(p)
	if err != nil {
		return false, err
	}
	defer root.Close()
	st, err := root.stat(m.stop)
	if absent(err) {
		return true, nil
	}
	return st.Mode&0o100 == 0, err
}

// shared refuses directories that are the host's own: there may be a runit.
func (m mark) shared(root *Root) error {
	for _, dir := range []string{"/", path.Dir(m.stop), "/etc", "/etc/runit", "/run", "/run/runit"} {
		same, err := root.SameFile(dir, []string{dir})
		if err != nil {
			return err
		}
		if same != "" {
			return &os.PathError{Op: "mark", Path: dir, Err: errHostMark}
		}
	}
	return nil
}

// markOf finds the places in the program that p executes.
func markOf(p *pidfile.Process) mark {
	const most = 2 << 20 // one that is linked statically has below 1 MiB
	exe, err := readExe("/proc/"+strconv.Itoa(p.Pid()), most)
	if err != nil || p.Ended() {
		return usualMark
	}
	return markIn(exe)
}

func markIn(exe []byte) mark {
	const end, longest = "stopit\x00", 64
	for rest := exe; ; {
		n := bytes.Index(rest, []byte(end))
		if n < 0 {
			return usualMark
		}
		head := rest[:n]
		dir := head[bytes.LastIndexByte(head, 0)+1:]
		m := mark{string(dir) + "stopit", string(dir) + "reboot"}
		if len(dir) < longest && strings.HasPrefix(m.stop, "/") && bytes.Contains(exe, []byte("\x00"+m.reboot+"\x00")) {
			return m
		}
		rest = rest[n+len(end):]
	}
}

// chmodIn gives a regular file of the container its mode; with create one is
// made that is missing. It is never opened: something else may take its place
// at any moment. Links are followed one by one inside the root, because the
// kernel would not make the file that one at the end points to without opening
// it.
func chmodIn(root int, name string, mode uint32, create bool) error {
	const links = 16
	for range links {
		fd, err := resolve(root, name, unix.O_NOFOLLOW)
		if err == unix.ENOENT && create {
			if err = makeIn(root, name, mode); err == nil || err == unix.EEXIST {
				continue
			}
		}
		if err == unix.ENOENT && !create {
			return nil
		}
		next := ""
		if err == nil {
			next, err = chmodOrLink(fd, mode)
			unix.Close(fd)
		}
		if err != nil {
			return &os.PathError{Op: "chmod", Path: printable(name), Err: err}
		}
		if next == "" {
			return nil
		}
		if !strings.HasPrefix(next, "/") {
			// Not path.Join: what ".." means is for the kernel to say.
			next = name[:strings.LastIndexByte(name, '/')+1] + next
		}
		name = next
	}
	return &os.PathError{Op: "chmod", Path: printable(name), Err: unix.ELOOP}
}

func makeIn(root int, name string, mode uint32) error {
	n := strings.LastIndexByte(name, '/') + 1
	dir, err := resolve(root, "/"+name[:n], unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	return unix.Mknodat(dir, name[n:], unix.S_IFREG|mode, 0)
}

// chmodOrLink returns where a link points to, else "".
func chmodOrLink(fd int, mode uint32) (link string, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(fd, "", buf)
		return string(buf[:max(n, 0)]), err
	case unix.S_IFREG:
		return "", unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode)
	}
	return "", errNotRegular
}
