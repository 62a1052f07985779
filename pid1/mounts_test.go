package pid1

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

func TestMountTableIsRead(t *testing.T) {
	text := strings.Join([]string{
		"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:4 - ext3 /dev/root rw,errors=continue",
		`40 36 0:22 /etc/a\040b//deleted /etc/a\040b ro - tmpfs tmpfs rw`,
		"41 36 0:23 / /proc rw -", // without a type, which does not happen
		"nonsense",
		"x 36 0:23 / /sys rw - sysfs sysfs rw",
	}, "\n")
	want := []Mount{{36, 35, "/mnt1", "/mnt2", "ext3"}, {40, 36, "/etc/a b//deleted", "/etc/a b", "tmpfs"}}
	if diff := cmp.Diff(want, parseMounts(text)); diff != "" {
		t.Error(diff)
	}
}

func FuzzMountTable(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n")
	f.Add(`1 1 0:1 /\04 / rw - ` + "\n - \n")
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(parseMounts(text)); n > strings.Count(text, " - ") {
			t.Errorf("%d mounts", n)
		}
	})
}

func TestOwnMountsHoldTheRoot(t *testing.T) {
	self, err := pidfile.Capture(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	mounts, err := Mounts(self)
	if err != nil || len(mounts) == 0 {
		t.Fatalf("%d mounts, %v", len(mounts), err)
	}
	root, err := RootOf(self)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	st, err := root.Stat("/")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mounts {
		if m.Target == "/" && (m.ID == st.Mount || st.Mount == 0) {
			return
		}
	}
	t.Errorf("no mount %d at / among %v", st.Mount, mounts)
}

func TestStatStaysInside(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "file"), nil, 0o4755), os.Chmod(filepath.Join(dir, "file"), 0o755|os.ModeSetuid),
		os.Symlink("/file", filepath.Join(dir, "link")), os.Symlink("../../../../../../etc/passwd", filepath.Join(dir, "out"))); err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	st, err := root.Stat("link")
	if err != nil || st.Mode != unix.S_IFREG|unix.S_ISUID|0o755 || st.Ino == 0 || int(st.UID) != os.Getuid() {
		t.Errorf("%+v, %v", st, err)
	}
	if st, err := root.Lstat("link"); err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		t.Errorf("the link itself: %+v, %v", st, err)
	}
	if _, err := root.Stat("out"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link to the host: %v", err)
	}
}
