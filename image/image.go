// Package image looks at disk images without running anything: which format the
// bytes show, what an image stands on, the disk as a guest sees it, and which
// firmware could boot from that. It only reads, and bounds what it reads in bytes
// and depth. It refuses what is neither a file nor a block device, and reads the
// disk within raw and qcow2 images only: encryption, external data files, extended
// L2 entries and clusters packed by zstd are refused by name.
package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Image is an open disk image. As an io.ReaderAt it is the disk that the guest
// sees, so that several may read at once.
type Image struct {
	Path   string // as it was given
	Format string // that the bytes show; Raw if they show none
	Size   uint64 // of the disk, in bytes; 0 where only the format is known
	Block  bool   // a block device

	file       *os.File
	length     uint64 // of the file
	told       string // the format to read it as
	qcow       *qcow2 // nil unless read as such
	qcowErr    error  // its header cannot be read
	backing    *Image
	backingErr error // what the image stands on cannot be read
	unpacked   unpacked
}

// Open opens the image, and all that it stands on, by what the bytes show. What
// it stands on may be missing: then reading fails, where that is needed.
func Open(path string) (*Image, error) { return OpenAs(path, "") }

// OpenAs is Open for one that is read as what it is told to be; empty is what
// the bytes show. QEMU reads as raw what it is told is raw: bytes that the guest
// wrote there name no other files then.
func OpenAs(path, format string) (*Image, error) {
	images, _, err := walk(path, format, func() error { return nil })
	if len(images) == 0 {
		return nil, err
	}
	for i, img := range images[1:] {
		images[i].backing = img
	}
	images[len(images)-1].backingErr = err
	return images[0], nil
}

// Close closes it and all that it stands on.
func (i *Image) Close() error {
	err := i.file.Close()
	if i.backing != nil {
		err = errors.Join(err, i.backing.Close())
	}
	return err
}

// Look tells the format that the file's first bytes show, empty for what may well
// be raw, and whether it is a block device. It opens nothing else, and does not wait.
func Look(path string) (format string, block bool, err error) {
	f, block, err := openFile(path)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	header, err := beginning(f)
	if err != nil {
		return "", false, fmt.Errorf("cannot read image %s: %w", path, bare(err))
	}
	return Probe(header), block, nil
}

// openFile opens a regular file or block device. It looks which it is before that:
// to open another device may be to arm a watchdog or to rewind a tape, and an
// image, which may be a guest's work, names what it stands on.
func openFile(path string) (f *os.File, block bool, err error) {
	found, block, err := find(path)
	if err != nil {
		return nil, false, err
	}
	defer found.Close()
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", found.Fd()), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), block, nil
}

// find leads to a file without opening it.
func find(path string) (found *os.File, block bool, err error) {
	found, err = os.OpenFile(path, unix.O_PATH, 0)
	if err != nil {
		return nil, false, err
	}
	info, err := found.Stat()
	if err == nil {
		block = info.Mode()&os.ModeDevice != 0 && info.Mode()&os.ModeCharDevice == 0
		if !block && !info.Mode().IsRegular() {
			err = &fs.PathError{Op: "open", Path: path, Err: errNoFile}
		}
	}
	if err != nil {
		found.Close()
		return nil, false, err
	}
	return found, block, nil
}

var errNoFile = errors.New("neither a file nor a block device")

// beginning reads what tells the format. Of an empty file nothing is read: such
// are those of /proc, which make up what is in them as it is read.
func beginning(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil || info.Mode().IsRegular() && info.Size() == 0 {
		return nil, err
	}
	header := make([]byte, ProbeSize)
	n, err := f.ReadAt(header, 0)
	if err == io.EOF {
		err = nil
	}
	return header[:n], err
}

// openOne opens an image without what it stands on.
func openOne(path, told string) (*Image, error) {
	f, block, err := openFile(path)
	if err != nil {
		return nil, err
	}
	img := &Image{Path: path, Block: block, file: f}
	if err := img.begin(told); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot read image %s: %w", path, bare(err))
	}
	return img, nil
}

func (i *Image) begin(told string) error {
	header, err := beginning(i.file)
	if err != nil {
		return err
	}
	end, err := i.file.Seek(0, io.SeekEnd) // a block device has no size in its inode
	if err != nil {
		return err
	}
	i.length = uint64(max(end, 0))
	if i.Format = Probe(header); i.Format == "" {
		i.Format = Raw
	}
	if i.told = told; told == "" {
		i.told = i.Format
	}
	switch {
	case i.told == Raw:
		i.Size = i.length
	case i.told == "qcow2" && i.Format == "qcow2":
		if i.qcow, i.qcowErr = readQcow2(i.file); i.qcowErr == nil {
			i.Size = i.qcow.size
		}
	}
	return nil
}

// UnreadableError says why the disk within an image cannot be looked at.
type UnreadableError struct{ Path, Why string }

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("cannot read the disk in %s: %s", e.Path, e.Why)
}

// readable says why the disk cannot be read, nil if it can.
func (i *Image) readable() error {
	switch {
	case i.told == Raw:
		return nil
	case i.qcowErr != nil:
		return &UnreadableError{i.Path, i.qcowErr.Error()}
	case i.qcow != nil && i.qcow.unreadable != "":
		return &UnreadableError{i.Path, i.qcow.unreadable}
	case i.qcow != nil:
		return nil
	case contradict(i.told, i.Format):
		return &UnreadableError{i.Path, fmt.Sprintf("it is to be %s and is %s", i.told, i.Format)}
	}
	return &UnreadableError{i.Path, "disks in images of the format " + i.told + " are not looked at"}
}

// ReadAt reads what the guest sees.
func (i *Image) ReadAt(p []byte, off int64) (int, error) {
	if err := i.readable(); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, fmt.Errorf("cannot read %s: negative offset", i.Path)
	}
	at := uint64(off)
	if at >= i.Size {
		return 0, io.EOF
	}
	want := p[:min(uint64(len(p)), i.Size-at)]
	n, err := 0, error(nil)
	if i.qcow == nil {
		n, err = i.file.ReadAt(want, off)
	} else {
		n, err = i.readClusters(want, at)
	}
	if err == nil && len(want) < len(p) {
		err = io.EOF
	}
	return n, err
}

// bare leaves out the path that an error of package os repeats.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
