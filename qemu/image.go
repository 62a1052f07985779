package qemu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// magics are how image formats begin, as QEMU's probing knows them (the
// *_probe functions of QEMU's block drivers).
var magics = []struct {
	offset int
	bytes  string
	format string
}{
	{0, "QFI\xfb", "qcow2"},
	{0, "QED\x00", "qed"},
	{0, "KDMV", "vmdk"},
	{0, "COWD", "vmdk"},
	{0, "vhdxfile", "vhdx"},
	{0, "conectix", "vpc"},
	{0, "LUKS\xba\xbe", "luks"},
	{0, "WithoutFreeSpace", "parallels"},
	{0, "WithouFreSpacExt", "parallels"},
	{0, "Bochs Virtual HD Image", "bochs"},
	{0, "#!/bin/sh\n#V2.0 Format", "cloop"},
	{64, "\x7f\x10\xda\xbe", "vdi"},
}

// imageHeader is how many bytes tell an image's format.
const imageHeader = 512

// readImage reads the beginning of a regular file or block device. It opens
// nothing else, and does not wait.
func readImage(path string) (Image, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return Image{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Image{}, err
	}
	block := info.Mode()&os.ModeDevice != 0 && info.Mode()&os.ModeCharDevice == 0
	if !block && !info.Mode().IsRegular() {
		return Image{}, fmt.Errorf("cannot read image %s: not a file or block device", path)
	}
	header := make([]byte, imageHeader)
	n, err := io.ReadFull(f, header)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return Image{}, fmt.Errorf("cannot read image %s: %w", path, err)
	}
	return Image{Block: block, Format: imageFormat(header[:n])}, nil
}

// imageFormat names the format that a disk's first bytes show; empty for one
// that may well be raw.
func imageFormat(header []byte) string {
	for _, m := range magics {
		if len(header) < m.offset || !bytes.HasPrefix(header[m.offset:], []byte(m.bytes)) {
			continue
		}
		if m.format == "qcow2" && len(header) >= 8 && binary.BigEndian.Uint32(header[4:]) == 1 {
			return "qcow"
		}
		return m.format
	}
	return ""
}
