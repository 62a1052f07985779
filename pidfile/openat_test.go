package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tampered is what somebody may have put in a pidfile's place. Each names a
// decoy where it can, and none may hang, be read, or be believed.
func tampered(decoy int) map[string]func(path string) error {
	number := fmt.Appendf(nil, "%d\n", decoy)
	write := func(path string) error { return os.WriteFile(path, number, 0o600) }
	return map[string]func(path string) error{
		"a symbolic link":     func(path string) error { return errors.Join(write(path+".x"), os.Symlink(path+".x", path)) },
		"a dangling link":     func(path string) error { return os.Symlink("/nonexistent", path) },
		"a named pipe":        func(path string) error { return unix.Mkfifo(path, 0o600) },
		"hard links":          func(path string) error { return errors.Join(write(path+".x"), os.Link(path+".x", path)) },
		"a directory":         func(path string) error { return os.Mkdir(path, 0o700) },
		"a socket":            func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) },
		"others may write":    func(path string) error { return errors.Join(write(path), os.Chmod(path, 0o666)) },
		"its group may write": func(path string) error { return errors.Join(write(path), os.Chmod(path, 0o620)) },
	}
}

func TestTamperedIsSuspect(t *testing.T) {
	for name, make := range tampered(os.Getpid()) {
		t.Run(name, func(t *testing.T) {
			dir := guestDir(t)
			ok(t, make(pidfileOf(dir)))
			_, held, err := Holder(dir, PidFile)
			suspect := isA[*SuspectError](t, err)
			if held || suspect.Path != pidfileOf(dir) || suspect.ExitStatus() != 4 || !strings.Contains(suspect.HintText(), suspect.Path) {
				t.Errorf("Holder: %v, %v", held, err)
			}
			_, err = ReadPid(dir, PidFile)
			isA[*SuspectError](t, err)
			isA[*SuspectError](t, Release(dir, PidFile))
			if _, err := os.Lstat(pidfileOf(dir)); err != nil {
				t.Error("Release removed it:", err)
			}
		})
	}
}

func TestDeviceIsSuspect(t *testing.T) {
	needRoot(t)
	dir := guestDir(t)
	ok(t, unix.Mknod(pidfileOf(dir), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5)))) // /dev/zero
	_, err := ReadPid(dir, PidFile)
	if suspect := isA[*SuspectError](t, err); !strings.Contains(suspect.Why, "a device") {
		t.Error(err)
	}
}

func TestNamesAreNames(t *testing.T) {
	dir := guestDir(t)
	for _, name := range []string{"", ".", "..", "a/b", "/etc/passwd", "../x"} {
		_, _, err := Holder(dir, name)
		errs := []error{err, Release(dir, name), WriteFile(dir, name, nil, 0o600)}
		_, err = ReadPid(dir, name)
		for _, err := range append(errs, err) {
			if err == nil || !strings.Contains(err.Error(), "not the name") {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}

// A file that was unlinked while it is open is as good as absent.
func TestUnlinkedIsAbsent(t *testing.T) {
	dir := guestDir(t)
	f, err := os.OpenFile(pidfileOf(dir), os.O_CREATE|os.O_RDWR, 0o600)
	ok(t, err)
	defer f.Close()
	ok(t, checkFile(f))
	ok(t, os.Remove(f.Name()))
	if err := checkFile(f); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	if same, err := named(dir, PidFile, f); same || err != nil {
		t.Errorf("named: %v, %v", same, err)
	}
}
