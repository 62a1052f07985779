package image

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDiskIsQEMUs reads disks in images that QEMU's tools wrote, and holds them
// against what these read.
func TestDiskIsQEMUs(t *testing.T) {
	dir := t.TempDir()
	source := make([]byte, 1<<20+1536)
	for n := range source {
		if n>>16%3 != 1 {
			source[n] = byte(n>>9 ^ n>>16)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "source"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	img := func(words string) { tool(t, dir, append([]string{"qemu-img"}, strings.Fields(words)...)...) }
	change := func(name string, commands ...string) {
		argv := []string{"qemu-io", "-f", "qcow2"}
		for _, c := range commands {
			argv = append(argv, "-c", c)
		}
		tool(t, dir, append(argv, name)...)
	}
	img("convert -O qcow2 source plain")
	img("convert -O qcow2 -o compat=0.10 source old")
	img("convert -c -O qcow2 source packed")
	img("convert -c -O qcow2 -o compat=0.10,cluster_size=512 source packedold")
	img("convert -c -O qcow2 -o cluster_size=2M source packedbig")
	img("convert -O qcow2 -o preallocation=full source full")
	img("convert -O qcow2 -o preallocation=metadata source metadata")
	img("create -q -f qcow2 -b packed -F qcow2 over 5M")
	change("over", "write -P 85 700k 200k", "write -z 1M 128k", "write -P 9 4000k 1k", "discard 2M 64k")
	img("create -q -f qcow2 -b over -F qcow2 -o cluster_size=4k top 4M")
	change("top", "write -P 7 1100k 3k")
	img("create -q -f qcow2 -b source -F raw onraw")
	change("onraw", "write -P 3 1M 1k")
	for _, name := range []string{"source", "plain", "old", "packed", "packedold", "packedbig", "full", "metadata", "over", "top", "onraw"} {
		if name != "source" {
			tool(t, dir, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", name, name+".raw")
		} else if err := os.Link(filepath.Join(dir, name), filepath.Join(dir, name+".raw")); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, name+".raw"))
		if err != nil {
			t.Fatal(err)
		}
		img, err := Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want)+1)
		n, err := img.ReadAt(got, 0)
		if err != io.EOF || !bytes.Equal(got[:n], want) || img.Size != uint64(len(want)) {
			t.Errorf("%s: %d bytes, %v, want %d", name, n, err, len(want))
		}
		img.Close()
	}
}

func TestTinyQcow2(t *testing.T) {
	img, err := Open(write(t, "disk", tinyQcow2(3, "")))
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	b := make([]byte, 1024)
	if _, err := img.ReadAt(b, 0); err != nil || string(b[:4]) != "data" || !zeros(b[4:]) {
		t.Errorf("%q, %v", b[:8], err)
	}
}

// TestUnreadableDisksSayWhy has what cannot be looked at, and what is damaged.
func TestUnreadableDisksSayWhy(t *testing.T) {
	for _, c := range []struct {
		name, says string
		change     func([]byte) []byte
	}{
		{"encrypted", "encrypted", func(b []byte) []byte { b[35] = 2; return b }},
		{"external data", "its data is in another file", func(b []byte) []byte { b[79] = 4; return b }},
		{"extended L2", "extended L2 entries", func(b []byte) []byte { b[79] = 16; return b }},
		{"unknown feature", "not known here (0x20)", func(b []byte) []byte { b[79] = 32; return b }},
		{"corrupt", "marked as corrupt", func(b []byte) []byte { b[79] = 2; return b }},
		{"zstd", "compressed by zstd", func(b []byte) []byte { b[79], b[104] = 8, 1; return b }},
		{"another version", "unknown version, 4", func(b []byte) []byte { b[7] = 4; return b }},
		{"clusters of no size", "size of clusters", func(b []byte) []byte { b[23] = 40; return b }},
		{"L1 too small", "L1 table does not fit", func(b []byte) []byte { b[39] = 0; return b }},
		{"L1 askew", "L1 table is at no possible place", func(b []byte) []byte { b[47]++; return b }},
		{"cut off", "the file ends within its tables", func(b []byte) []byte { return b[:1030] }},
		{"data cut off", "the file is cut off", func(b []byte) []byte { return b[:1536] }},
		{"not deflate", "cannot be unpacked", func(b []byte) []byte { b[2048] = 0xff; return b }},
		{"vmdk", "format vmdk", func([]byte) []byte { return []byte("KDMV") }},
	} {
		path := write(t, "disk", c.change(tinyQcow2(3, "")))
		img, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = img.ReadAt(make([]byte, 4096), 0)
		var unreadable *UnreadableError
		if !errors.As(err, &unreadable) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		img.Close()
		if b, err := Boots(t.Context(), path); err != nil || b.BIOS != Unknown || b.UEFI != Unknown || b.Why == "" {
			t.Errorf("%s: %+v, %v", c.name, b, err)
		}
	}
	missing := write(t, "disk", tinyQcow2(3, "nowhere"))
	if b, err := Boots(t.Context(), missing); err != nil || b.UEFI != Unknown || !strings.Contains(b.Why, "nowhere") {
		t.Errorf("on a missing file: %+v, %v", b, err)
	}
}

// BenchmarkBoots looks at a cloud image of the usual structure.
func BenchmarkBoots(b *testing.B) {
	content := cloud(grub(), map[string][]byte{"EFI/BOOT/BOOTX64.EFI": pe(x64), "EFI/debian/shimx64.efi": pe(x64)})
	path := write(b, "disk", content)
	for b.Loop() {
		if boot, err := Boots(b.Context(), path); err != nil || boot.UEFI != Yes {
			b.Fatalf("%+v, %v", boot, err)
		}
	}
}
