package bootfile

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/newc"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// TestARealKernelIsWhatItsNameSays has the kernel that guests in tests boot.
func TestARealKernelIsWhatItsNameSays(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	image, err := tinyguest.Build(ctx, tinyguest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	version, err := Kernel(image.Kernel)
	if err != nil || version == "" || version != strings.TrimPrefix(filepath.Base(image.Kernel), "vmlinuz-") || version != NameVersion(image.Kernel) {
		t.Errorf("%s: %q, %v, by its name %q", image.Kernel, version, err, NameVersion(image.Kernel))
	}
	if program, err := exec.LookPath("file"); err == nil {
		out, err := exec.CommandContext(ctx, program, "-bL", image.Kernel).Output()
		if err != nil || !strings.Contains(string(out), "version "+version+" (") {
			t.Errorf("file says %q, %v, not %s", out, err, version)
		}
	}
}

// bzImage is the beginning of a kernel for x86.
func bzImage(text string) []byte {
	b := make([]byte, 4096)
	b[0x1f1], b[0x1fe], b[0x1ff] = 4, 0x55, 0xaa
	copy(b[0x202:], "HdrS\x0f\x02")
	binary.LittleEndian.PutUint16(b[0x20e:], 0x400)
	copy(b[0x600:], text+"\x00")
	return b
}

// ukiImage is the beginning of a unified kernel image.
func ukiImage(text string) []byte {
	le := binary.LittleEndian
	b := make([]byte, 4096)
	copy(b, "MZ")
	b[0x3c] = 0x40
	copy(b[0x40:], "PE\x00\x00\x64\x86\x02")
	b[0x40+20] = 16
	sections := b[0x40+24+16:]
	copy(sections, ".osrel")
	copy(sections[40:], ".uname")
	le.PutUint32(sections[48:], uint32(len(text)))
	le.PutUint32(sections[56:], 512)
	le.PutUint32(sections[60:], 0x800)
	copy(b[0x800:], text)
	return b
}

func changed(b []byte, at int, to string) []byte {
	copy(b[at:], to)
	return b
}

func TestKernelFormats(t *testing.T) {
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"Debian", bzImage("6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1 SMP"), "6.1.0-18-amd64"},
		{"Gentoo", bzImage("6.6.58-gentoo-dist (root@host) #1 SMP"), "6.6.58-gentoo-dist"},
		{"release candidate", bzImage("6.12.0-rc3+ (a@b) #1"), "6.12.0-rc3+"},
		{"Fedora", bzImage("6.8.5-301.fc40.x86_64 (mockbuild@x) #1"), "6.8.5-301.fc40.x86_64"},
		{"unified", ukiImage("6.6.58-1-lts\n"), "6.6.58-1-lts"},
		{"iPXE", bzImage("1.0.0+git-2019, RO-rootFS"), ""},
		{"text without an end", bzImage("6.1.0 (" + strings.Repeat("x", 300)), ""},
		{"no version", changed(bzImage("6.1.0 (a@b)"), 0x20e, "\x00\x00"), ""},
		{"version beyond the setup code", changed(bzImage("6.1.0 (a@b)"), 0x20e, "\x00\x09"), ""},
		{"an old protocol", changed(bzImage("6.1.0 (a@b)"), 0x206, "\x00\x01"), ""},
		{"no boot signature", changed(bzImage("6.1.0 (a@b)"), 0x1fe, "xx"), ""},
		{"words", bzImage("Linux kernel (a@b)"), ""},
		{"arm64", changed(make([]byte, 4096), 56, "ARM\x64"), ""},
		{"zboot", changed(ukiImage("6.1.0"), 4, "zimg"), ""},
		{"gzip", changed(make([]byte, 4096), 0, "\x1f\x8b\x08"), ""},
		{"ELF", changed(make([]byte, 4096), 0, "\x7fELF"), ""},
		{"cut off", bzImage("6.1.0 (a@b)")[:0x210], ""},
		{"empty", nil, ""},
	} {
		if got, err := Kernel(write(t, "vmlinuz", c.content)); got != c.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// archive has an empty file for each name, but "big", which is not.
func archive(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := newc.NewWriter(&b)
	for _, name := range names {
		content := []byte("content")
		if name == "big" {
			content = make([]byte, 100_000)
		}
		if err := w.File(name, 0o644, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func initrds(t testing.TB) map[string]struct {
	content []byte
	want    []string
} {
	const module = "lib/modules/6.1.0-18-amd64/kernel/fs/ext4.ko"
	early := archive(t, "kernel/x86/microcode/GenuineIntel.bin", "big")
	main := archive(t, "bin/busybox", "big", "etc/fstab", "usr/"+module, "usr/lib/modules/6.1.0-18-amd64/modules.dep", "usr/sbin/init")
	zeros := make([]byte, 508)
	return map[string]struct {
		content []byte
		want    []string
	}{
		"plain":                    {archive(t, module), []string{"6.1.0-18-amd64"}},
		"gzip":                     {gzipped(main), []string{"6.1.0-18-amd64"}},
		"microcode, then gzip":     {join(early, zeros, gzipped(main)), []string{"6.1.0-18-amd64"}},
		"microcode, then plain":    {join(early, zeros, main), []string{"6.1.0-18-amd64"}},
		"gzip, then gzip":          {join(gzipped(early), gzipped(join(early, main))), []string{"6.1.0-18-amd64"}},
		"gzip, then plain":         {join(gzipped(early), zeros[:3], main), []string{"6.1.0-18-amd64"}},
		"modules, then zstd":       {join(early, main, []byte("\x28\xb5\x2f\xfd")), []string{"6.1.0-18-amd64"}},
		"microcode, then zstd":     {join(early, zeros, []byte("\x28\xb5\x2f\xfd")), nil},
		"two versions":             {archive(t, "lib/modules/6.1.0/a", "lib/modules/6.6.1/a"), []string{"6.1.0", "6.6.1"}},
		"no modules":               {gzipped(archive(t, "init", "lib/modules-load.d/6.1.0")), nil},
		"no version":               {archive(t, "lib/modules/extra/6.1.0"), nil},
		"cut off behind the name":  {main[:len(main)-600], []string{"6.1.0-18-amd64"}},
		"cut off before the name":  {main[:3000], nil},
		"gzip that is damaged":     {changed(gzipped(main), 60, "????????"), nil},
		"a length that is no such": {changed(archive(t, module), 54, "????????"), nil},
		"a name without length":    {changed(archive(t, module), 94, "00000000"), nil},
		"zeros":                    {zeros, nil},
		"empty":                    {nil, nil},
	}
}

func TestInitrds(t *testing.T) {
	for name, c := range initrds(t) {
		got, err := initrd(bytes.NewReader(c.content), time.Now().Add(time.Minute))
		if !slices.Equal(got, c.want) || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestInitrdTakesItsTimeOnly(t *testing.T) {
	big := changed(archive(t, "big"), 54, "7fffff00") // the size of the file
	path := write(t, "initrd", gzipped(join(big, make([]byte, 8<<20))))
	begin := time.Now()
	if got, err := Initrd(path); got != nil || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestOnlyFiles(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	watch, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	if _, err := unix.InotifyAddWatch(watch, fifo, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	defer func() {
		var event [256]byte
		if n, err := unix.Read(watch, event[:]); err != unix.EAGAIN {
			t.Errorf("the FIFO was opened: %d, %v", n, err)
		}
	}()
	for path, want := range map[string]string{fifo: "not a file", t.TempDir(): "not a file", "/dev/zero": "not a file", fifo + "x": "no such file or directory"} {
		if _, err := Kernel(path); err == nil || err.Error() != "cannot read the kernel "+path+": "+want {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := Initrd(path); err == nil || err.Error() != "cannot read the initrd "+path+": "+want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestNames(t *testing.T) {
	for path, want := range map[string]string{
		"/boot/vmlinuz-6.1.0-18-amd64": "6.1.0-18-amd64", "initrd.img-6.1.0-18-amd64": "6.1.0-18-amd64",
		"initramfs-6.6.58-gentoo.img": "6.6.58-gentoo", "vmlinuz-6.6.58-gentoo-dist": "6.6.58-gentoo-dist",
		"kernel-genkernel-x86_64-6.6.58-gentoo": "6.6.58-gentoo", "initramfs-genkernel-x86_64-6.6.58-gentoo": "6.6.58-gentoo",
		"vmlinuz-6.8.5-301.fc40.x86_64": "6.8.5-301.fc40.x86_64", "initramfs-6.8.5-301.fc40.x86_64.img": "6.8.5-301.fc40.x86_64",
		"initramfs-5.14.0-70.el9.x86_64kdump.img": "5.14.0-70.el9.x86_64", "vmlinuz-0-rescue-6c1f2d9a": "",
		"vmlinuz-lts": "", "initramfs-virt": "", "vmlinuz-linux": "", "initramfs-linux-fallback.img": "", "vmlinuz": "",
		"/boot/abc/6.1.0-18-amd64/linux": "6.1.0-18-amd64", "/lib/modules/6.9.1/vmlinuz": "6.9.1", "/boot/linux": "",
		"bzImage-6.12.0-rc3+": "6.12.0-rc3+", "vmlinuz-6.1.0-18-amd64.old": "6.1.0-18-amd64", "initrd-5.3.18-57-default": "5.3.18-57-default",
		"Image-6.1.21-v8.gz": "6.1.21-v8", "": "", "-": "", "my-6.kernel": "",
	} {
		if got := NameVersion(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vmlinuz-6.1.0-18-amd64"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"vmlinuz": "vmlinuz-6.1.0-18-amd64", "vmlinuz-5.10.1": "vmlinuz", "vmlinuz-4.19.0": "gone"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for link, want := range map[string]string{"vmlinuz": "6.1.0-18-amd64", "vmlinuz-5.10.1": "6.1.0-18-amd64", "vmlinuz-4.19.0": "4.19.0"} {
		if got := NameVersion(filepath.Join(dir, link)); got != want {
			t.Errorf("the link %s: %q, want %q", link, got, want)
		}
	}
}

func FuzzKernel(f *testing.F) {
	f.Add(bzImage("6.1.0 (a@b)")[:0x640])
	f.Add(ukiImage("6.1.0")[:0x820])
	f.Fuzz(func(t *testing.T, b []byte) {
		if version, err := kernel(bytes.NewReader(b)); err != nil || version != "" && !isVersion(version) {
			t.Errorf("%q, %v", version, err)
		}
	})
}

func FuzzInitrd(f *testing.F) {
	f.Add(archive(f, "lib/modules/6.1.0/a"))
	f.Add(join(archive(f, "a"), make([]byte, 8), gzipped(archive(f, "usr/lib/modules/6.1.0/a", "usr/lib/x"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		versions, err := initrd(bytes.NewReader(b), time.Now().Add(time.Second))
		if err != nil || slices.ContainsFunc(versions, func(v string) bool { return !isVersion(v) }) {
			t.Errorf("%q, %v", versions, err)
		}
	})
}

func FuzzNameVersion(f *testing.F) {
	f.Add("vmlinuz-6.1.0-18-amd64.img")
	f.Fuzz(func(t *testing.T, name string) {
		if v := nameVersion(name); v != "" && (!isVersion(v) || !strings.Contains(name, v)) {
			t.Errorf("%q", v)
		}
	})
}
