package cgroup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// node is the open directory of a group.
type node struct {
	f       *os.File
	version int
}

func (n node) close() { n.f.Close() } // read only

// errOutside says that a directory is not of cgroupfs.
var errOutside = errors.New("it is not a control group")

const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// open goes down component by component, so that no symbolic link is followed
// on any kernel.
func open(dir string) (node, error) {
	if !strings.HasPrefix(dir, "/") || strings.Contains(dir+"/", "/../") {
		return node{}, &fs.PathError{Op: "open", Path: dir, Err: errOutside}
	}
	fd, err := unix.Open("/", dirFlags, 0)
	for name := range strings.SplitSeq(dir[1:], "/") {
		if above := fd; err == nil && name != "" {
			fd, err = unix.Openat(above, name, dirFlags, 0)
			unix.Close(above)
		}
	}
	return check(fd, dir, err)
}

// below opens a group in this one.
func (n node) below(name string) (node, error) {
	fd, err := unix.Openat(int(n.f.Fd()), name, dirFlags, 0)
	return check(fd, n.f.Name()+"/"+name, err)
}

func check(fd int, dir string, err error) (node, error) {
	var st unix.Statfs_t
	if err == nil {
		n := node{f: os.NewFile(uintptr(fd), dir)}
		err = unix.Fstatfs(fd, &st)
		switch {
		case err != nil:
		case int64(st.Type) == unix.CGROUP_SUPER_MAGIC:
			n.version = 1
			return n, nil
		case int64(st.Type) == unix.CGROUP2_SUPER_MAGIC:
			n.version = 2
			return n, nil
		default:
			err = errOutside
		}
		n.close()
	}
	return node{}, &fs.PathError{Op: "open", Path: dir, Err: err}
}

// openAll opens those of the groups that exist.
func openAll(groups []Group) (nodes []node, close func(), err error) {
	close = func() {
		for _, n := range nodes {
			n.close()
		}
	}
	for _, g := range groups {
		n, err := open(g.Dir)
		if vanished(err) {
			continue
		}
		if err != nil {
			close()
			return nil, nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, close, nil
}

// file opens one of the kernel's files in the group.
func (n node) file(name string, flags int) (*os.File, error) {
	path := n.f.Name() + "/" + name
	fd, err := unix.Openat(int(n.f.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func (n node) read(name string) (string, error) {
	f, err := n.file(name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	return strings.TrimSpace(string(text)), err
}

func (n node) write(name, text string) error {
	f, err := n.file(name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// maxDepth bounds how deep groups may be nested below a guest's: a descriptor
// is held for each level.
const maxDepth = 256

// walk visits a group and all below it, the innermost first, at most depth
// levels. Groups that vanish meanwhile are passed over.
func (n node) walk(depth int, visit func(node) error) error {
	if depth == 0 {
		return fmt.Errorf("%q: control groups are nested too deep", n.f.Name())
	}
	entries, err := n.f.ReadDir(-1)
	if err != nil && !vanished(err) {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		child, err := n.below(e.Name())
		if err == nil {
			err = child.walk(depth-1, visit)
			child.close()
		}
		if err != nil && !vanished(err) {
			return err
		}
	}
	if _, err := n.f.Seek(0, io.SeekStart); err != nil { // for the next walk
		return err
	}
	return visit(n)
}

// vanished: kernfs says ENODEV of an open file whose group was removed.
func vanished(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)
}
