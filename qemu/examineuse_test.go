package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// TestADiskThatAnotherQEMUHas: the locks are those that a QEMU takes which writes,
// and one that only reads.
func TestADiskThatAnotherQEMUHas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, make([]byte, 4096), 0o644); err != nil {
		t.Fatal(err)
	}
	found := func(lines string) bool {
		t.Helper()
		name := guest.Name{Kind: "qemu", Instance: "db"}
		cfg, err := confd.Parse(name.String(), []byte("kernel=/k\ndisk0_file="+path+" disk0_format=raw\n"+lines), preset(name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := newMachine(guest.Layout{Root: "/"}, name, cfg, newFakeHost())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range m.examine(t.Context(), newFakeHost(), false) {
			if e.ID == "GR202" && strings.Contains(e.Msg, "another QEMU has it open") {
				return true
			}
		}
		return false
	}
	const readOnly, shared = "disk0_readonly=on\n", "disk0_device=virtio-blk-pci,share-rw=on\n"
	for _, c := range []struct {
		what                  string
		locks                 []int64
		writes, reads, shared bool
	}{
		{"nobody", nil, false, false, false},
		{"a writer", []int64{100, 101, 201}, true, true, false},
		{"a reader", []int64{100, 201}, true, false, false},
		{"one that lets others write", []int64{100}, false, false, false},
	} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, start := range c.locks {
			if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK, Start: start, Len: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if found("") != c.writes || found(readOnly) != c.reads || found(shared) != c.shared {
			t.Errorf("%s: %v %v %v, want %v %v %v", c.what, found(""), found(readOnly), found(shared), c.writes, c.reads, c.shared)
		}
		f.Close()
	}
}

func TestWhereADeviceIsMounted(t *testing.T) {
	const table = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n30 21 7:0 / /mnt/a\\040b rw - ext4 /dev/loop0 rw\n31 21 7:1 / /snap ro,nodev - squashfs /dev/loop1 ro\n7:2\n"
	for device, want := range map[string]string{"8:1": "/", "7:0": "/mnt/a b", "7:1": "", "7:2": "", "8": ""} {
		if got := mountOf(table, device); got != want {
			t.Errorf("%s: %q, want %q", device, got, want)
		}
	}
	if got := blockDevices("/dev/null"); got != nil {
		t.Errorf("of no disk: %q", got)
	}
}
