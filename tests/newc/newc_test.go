package newc

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

// sample writes one of each; n is the length of the file's content, so that
// every padding is met.
func sample(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	steps := []error{
		w.Dir("/etc", 0o750),
		w.Dir("etc", 0o755), // is there already
		w.File("/etc/one", 0o640, bytes.Repeat([]byte{'x'}, n)),
		w.File("deep/er/tool", 0o755, []byte("#!\n")),
		w.Symlink("/bin/sh", "../deep/er/tool"),
		w.CharDevice("/dev/console", 0o600, 5, 1),
		w.BlockDevice("/dev/vda", 0o660, 254, 0),
		w.Close(),
	}
	for i, err := range steps {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	return b.Bytes()
}

// unpackers are independent readers of the format.
func unpackers(t *testing.T) map[string][]string {
	found := map[string][]string{}
	if p, err := exec.LookPath("busybox"); err == nil {
		found["busybox"] = []string{p, "cpio", "-idm"}
	}
	if p, err := exec.LookPath("cpio"); err == nil {
		found["cpio"] = []string{p, "-idm", "--quiet"}
	}
	if len(found) == 0 {
		need.Missing(t, "neither busybox nor cpio is installed")
	}
	return found
}

func TestReadBack(t *testing.T) {
	need.Root(t) // device nodes
	for name, argv := range unpackers(t) {
		for n := range 5 {
			dir := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
			cmd.Dir, cmd.Stdin = dir, bytes.NewReader(sample(t, n))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
			want := []string{
				"bin drwxr-xr-x", "bin/sh Lrwxrwxrwx ../deep/er/tool", "deep drwxr-xr-x", "deep/er drwxr-xr-x",
				"deep/er/tool -rwxr-xr-x #!\n", "dev drwxr-xr-x", "dev/console Dcrw------- 5:1", "dev/vda Drw-rw---- 254:0",
				"etc drwxr-x---", "etc/one -rw-r----- " + strings.Repeat("x", n),
			}
			if d := cmp.Diff(want, tree(t, dir)); d != "" {
				t.Errorf("%s, %d bytes (-want +got):\n%s", name, n, d)
			}
		}
	}
}

func tree(t *testing.T, dir string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		fi, err := os.Lstat(p)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		line := rel + " " + fi.Mode().String()
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(p)
			line += " " + target
		case fi.Mode()&fs.ModeDevice != 0:
			line += " " + devNumber(fi)
		case fi.Mode().IsRegular():
			content, _ := os.ReadFile(p)
			line += " " + string(content)
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func devNumber(fi fs.FileInfo) string {
	dev := fi.Sys().(*syscall.Stat_t).Rdev
	return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev))
}

func TestDeterministic(t *testing.T) {
	if !bytes.Equal(sample(t, 3), sample(t, 3)) {
		t.Error("the same input gave different archives")
	}
	if n := len(sample(t, 3)); n%4 != 0 {
		t.Errorf("the archive is %d bytes long, not a multiple of 4: another cannot be appended", n)
	}
}

func TestRefuses(t *testing.T) {
	for _, name := range []string{"", "/", "..", "../x", "a/../../x"} {
		w := NewWriter(&bytes.Buffer{})
		if err := w.File(name, 0o644, nil); err == nil {
			t.Errorf("File(%q) was accepted", name)
		}
		if w.Close() == nil {
			t.Errorf("Close after a refused %q gave no error", name)
		}
	}
	w := NewWriter(&bytes.Buffer{})
	if w.File("a", 0o644, nil) != nil || w.Symlink("/a", "b") == nil {
		t.Error("a second entry of the same name was accepted")
	}
}
