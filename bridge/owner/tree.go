package owner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Nobody writes files like these by hand; together the bounds keep odd ones
// from costing more than milliseconds.
const (
	maxFile    = 256 << 10 // bytes
	maxEntries = 1000      // of a directory
)

// tree is the file system below a root.
type tree struct{ root string }

func (t tree) at(path string) string { return filepath.Join(t.root, path) }

// read returns no text, and no error, for what is absent or not a regular file:
// a file that is a link to /dev/null is systemd's way to hide one. O_NONBLOCK
// keeps a FIFO from blocking the open.
func (t tree) read(path string) (string, error) {
	f, err := os.OpenFile(t.at(path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if absent(err) || errors.Is(err, syscall.ENXIO) { // a socket
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	if err != nil {
		return "", err
	}
	return string(text), nil
}

func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}

// exists is for files whose content is not wanted; a dangling link counts.
func (t tree) exists(path string) bool {
	_, err := os.Lstat(t.at(path))
	return err == nil
}

// names lists a directory in order; none for one that is absent.
func (t tree) names(dir string) ([]string, error) {
	f, err := os.OpenFile(t.at(dir), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if absent(err) || errors.Is(err, syscall.ENXIO) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.IsDir() {
		return nil, err
	}
	names, err := f.Readdirnames(maxEntries + 1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case len(names) > maxEntries:
		return nil, fmt.Errorf("%s has more than %d files", dir, maxEntries)
	}
	slices.Sort(names)
	return names, nil
}

// layered lists the files of a suffix in directories that go before each other,
// by name: of several of one name the first counts.
func (t tree) layered(dirs []string, suffix string) (paths []string, err error) {
	first := map[string]string{}
	var errs []error
	for _, dir := range dirs {
		names, err := t.names(dir)
		errs = append(errs, err)
		for _, name := range names {
			if strings.HasSuffix(name, suffix) && first[name] == "" {
				first[name] = filepath.Join(dir, name)
			}
		}
	}
	names := make([]string, 0, len(first))
	for name := range first {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		paths = append(paths, first[name])
	}
	return paths, errors.Join(errs...)
}

// unit returns the first of the units that is installed, and its file.
func (t tree) unit(names ...string) (name, path string) {
	for _, name := range names {
		for _, dir := range []string{"/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator.late", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"} {
			if path := filepath.Join(dir, name); t.exists(path) {
				return name, path
			}
		}
	}
	return "", ""
}

// program tells whether one of these is installed, by any of the ways in which
// systems arrange their directories.
func (t tree) program(names ...string) bool {
	for _, name := range names {
		for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin"} {
			if t.exists(filepath.Join(dir, name)) {
				return true
			}
		}
	}
	return false
}

// firstOf returns what the first of the files gives that claims the interface.
// A file that cannot be read does not keep the others from being looked at.
func (t tree) firstOf(paths []string, claims func(path, text string) *Owner) (*Owner, error) {
	var errs []error
	for _, path := range paths {
		text, err := t.read(path)
		errs = append(errs, err)
		if o := claims(path, text); o != nil {
			return o, errors.Join(errs...)
		}
	}
	return nil, errors.Join(errs...)
}
