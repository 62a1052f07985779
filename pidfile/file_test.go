package pidfile

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

func TestWhyAFileCannotBeMadeIsTold(t *testing.T) {
	need.Root(t)
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "nr_inodes=1,mode=0755"); err != nil { // its root is one
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	dir, err := OpenDir(disk, false)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if f, _, err := OpenAppend(dir, "new"); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%v, %v", f, err)
	}
}
