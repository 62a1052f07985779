package qemu

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

// TestImage has qemu-img make an image of each format.
func TestImage(t *testing.T) {
	need.Programs(t, "qemu-img")
	dir := t.TempDir()
	for format, want := range map[string]string{
		"raw": "", "qcow2": "qcow2", "qcow": "qcow", "qed": "qed", "vmdk": "vmdk", "vdi": "vdi", "vhdx": "vhdx", "vpc": "vpc", "parallels": "parallels",
	} {
		path := filepath.Join(dir, format)
		ctx, cancel := context.WithTimeout(t.Context(), acceptTime)
		if out, err := exec.CommandContext(ctx, "qemu-img", "create", "-q", "-f", format, path, "16M").CombinedOutput(); err != nil {
			t.Errorf("qemu-img create -f %s: %v: %s", format, err, out)
		}
		cancel()
		if got, err := (osHost{}).Image(path); err != nil || got.Format != want || got.Block {
			t.Errorf("%s: %+v, %v, want %q", format, got, err, want)
		}
	}
}

func TestImageOfOthers(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, dir, "/dev/null", filepath.Join(dir, "missing")} {
		if got, err := (osHost{}).Image(path); err == nil {
			t.Errorf("%s is an image: %+v", path, got)
		}
	}
}
