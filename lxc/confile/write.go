package confile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Write puts changes into effect, each file whole or not at all, with the mode
// and owner that it has, after a copy to PATH.backup (PATH.backup.1, … when
// there is one already; no backup is ever overwritten). It begins only when
// every file is as it was read, and then goes on until one fails; the error
// says which were written before. Other names of a file (hard links) keep the
// old text.
func Write(changes []Change) error {
	for _, c := range changes {
		if _, err := c.unchanged(); err != nil {
			return err
		}
	}
	for i, c := range changes {
		if err := c.write(); err != nil {
			return fmt.Errorf("%w; %s", err, done(changes[:i]))
		}
	}
	return nil
}

func done(changes []Change) string {
	if len(changes) == 0 {
		return "nothing was changed"
	}
	var paths []string
	for _, c := range changes {
		paths = append(paths, c.Path)
	}
	return "these were changed already: " + strings.Join(paths, ", ")
}

// unchanged reads the file's mode and owner, unless it is another by now.
func (c Change) unchanged() (unix.Stat_t, error) {
	var st unix.Stat_t
	text, _, err := readFile(c.Path)
	if err == nil && !bytes.Equal(text, c.Old) {
		return st, &Error{Msg: "cannot write " + c.Path + ": it has changed since it was read", Hint: "do it again, and look at the new differences"}
	}
	if err == nil {
		err = unix.Lstat(c.Path, &st)
	}
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errors.New("it is a symbolic link by now")
	}
	if err != nil {
		return st, fmt.Errorf("cannot write %s: %w", c.Path, cause(err))
	}
	return st, nil
}

func (c Change) write() error {
	st, err := c.unchanged()
	if err != nil {
		return err
	}
	backup, err := c.backup(st)
	if err != nil {
		return fmt.Errorf("cannot back up %s: %w", c.Path, err)
	}
	aside, err := os.CreateTemp(filepath.Dir(c.Path), "."+filepath.Base(c.Path)+".*.new")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", c.Path, err)
	}
	err = fill(aside, c.New, st)
	if err == nil {
		// Once more: this is the last moment to see another's hand.
		if _, err = c.unchanged(); err == nil {
			err = os.Rename(aside.Name(), c.Path)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot write %s (its copy is %s): %w", c.Path, backup, errors.Join(err, os.Remove(aside.Name())))
	}
	return syncDir(filepath.Dir(c.Path))
}

// maxBackups ends the search for a free name.
const maxBackups = 1000

func backupName(path string, n int) string {
	if n == 0 {
		return path + ".backup"
	}
	return fmt.Sprintf("%s.backup.%d", path, n)
}

func (c Change) backup(st unix.Stat_t) (string, error) {
	for n := range maxBackups {
		name := backupName(c.Path, n)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if err := fill(f, c.Old, st); err != nil {
			return "", errors.Join(err, os.Remove(name))
		}
		return name, nil
	}
	return "", fmt.Errorf("%s.backup and %d more are there already", c.Path, maxBackups-1)
}

// fill brings content, owner and mode to the disk, and closes the file.
func fill(f *os.File, text []byte, st unix.Stat_t) error {
	err := f.Chown(int(st.Uid), int(st.Gid))
	if err == nil {
		err = f.Chmod(os.FileMode(st.Mode & 0o777)) // after chown, whatever our umask
	}
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir brings names to the disk; some file systems have nothing to sync.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err == nil {
		defer dir.Close()
		err = dir.Sync()
	}
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("cannot write %s to the disk: %w", path, err)
	}
	return nil
}
