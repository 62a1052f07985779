package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// place is the file that a path leads to, who could have it lead elsewhere, and
// whether that is within another root file system.
type place struct {
	file  *os.File
	stat  unix.Stat_t
	hands hands
	root  *inner // nil: none but ours
}

// inner is a directory that looks like the root of another system.
type inner struct {
	path     string
	dev, ino uint64
}

// maxLinks is the kernel's own limit (path_resolution(7)).
const maxLinks = 40

// maxWay bounds how many names a path may have, its links resolved.
const maxWay = 4096

// walker goes to a place name by name, as the kernel would, and looks at
// everything on the way.
type walker struct {
	dir   *os.File // O_PATH
	todo  []string
	links int
	place place
}

// open opens the regular file at an absolute path for reading. It follows
// links, but none of procfs: those lead into other processes' file systems
// without their text saying so.
func open(path string) (*place, error) {
	w := &walker{todo: strings.Split(path, "/")}
	if err := w.restart(); err != nil {
		return nil, err
	}
	defer func() { w.dir.Close() }()
	for way := 0; len(w.todo) > 0; way++ {
		if way > maxWay {
			return nil, &os.PathError{Op: "open", Path: path, Err: unix.ENAMETOOLONG}
		}
		name := w.todo[0]
		w.todo = w.todo[1:]
		if name == "" || name == "." {
			continue
		}
		if err := w.step(name); err != nil {
			return nil, err
		}
		if w.place.file != nil {
			return &w.place, nil
		}
	}
	return nil, errNotRegular("a directory")
}

// errNotRegular is of what no pidfile is.
type errNotRegular string

func (e errNotRegular) Error() string { return "it is " + string(e) + ", not a regular file" }

var errMagic = errors.New("a link of /proc leads there, into the files of a process")

func (w *walker) restart() error {
	root, err := os.OpenFile("/", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if w.dir != nil {
		w.dir.Close()
	}
	w.dir = root
	return w.passDir(root, false)
}

func (w *walker) step(name string) error {
	path := filepath.Join(w.dir.Name(), name)
	fd, err := unix.Openat(int(w.dir.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	next := os.NewFile(uintptr(fd), path)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		next.Close()
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		w.dir.Close()
		w.dir = next
		return w.passDir(next, true)
	case unix.S_IFLNK:
		defer next.Close()
		return w.follow(next, &st)
	case unix.S_IFREG:
		defer next.Close()
		return w.arrive(next, &st)
	case unix.S_IFIFO:
		err = errNotRegular("a named pipe")
	case unix.S_IFSOCK:
		err = errNotRegular("a socket")
	default:
		err = errNotRegular("a device")
	}
	return errors.Join(err, next.Close())
}

// passDir notes who may change the directory, and whether it looks like a root.
func (w *walker) passDir(dir *os.File, below bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return &os.PathError{Op: "stat", Path: dir.Name(), Err: err}
	}
	w.place.hands.ofDir(dir, &st)
	var root unix.Stat_t
	if below && looksLikeRoot(dir) && (unix.Stat("/", &root) != nil || root.Ino != st.Ino || root.Dev != st.Dev) {
		w.place.root = &inner{dir.Name(), uint64(st.Dev), st.Ino}
	}
	return nil
}

// looksLikeRoot: every system needs a place for /proc, and nothing else has one.
func looksLikeRoot(dir *os.File) bool {
	is := func(name string) bool {
		var st unix.Stat_t
		err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
		return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
	}
	return is("proc") && (is("etc") || is("usr") || is("sys"))
}

func (w *walker) follow(link *os.File, st *unix.Stat_t) error {
	var on unix.Statfs_t
	if err := unix.Fstatfs(int(link.Fd()), &on); err != nil {
		return &os.PathError{Op: "statfs", Path: link.Name(), Err: err}
	}
	if on.Type == unix.PROC_SUPER_MAGIC {
		return errMagic
	}
	if w.links++; w.links > maxLinks {
		return &os.PathError{Op: "open", Path: link.Name(), Err: unix.ELOOP}
	}
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(int(link.Fd()), "", buf[:])
	if err != nil {
		return &os.PathError{Op: "readlink", Path: link.Name(), Err: err}
	}
	text := string(buf[:n])
	w.place.hands.ofLink(link.Name(), st.Uid)
	w.todo = append(strings.Split(text, "/"), w.todo...)
	if strings.HasPrefix(text, "/") {
		return w.restart()
	}
	return nil
}

// arrive opens the file, which is known to be a regular one: this very file,
// whatever has its name by now.
func (w *walker) arrive(found *os.File, st *unix.Stat_t) error {
	if len(strings.Trim(strings.Join(w.todo, ""), ".")) > 0 {
		return &os.PathError{Op: "open", Path: found.Name(), Err: unix.ENOTDIR}
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", found.Fd()), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: found.Name(), Err: err}
	}
	w.place.file, w.place.stat = os.NewFile(uintptr(fd), found.Name()), *st
	w.place.hands.ofFile(w.place.file, st)
	return nil
}
