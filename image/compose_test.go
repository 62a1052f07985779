package image

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"
)

var le = binary.LittleEndian

// gptPart is a partition to be written, in sectors.
type gptPart struct {
	number      int
	kind        string
	first, size uint64
	attrs       uint64
	content     []byte
}

// withGPT lays partitions over a disk: protective MBR and both copies.
func withGPT(disk []byte, sector uint64, parts ...gptPart) []byte {
	last := uint64(len(disk))/sector - 1
	mbrPart(disk, 0, mbrProtective, false, 1, uint32(min(last, 0xffffffff)))
	entries := make([]byte, 128*128)
	for _, p := range parts {
		e := entries[128*(p.number-1):]
		copy(e, guidBytes(p.kind))
		e[16] = byte(p.number)
		le.PutUint64(e[32:], p.first)
		le.PutUint64(e[40:], p.first+p.size-1)
		le.PutUint64(e[48:], p.attrs)
		copy(disk[p.first*sector:], p.content)
	}
	room := uint64(len(entries)) / sector
	for _, c := range []struct{ at, other, entries uint64 }{{1, last, 2}, {last, 1, last - room}} {
		copy(disk[c.entries*sector:], entries)
		h := disk[c.at*sector:]
		copy(h, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
		le.PutUint64(h[24:], c.at)
		le.PutUint64(h[32:], c.other)
		le.PutUint64(h[72:], c.entries)
		le.PutUint32(h[80:], 128)
		le.PutUint32(h[84:], 128)
		sumGPT(disk, c.at*sector, sector)
	}
	return disk
}

// sumGPT puts the sums of a copy right.
func sumGPT(disk []byte, at, sector uint64) {
	h := disk[at:]
	size := uint64(le.Uint32(h[80:])) * uint64(le.Uint32(h[84:]))
	if first := le.Uint64(h[72:]); first < uint64(len(disk))/sector && size <= uint64(len(disk))-first*sector {
		le.PutUint32(h[88:], crc32.ChecksumIEEE(disk[first*sector:][:size]))
	}
	clear(h[16:20])
	if length := le.Uint32(h[12:]); uint64(length) <= sector {
		le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:length]))
	}
}

func guidBytes(guid string) []byte {
	var a uint32
	var b, c uint16
	var d, e []byte
	if n, err := fmt.Sscanf(strings.ReplaceAll(guid, "-", " "), "%x %x %x %x %x", &a, &b, &c, &d, &e); n != 5 || err != nil {
		panic(guid)
	}
	out := le.AppendUint32(nil, a)
	out = le.AppendUint16(le.AppendUint16(out, b), c)
	return append(append(out, d...), e...)
}

// mbrPart writes an entry and the signature.
func mbrPart(sector []byte, n int, kind byte, active bool, first, size uint32) {
	e := sector[mbrEntry+16*n:]
	if e[4] = kind; active {
		e[0] = 0x80
	}
	le.PutUint32(e[8:], first)
	le.PutUint32(e[12:], size)
	sign(sector)
}

func sign(sector []byte) []byte {
	sector[510], sector[511] = 0x55, 0xaa
	return sector
}

// program puts a boot program into a sector, with words in it.
func program(sector []byte, words string) []byte {
	copy(sector, "\xfa\x33\xc0\x8e\xd0"+words)
	return sector
}

// pe is the beginning of an EFI program.
func pe(machine uint16) []byte {
	b := make([]byte, 512)
	copy(b, "MZ")
	b[0x3c] = 0x80
	copy(b[0x80:], "PE\x00\x00")
	le.PutUint16(b[0x84:], machine)
	return b
}

const (
	x64  = 0x8664
	ia32 = 0x14c
	aa64 = 0xaa64
)

// fatDisk makes a FAT file system with clusters of one sector. Every name has a
// long one as well.
func fatDisk(bits, clusters int, files map[string][]byte) []byte {
	perFAT := (clusters+2)*bits/8/512 + 1
	rootSectors := 1
	if bits == 32 {
		rootSectors = 0
	}
	w := &fatWriter{bits: bits, table: 512, data: 512 * (1 + perFAT + rootSectors), next: 2}
	w.disk = make([]byte, w.data+clusters*512)
	b := sign(w.disk)
	copy(b, "\xeb\x3c\x90GUESTRC ")
	le.PutUint16(b[11:], 512)
	b[13], b[14], b[16], b[21] = 1, 1, 1, 0xf8
	le.PutUint16(b[17:], uint16(rootSectors*16))
	le.PutUint32(b[32:], uint32(len(w.disk)/512))
	if bits == 32 {
		le.PutUint32(b[36:], uint32(perFAT))
		le.PutUint32(b[44:], w.dir("", files))
		return w.disk
	}
	le.PutUint16(b[22:], uint16(perFAT))
	copy(w.disk[512*(1+perFAT):w.data], w.entries("", files))
	return w.disk
}

type fatWriter struct {
	disk              []byte
	bits, table, data int
	next              uint32
}

// chain writes content into clusters, leaving every other one free, so that a
// reader has to follow the table.
func (w *fatWriter) chain(content []byte) (first uint32) {
	first = w.next
	for n := 0; ; n += 512 {
		at := w.next
		copy(w.disk[w.data+int(at-2)*512:][:512], content[min(n, len(content)):])
		if w.next += 2; n+512 >= len(content) {
			w.follow(at, 0x0fffffff)
			return first
		}
		w.follow(at, w.next)
	}
}

func (w *fatWriter) follow(n, next uint32) {
	at := w.disk[w.table+int(n)*w.bits/8:]
	switch w.bits {
	case 12:
		v := uint16(next & 0xfff)
		if n%2 == 1 {
			v <<= 4
		}
		le.PutUint16(at, le.Uint16(at)|v)
	case 16:
		le.PutUint16(at, uint16(next))
	default:
		le.PutUint32(at, next)
	}
}

func (w *fatWriter) dir(path string, files map[string][]byte) uint32 {
	return w.chain(w.entries(path, files))
}

func (w *fatWriter) entries(path string, files map[string][]byte) (out []byte) {
	children := map[string]bool{} // is it a directory?
	for name := range files {
		if inner, ok := strings.CutPrefix(name, path); ok {
			child, _, dir := strings.Cut(inner, "/")
			children[child] = dir
		}
	}
	for n, name := range slices.Sorted(maps.Keys(children)) {
		e := make([]byte, 32)
		copy(e, fmt.Sprintf("F%06d X  ", n))
		var first uint32
		if children[name] {
			e[11] = attrDir
			first = w.dir(path+name+"/", files)
		} else {
			content := files[path+name]
			first = w.chain(content)
			le.PutUint32(e[28:], uint32(len(content)))
		}
		le.PutUint16(e[26:], uint16(first))
		le.PutUint16(e[20:], uint16(first>>16))
		out = append(append(out, longEntries(name)...), e...)
	}
	return out
}

// longEntries writes a long name: the last part comes first.
func longEntries(name string) (out []byte) {
	units := append(utf16.Encode([]rune(name)), 0)
	for len(units)%13 != 0 {
		units = append(units, 0xffff)
	}
	for n := len(units)/13 - 1; n >= 0; n-- {
		e := make([]byte, 32)
		if e[0], e[11] = byte(n+1), attrLong; n == len(units)/13-1 {
			e[0] |= 0x40
		}
		for k, u := range units[13*n:][:13] {
			at := cmp.Or(map[bool]int{k < 5: 1 + 2*k, k >= 5 && k < 11: 14 + 2*(k-5)}[true], 28+2*(k-11))
			le.PutUint16(e[at:], u)
		}
		out = append(out, e...)
	}
	return out
}

// discEntry is one of an El Torito catalogue.
type discEntry struct {
	platform byte
	at       uint32 // sector of 2048 bytes
}

// isoDisk makes a disc of sectors with a boot catalogue at sector 19.
func isoDisk(sectors int, entries ...discEntry) []byte {
	d := make([]byte, sectors*isoSector)
	copy(d[16*isoSector:], "\x01CD001\x01")
	copy(d[17*isoSector:], "\x00CD001\x01EL TORITO SPECIFICATION")
	d[17*isoSector+0x47] = 19
	copy(d[18*isoSector:], "\xffCD001\x01")
	c := d[19*isoSector:]
	c[0], c[1], c[30], c[31] = 1, entries[0].platform, 0x55, 0xaa
	le.PutUint16(c[28:], -(1 + uint16(entries[0].platform)<<8 + 0xaa55))
	for n, e := range entries {
		slot := c[32:]
		if n > 0 {
			slot = c[64*n:]
			slot[0], slot[1], slot[2] = 0x90, e.platform, 1
			slot = slot[32:]
		}
		slot[0] = 0x88
		le.PutUint32(slot[8:], e.at)
	}
	return d
}
