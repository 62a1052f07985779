package units

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWarnReachesTheJournalsSocket(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "run/systemd/journal/socket")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := Warn(root, "me", "a.service", "two\nlines"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	want := "PRIORITY=4\nSYSLOG_IDENTIFIER\n\x02\x00\x00\x00\x00\x00\x00\x00me\nOBJECT_SYSTEMD_UNIT\n\x09\x00\x00\x00\x00\x00\x00\x00a.service\n" +
		"MESSAGE\n\x09\x00\x00\x00\x00\x00\x00\x00two\nlines\n"
	if diff := cmp.Diff(want, string(buf[:n])); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// A full queue, as of a journald that hangs, must not hold up the boot.
func TestWarnDoesNotWait(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "run/systemd/journal/socket")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 100_000 { // far more than any queue is long
		if err = Warn(root, "me", "a.service", "once more"); err != nil {
			return
		}
	}
	t.Error("a queue without end")
}

// Where there is no journald the kernel's log takes it, if that is a device:
// a file in its place, as a careless script makes in a container, is left alone.
func TestWarnToTheKernelsLog(t *testing.T) {
	root := t.TempDir()
	kmsg := filepath.Join(root, "dev/kmsg")
	if err := os.MkdirAll(filepath.Dir(kmsg), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Warn(root, "me", "a.service", "lost"); err == nil {
		t.Error("no error although nobody heard it")
	}
	if _, err := os.Lstat(kmsg); err == nil {
		t.Error("the device was made as a file")
	}
	if err := os.WriteFile(kmsg, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Warn(root, "me", "a.service", "lost"); err == nil {
		t.Error("a file took the place of the kernel's log")
	}
	if err := os.Remove(kmsg); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", kmsg); err != nil {
		t.Fatal(err)
	}
	if err := Warn(root, "me", "a.service", "heard"); err != nil {
		t.Error(err)
	}
}
