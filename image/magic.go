package image

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// magics are how image formats begin, as QEMU's probing knows them (the
// *_probe functions of QEMU's block drivers). A fixed-size VHD has its mark at
// the end, where QEMU does not look either: it counts as raw.
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

// ProbeSize is how many bytes tell an image's format.
const ProbeSize = 512

// Raw is the format of what shows no other.
const Raw = "raw"

// Probe names the format that an image's first bytes show; empty for one that
// may well be raw.
func Probe(header []byte) string {
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

// contradict tells whether a file that shows one format cannot be of the other,
// which somebody wrote down. Of formats that may begin like anything (a VMDK of
// text, a VHD of fixed size) nothing is certain, and a raw disk may well begin
// with the LUKS header that its guest put there.
func contradict(told, shown string) bool {
	marked := []string{"qcow2", "qcow", "qed", "vhdx", "vdi"}
	if told == Raw {
		return slices.Contains(marked, shown) || shown == "vmdk" || shown == "vpc"
	}
	return slices.Contains(marked, told) && told != shown
}

// packed names the program that compressed a file whose beginning this is: an
// image that somebody forgot to unpack.
func packed(header []byte) string {
	for _, p := range []struct{ bytes, name string }{
		{"\x1f\x8b\x08", "gzip"}, {"\xfd7zXZ\x00", "xz"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"BZh", "bzip2"}, {"PK\x03\x04", "zip"},
	} {
		if bytes.HasPrefix(header, []byte(p.bytes)) {
			return p.name
		}
	}
	return ""
}
