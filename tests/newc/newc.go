// Package newc writes cpio archives in the "newc" format, which the kernel
// unpacks as an initramfs (Documentation/driver-api/early-userspace/
// buffer-format.rst). It writes files, directories, symbolic links and device
// nodes, all owned by root, and the same input always gives the same bytes. It
// refuses names that leave the root, and does not read archives.
package newc

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Writer adds entries to one archive. Directories that a name needs are added
// by themselves (0755), because the kernel does not make them.
type Writer struct {
	w    io.Writer
	ino  uint32
	seen map[string]bool
	err  error // the first error; everything after it does nothing
}

// NewWriter returns a Writer on w. Close must be called to end the archive.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, seen: map[string]bool{".": true}}
}

// File adds a regular file. Only the permission bits of mode count.
func (w *Writer) File(name string, mode fs.FileMode, content []byte) error {
	return w.add(name, unix.S_IFREG|uint32(mode.Perm()), 0, content)
}

// Dir adds a directory; one that is there already is left alone.
func (w *Writer) Dir(name string, mode fs.FileMode) error {
	if w.seen[clean(name)] {
		return w.err
	}
	return w.add(name, unix.S_IFDIR|uint32(mode.Perm()), 0, nil)
}

// Symlink adds a link at name that points to target.
func (w *Writer) Symlink(name, target string) error {
	return w.add(name, unix.S_IFLNK|0o777, 0, []byte(target))
}

// CharDevice adds a character device node.
func (w *Writer) CharDevice(name string, mode fs.FileMode, major, minor uint32) error {
	return w.add(name, unix.S_IFCHR|uint32(mode.Perm()), unix.Mkdev(major, minor), nil)
}

// BlockDevice adds a block device node.
func (w *Writer) BlockDevice(name string, mode fs.FileMode, major, minor uint32) error {
	return w.add(name, unix.S_IFBLK|uint32(mode.Perm()), unix.Mkdev(major, minor), nil)
}

// Close writes the trailer; it does not close the underlying writer.
func (w *Writer) Close() error {
	w.ino = 0
	w.write("TRAILER!!!", 0, 0, nil)
	return w.err
}

func (w *Writer) add(name string, mode uint32, dev uint64, content []byte) error {
	name = clean(name)
	switch {
	case w.err != nil:
		return w.err
	case name == "." || name == ".." || strings.HasPrefix(name, "../"):
		w.err = fmt.Errorf("cannot add %q to the archive: not a name below the root", name)
	case w.seen[name]:
		w.err = fmt.Errorf("cannot add %q to the archive: it is there already", name)
	case uint64(len(content)) > 0xffffffff:
		w.err = fmt.Errorf("cannot add %q to the archive: longer than 4 GiB", name)
	}
	if w.err != nil {
		return w.err
	}
	if err := w.Dir(path.Dir(name), 0o755); err != nil {
		return err
	}
	w.seen[name] = true
	w.ino++
	w.write(name, mode, dev, content)
	return w.err
}

// write emits one header, its name and its content, each padded to 4 bytes.
func (w *Writer) write(name string, mode uint32, dev uint64, content []byte) {
	if w.err != nil {
		return
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", w.ino, mode,
		0, 0, 1, 0, // uid, gid, links, mtime
		len(content), 0, 0, unix.Major(dev), unix.Minor(dev), len(name)+1, 0)
	b.WriteString(name)
	b.WriteByte(0)
	pad(&b)
	b.Write(content)
	pad(&b)
	_, w.err = b.WriteTo(w.w)
}

func pad(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}

// clean makes every name relative, as the kernel and cpio -i want it.
func clean(name string) string { return path.Clean(strings.TrimLeft(name, "/")) }
