package pidfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenDir(t *testing.T) {
	root := t.TempDir()
	path := root + "/run/guestrc/qemu.db"
	if _, err := OpenDir(path, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	before := unix.Umask(0o077)
	dir, err := OpenDir(path+"/", true)
	unix.Umask(before)
	ok(t, err)
	defer dir.Close()
	if dir.Name() != path {
		t.Errorf("name is %s", dir.Name())
	}
	for _, p := range []string{path, filepath.Dir(path), root + "/run"} {
		st, err := os.Stat(p)
		ok(t, err)
		if st.Mode() != fs.ModeDir|0o755 {
			t.Errorf("%s: mode %v", p, st.Mode())
		}
	}
	again, err := OpenDir(path, true)
	ok(t, err)
	ok(t, again.Close())
	ok(t, os.Symlink("run", root+"/var")) // above the last two a link is the host's affair
	linked, err := OpenDir(root+"/var/guestrc/qemu.db", false)
	ok(t, err)
	ok(t, linked.Close())
}

func TestOpenDirRefuses(t *testing.T) {
	for _, path := range []string{"", "/", "relative/path", "/.."} {
		if _, err := OpenDir(path, true); err == nil || !strings.Contains(err.Error(), "absolute path") {
			t.Errorf("%q: %v", path, err)
		}
	}
	for name, act := range map[string]func(path string) error{
		"link": func(path string) error {
			return errors.Join(os.MkdirAll(path+".x/qemu.db", 0o755), os.Symlink("guestrc.x", path))
		},
		"dangling link":  func(path string) error { return os.Symlink("/nonexistent/x", path) },
		"file":           func(path string) error { return os.WriteFile(path, nil, 0o644) },
		"pipe":           func(path string) error { return unix.Mkfifo(path, 0o600) },
		"group writable": func(path string) error { return errors.Join(os.Mkdir(path, 0o755), os.Chmod(path, 0o775)) },
		"world writable": func(path string) error { return errors.Join(os.Mkdir(path, 0o755), os.Chmod(path, 0o1777)) },
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			ok(t, os.Mkdir(root+"/run", 0o755))
			ok(t, act(root+"/run/guestrc"))
			for _, create := range []bool{false, true} {
				_, err := OpenDir(root+"/run/guestrc", create)
				isA[*SuspectError](t, err)
				_, err = OpenDir(root+"/run/guestrc/qemu.db", create)
				isA[*SuspectError](t, err)
			}
		})
	}
	if _, err := OpenDir("/proc/sys/guestrc/x", true); err == nil {
		t.Error("made a directory in /proc")
	}
}

func TestOpenDirByMany(t *testing.T) {
	root := t.TempDir()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			dir, err := OpenDir(root+"/a/b/c/d", true)
			if err != nil {
				t.Error(err)
				return
			}
			dir.Close()
		})
	}
	all.Wait()
}
