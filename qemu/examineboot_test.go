package qemu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/tests/newc"
)

// kernelOf is the header of a kernel for PCs (Documentation/arch/x86/boot.rst).
func kernelOf(version string) []byte {
	b := make([]byte, 8<<10)
	b[0x1f1], b[0x1fe], b[0x1ff] = 8, 0x55, 0xaa // sectors of setup code; signature
	copy(b[0x202:], "HdrS\x0f\x02")
	binary.LittleEndian.PutUint16(b[0x20e:], 0x400)
	copy(b[0x200+0x400:], version+" (root@build) #1 SMP\x00")
	return b
}

func initrdOf(t *testing.T, version string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := newc.NewWriter(&out)
	if err := errors.Join(w.File("lib/modules/"+version+"/modules.dep", 0o644, nil), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestKernelAndInitrd: a difference is told where it is certain.
func TestKernelAndInitrd(t *testing.T) {
	packed := []byte("\x28\xb5\x2f\xfd not looked into")
	for _, c := range []struct {
		kernel, initrd string // names
		image          []byte
		modules        []byte
		says           string
	}{
		{kernel: "vmlinuz", initrd: "initrd.img", image: kernelOf("6.1.0-18-amd64"), modules: initrdOf(t, "6.1.0-18-amd64")},
		{kernel: "vmlinuz", initrd: "initrd.img", image: kernelOf("6.1.0-18-amd64"), modules: initrdOf(t, "6.1.0-17-amd64"), says: "has modules for 6.1.0-17-amd64, and "},
		{kernel: "vmlinuz-6.1.0-18-amd64", initrd: "initrd.img-6.1.0-17-amd64", image: kernelOf("6.1.0-18-amd64"), modules: packed, says: "is for 6.1.0-17-amd64 by its name"},
		{kernel: "vmlinuz-6.1.0-18-amd64", initrd: "initrd.img-6.1.0-18-amd64", image: kernelOf("6.1.0-18-amd64"), modules: packed},
		{kernel: "vmlinuz", initrd: "initrd.img-6.1.0-17-amd64", image: kernelOf("6.1.0-18-amd64"), modules: packed}, // named by no common rule
		{kernel: "vmlinuz-6.1.0-18-amd64", initrd: "installer.gz", image: kernelOf("6.1.0-18-amd64"), modules: packed},
		{kernel: "vmlinuz-6.1.0-18-amd64", initrd: "initrd.img-6.1.0-17-amd64", image: []byte("no kernel that is known"), modules: packed},
		{kernel: "vmlinuz", initrd: "none", image: kernelOf("6.1.0-18-amd64")},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, c.kernel), c.image, 0o644); err != nil {
			t.Fatal(err)
		}
		if c.modules != nil {
			if err := os.WriteFile(filepath.Join(dir, c.initrd), c.modules, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		ids, found := examined(t, dir, "kernel=$D/"+c.kernel+"\ninitrd=$D/"+c.initrd, newFakeHost(), false)
		switch {
		case c.says == "" && ids == "":
		case c.says == "" || ids != "GR208" || found[0].Pos.Line != 2 || !strings.Contains(found[0].Msg, c.says):
			t.Errorf("%s and %s: %v, want %q", c.kernel, c.initrd, found, c.says)
		}
	}
}
