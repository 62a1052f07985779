// Package bootfile tells which version a Linux kernel is, and which one an initrd
// is for: out of the kernel's header, of the modules in the initrd, and of the names
// that distributions give both. It says nothing where that is not certain, reads
// within bounds, and refuses what is no regular file. It does not unpack xz, zstd
// and lz4.
package bootfile

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Kernel reads the version from a kernel image. It is empty, without an error,
// where the format holds none, or the file is no kernel that is known here: the
// images of arm64, also packed by gzip or as EFI zboot, and ELF files have none
// outside the packed kernel itself.
func Kernel(path string) (version string, err error) {
	f, err := open(path)
	if err != nil {
		return "", fmt.Errorf("cannot read the kernel %s: %w", path, bare(err))
	}
	defer f.Close()
	version, err = kernel(f)
	if err != nil {
		return "", fmt.Errorf("cannot read the kernel %s: %w", path, bare(err))
	}
	return version, nil
}

func kernel(r io.ReaderAt) (string, error) {
	head, err := readSome(r, 0, 4<<10)
	if err != nil || len(head) < 0x264 {
		return "", err
	}
	if string(head[0x202:0x206]) == "HdrS" && binary.LittleEndian.Uint16(head[0x1fe:]) == 0xaa55 {
		return x86(r, head)
	}
	if string(head[:2]) == "MZ" && string(head[4:8]) != "zimg" {
		return unified(r, head)
	}
	return "", nil
}

// x86 follows the setup header (Documentation/arch/x86/boot.rst): kernel_version
// points to a text like "6.1.0-18-amd64 (who made it) #1 SMP …", relative to the
// second sector, and within the setup code. Programs that only use the protocol,
// such as iPXE, have none in parentheses.
func x86(r io.ReaderAt, head []byte) (string, error) {
	le16 := binary.LittleEndian.Uint16
	at, sectors := int64(le16(head[0x20e:])), int64(head[0x1f1])
	if sectors == 0 { // "for backwards compatibility"
		sectors = 4
	}
	if le16(head[0x206:]) < 0x200 || at == 0 || at >= sectors*512 {
		return "", nil
	}
	b, err := readSome(r, at+512, 256)
	text, _, ended := strings.Cut(string(b), "\x00")
	if err != nil || !ended {
		return "", err
	}
	version, rest, _ := strings.Cut(text, " ")
	if !strings.HasPrefix(rest, "(") {
		return "", nil
	}
	return certain(version), nil
}

// unified reads the section .uname of a unified kernel image (UAPI group,
// "Unified Kernel Image"), which is a PE file.
func unified(r io.ReaderAt, head []byte) (string, error) {
	le16, le32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	pe := uint64(le32(head[0x3c:]))
	if pe+24 > uint64(len(head)) || string(head[pe:pe+4]) != "PE\x00\x00" {
		return "", nil
	}
	const each = 40 // bytes of a section's header
	sections := head[pe+24:]
	sections = sections[min(int(le16(head[pe+20:])), len(sections)):]
	for range le16(head[pe+6:]) {
		if len(sections) < each {
			return "", nil
		}
		s := sections[:each]
		sections = sections[each:]
		if string(s[:8]) != ".uname\x00\x00" {
			continue
		}
		b, err := readSome(r, int64(le32(s[20:])), int(min(le32(s[8:]), le32(s[16:]), 256)))
		return certain(strings.TrimRight(string(b), "\x00\n ")), err
	}
	return "", nil
}

// certain is the version if it can be one.
func certain(version string) string {
	if isVersion(version) {
		return version
	}
	return ""
}

// longest is what uname(2) has room for.
const longest = 64

// isVersion tells whether a kernel may have that version: two numbers with a dot,
// and what makers add.
func isVersion(s string) bool {
	digits := func(s string) string { return strings.TrimLeft(s, "0123456789") }
	rest, dot := strings.CutPrefix(digits(s), ".")
	tail := digits(rest)
	if !dot || s[0] == '.' || tail == rest || len(s) > longest {
		return false
	}
	for _, c := range []byte(tail) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-.+_~", c) >= 0) {
			return false
		}
	}
	return tail == "" || strings.IndexByte("-.+_~", tail[0]) >= 0 || strings.HasPrefix(tail, "rc")
}

// open opens a regular file, and waits for nothing. It looks whether it is one
// before that, as to open a device may be to act on it.
func open(path string) (*os.File, error) {
	found, err := os.OpenFile(path, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	if info, err := found.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, cmp.Or(err, errors.New("not a file"))
	}
	return os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", found.Fd()), os.O_RDONLY|unix.O_NONBLOCK, 0)
}

// readSome reads up to n bytes; there may be fewer.
func readSome(r io.ReaderAt, at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	n, err := r.ReadAt(b, at)
	if err == io.EOF {
		err = nil
	}
	return b[:n], err
}

// bare leaves out the path that an error of package os repeats.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
