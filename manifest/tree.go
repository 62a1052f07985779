package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// fileMax bounds what is read of a file, in bytes; nothing of ours comes near.
const fileMax = 4 << 20

// Tree is a directory tree in which every path is resolved as if the tree were
// the whole file system: a link, absolute or not, cannot lead out of it
// (openat2(2), RESOLVE_IN_ROOT). The last element of a path is never followed.
type Tree struct {
	root *os.File
	// change is asked before anything is changed; nil but in tests, where it
	// makes a tree that stays as it is from some moment on, as after a crash.
	change func() error
}

// OpenTree opens the tree at root, "/" on a host.
func OpenTree(root string) (*Tree, error) {
	f, err := os.OpenFile(filepath.Clean(root), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the root: %w", err)
	}
	return &Tree{root: f}, nil
}

// Path is where a path of the tree is, for messages.
func (t *Tree) Path(path string) string { return filepath.Join(t.root.Name(), path) }

// Close lets go of the tree.
func (t *Tree) Close() error { return t.root.Close() }

// dir opens a directory, for reading and for what it holds.
func (t *Tree) dir(path string) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	path = filepath.Clean("/" + path)
	for range 100 { // EAGAIN: directories were renamed meanwhile
		fd, err := unix.Openat2(int(t.root.Fd()), path, &how)
		if err == nil {
			return os.NewFile(uintptr(fd), t.Path(path)), nil
		}
		if err != unix.EAGAIN && err != unix.EINTR {
			return nil, &os.PathError{Op: "open", Path: t.Path(path), Err: err}
		}
	}
	return nil, &os.PathError{Op: "open", Path: t.Path(path), Err: unix.EAGAIN}
}

// at calls do, which is to do what verb says, with the directory that holds path,
// and the name there.
func (t *Tree) at(verb, path string, do func(fd int, name string) error) error {
	d, err := t.dir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	err = do(int(d.Fd()), filepath.Base(path))
	if errno := unix.Errno(0); errors.As(err, &errno) {
		return &os.PathError{Op: verb, Path: t.Path(path), Err: err}
	}
	return err
}

// ReadFile reads a regular file.
func (t *Tree) ReadFile(path string) (content []byte, mode fs.FileMode, err error) {
	err = t.at("read", path, func(dir int, name string) error {
		fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), t.Path(path))
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return errors.New("it is no regular file")
		}
		mode = info.Mode().Perm()
		content, err = io.ReadAll(io.LimitReader(f, fileMax))
		return err
	})
	return content, mode, err
}

// ReadLink tells where a symbolic link points. The error is fs.ErrNotExist when
// there is nothing, and ErrNoLink when there is something else.
func (t *Tree) ReadLink(path string) (target string, err error) {
	err = t.at("read", path, func(dir int, name string) error {
		buffer := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(dir, name, buffer)
		if err == unix.EINVAL {
			return ErrNoLink
		}
		if err == nil {
			target = string(buffer[:n])
		}
		return err
	})
	return target, err
}

// ErrNoLink says that something is there that is no symbolic link.
var ErrNoLink = errors.New("it is no symbolic link")

// Exists tells whether there is anything at path, if only a link to nowhere.
func (t *Tree) Exists(path string) bool {
	err := t.at("read", path, func(dir int, name string) error {
		return unix.Fstatat(dir, name, new(unix.Stat_t), unix.AT_SYMLINK_NOFOLLOW)
	})
	return err == nil
}

// List names what a directory holds, sorted; a directory that does not exist
// holds nothing.
func (t *Tree) List(path string) ([]string, error) {
	d, err := t.dir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}
