package confile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

func plan(t *testing.T, path string) []Change {
	t.Helper()
	changes, err := Migrate(path)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestWriteKeepsABackupAndOverwritesNone(t *testing.T) {
	dir := tree(t, map[string]string{"config": "lxc.tty=1\n", "config.backup": "mine", "config.backup.1": "mine too"})
	if err := os.Chmod(dir+"/config", 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"/config", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := Write(plan(t, dir+"/link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"config": "lxc.tty.max=1\n", "config.backup": "mine", "config.backup.1": "mine too", "config.backup.2": "lxc.tty=1\n", "link": "lxc.tty.max=1\n"} {
		if got := read(t, dir+"/"+name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"config", "config.backup.2"} {
		if info, err := os.Lstat(dir + "/" + name); err != nil || info.Mode() != 0o640 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if got := names(t, dir); got != "config config.backup config.backup.1 config.backup.2 link" {
		t.Errorf("there is %s", got)
	}
}

func TestWriteKeepsTheOwner(t *testing.T) {
	need.Root(t)
	dir := tree(t, map[string]string{"config": "lxc.tty=1\n"})
	if err := os.Chown(dir+"/config", 1234, 4321); err != nil {
		t.Fatal(err)
	}
	if err := Write(plan(t, dir+"/config")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config", "config.backup"} {
		var st unix.Stat_t
		if err := unix.Stat(dir+"/"+name, &st); err != nil || st.Uid != 1234 || st.Gid != 4321 {
			t.Errorf("%s: %d:%d %v", name, st.Uid, st.Gid, err)
		}
	}
}

func TestWriteRefusesAFileThatChangedSince(t *testing.T) {
	dir := tree(t, map[string]string{"config": "lxc.tty=1\nlxc.include=@/other\n", "other": "lxc.pts=1\n"})
	changes := plan(t, dir+"/config")
	write(t, dir+"/other", "lxc.pts=2\n")
	err := Write(changes)
	var e *Error
	if !errors.As(err, &e) || e.HintText() == "" || !strings.Contains(err.Error(), "cannot write "+dir+"/other: it has changed since it was read") {
		t.Errorf("%v", err)
	}
	if got := names(t, dir); got != "config other" || read(t, dir+"/config") != "lxc.tty=1\nlxc.include="+dir+"/other\n" {
		t.Errorf("something was written: %s", got)
	}
	if err := errors.Join(os.Remove(dir+"/other"), os.Symlink("config", dir+"/other")); err != nil {
		t.Fatal(err)
	}
	if err := Write(changes[1:]); err == nil {
		t.Error("wrote through a link that was not there before")
	}
}

func TestWriteSaysWhatWasDoneBeforeItFailed(t *testing.T) {
	dir := tree(t, map[string]string{"config": "lxc.include=@/sub/other\nlxc.tty=1\n", "sub/other": "lxc.pts=1\n", "config.backup/x": ""})
	changes := plan(t, dir+"/config")
	for _, c := range changes {
		if filepath.Base(c.Path) != "config" {
			continue
		}
		for i := range maxBackups { // no name is left for the second
			if _, err := os.Lstat(backupName(c.Path, i)); err != nil {
				write(t, backupName(c.Path, i), "")
			}
		}
	}
	err := Write(changes)
	if err == nil || !strings.Contains(err.Error(), "cannot back up "+dir+"/config: ") || !strings.HasSuffix(err.Error(), "; these were changed already: "+dir+"/sub/other") {
		t.Errorf("%v", err)
	}
	if read(t, dir+"/sub/other") != "lxc.pty.max=1\n" || !strings.Contains(read(t, dir+"/config"), "lxc.tty=1") {
		t.Error("not what was said")
	}
}
