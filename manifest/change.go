package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// WriteFile puts a regular file at path, whole or not at all, and makes the
// directories above it. What is there is replaced.
func (t *Tree) WriteFile(path string, content []byte, mode fs.FileMode) error {
	return t.write(path, content, mode, true)
}

func (t *Tree) write(path string, content []byte, mode fs.FileMode, replace bool) error {
	return t.put(path, replace, func(dir int, aside string) error {
		fd, err := unix.Openat(dir, aside, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), aside)
		_, err = f.Write(content)
		return both(cmp.Or(err, f.Chmod(mode), f.Sync()), f.Close())
	})
}

// Link puts a symbolic link at path, where there must be nothing.
func (t *Tree) Link(path, target string) error { return t.link(path, target, false) }

// Relink replaces what is at path by a symbolic link, in one step.
func (t *Tree) Relink(path, target string) error { return t.link(path, target, true) }

func (t *Tree) link(path, target string, replace bool) error {
	return t.put(path, replace, func(dir int, aside string) error { return unix.Symlinkat(target, dir, aside) })
}

// put has something made aside and gives it its name.
func (t *Tree) put(path string, replace bool, create func(dir int, aside string) error) error {
	if err := t.mkdirs(filepath.Dir(path)); err != nil {
		return err
	}
	return t.at("write", path, func(dir int, name string) error {
		aside := asideName(name)
		if err := t.unlink(dir, aside); err != nil { // a killed process left it
			return err
		}
		if err := t.changing(); err != nil {
			return err
		}
		err := create(dir, aside)
		if err == nil {
			err = t.rename(dir, aside, name, replace)
		}
		if err != nil {
			return both(err, t.unlink(dir, aside))
		}
		return unix.Fsync(dir)
	})
}

// both joins errors only where there are two: what is joined is printed as a
// list.
func both(err, other error) error {
	if err == nil || other == nil {
		return cmp.Or(err, other)
	}
	return errors.Join(err, other)
}

func (t *Tree) rename(dir int, from, to string, replace bool) error {
	if err := t.changing(); err != nil {
		return err
	}
	if replace {
		return unix.Renameat(dir, from, dir, to)
	}
	err := unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL { // rename(2): not every file system can
		if err = unix.Linkat(dir, from, dir, to, 0); err == nil {
			err = unix.Unlinkat(dir, from, 0)
		}
	}
	return err
}

// Remove removes what is at path, unless it is a directory. That there is
// nothing is no error.
func (t *Tree) Remove(path string) error {
	err := t.at("remove", path, func(dir int, name string) error {
		if err := t.unlink(dir, name); err != nil {
			return err
		}
		return unix.Fsync(dir)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (t *Tree) unlink(dir int, name string) error {
	if err := unix.Fstatat(dir, name, new(unix.Stat_t), unix.AT_SYMLINK_NOFOLLOW); err == unix.ENOENT {
		return nil
	}
	if err := t.changing(); err != nil {
		return err
	}
	if err := unix.Unlinkat(dir, name, 0); err != unix.ENOENT {
		return err
	}
	return nil
}

// RemoveDir removes a directory if it is empty. That there is none, or something
// else, is no error.
func (t *Tree) RemoveDir(path string) error {
	err := t.at("remove", path, func(dir int, name string) error {
		if err := t.changing(); err != nil {
			return err
		}
		return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	})
	for _, no := range []error{fs.ErrNotExist, unix.ENOTEMPTY, unix.EEXIST, unix.ENOTDIR} {
		if errors.Is(err, no) {
			return nil
		}
	}
	return err
}

// asideName is where a file is made before it gets its name. Init systems skip
// names that begin with a dot.
func asideName(name string) string { return "." + name + ".guestrc-new" }

func (t *Tree) removeAside(path string) error {
	return t.Remove(filepath.Join(filepath.Dir(path), asideName(filepath.Base(path))))
}

// missing lists the directories that path lacks, outermost first.
func (t *Tree) missing(path string) (lacks []string, err error) {
	for ; ; path = filepath.Dir(path) {
		d, err := t.dir(path)
		if err == nil {
			slices.Reverse(lacks)
			return lacks, d.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) || path == "/" {
			return nil, err
		}
		if target, err := t.ReadLink(path); err == nil {
			return nil, fmt.Errorf("%s leads nowhere: it is a symlink to %s", t.Path(path), target)
		}
		lacks = append(lacks, path)
	}
}

// mkdirs makes a directory with what it lacks above it.
func (t *Tree) mkdirs(path string) error {
	lacks, err := t.missing(path)
	if err != nil {
		return err
	}
	for _, dir := range lacks {
		err := t.at("make", dir, func(fd int, name string) error {
			if err := t.changing(); err != nil {
				return err
			}
			if err := unix.Mkdirat(fd, name, 0o755); err != nil && err != unix.EEXIST {
				return err
			}
			return unix.Fsync(fd)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Tree) changing() error {
	if t.change == nil {
		return nil
	}
	return t.change()
}
