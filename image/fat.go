package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
)

// fat is a FAT file system (Microsoft, fatgen103: "FAT: General Overview of
// On-Disk Format").
type fat struct {
	v           volume
	bits        int    // 12, 16 or 32
	table       uint64 // where the first FAT is, in bytes
	cluster     uint64 // bytes
	root        uint64 // of FAT12 and 16: where the root directory is
	rootSize    uint64
	rootCluster uint32 // of FAT32
	data        uint64 // where cluster 2 is
	clusters    uint32 // how many there are
}

// openFAT reads the boot sector; ok is false for what is no FAT.
func openFAT(v volume) (f *fat, ok bool, err error) {
	b, err := v.read(0, 512)
	if errors.Is(err, errBeyond) && v.disk.size >= v.start && v.size < 512 {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	le16, le32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	sector, perCluster, reserved := uint64(le16(b[11:])), uint64(b[13]), uint64(le16(b[14:]))
	fats, rootEntries := uint64(b[16]), uint64(le16(b[17:]))
	total, perFAT := uint64(le16(b[19:])), uint64(le16(b[22:]))
	if total == 0 {
		total = uint64(le32(b[32:]))
	}
	if perFAT == 0 {
		perFAT = uint64(le32(b[36:]))
	}
	power := func(n uint64) bool { return n != 0 && n&(n-1) == 0 }
	jump := b[0] == 0xeb && b[2] == 0x90 || b[0] == 0xe9
	if !jump || !signed(b) || !power(sector) || sector < 512 || sector > 4096 || !power(perCluster) ||
		reserved == 0 || fats == 0 || fats > 4 || perFAT == 0 || b[21] < 0xf0 {
		return nil, false, nil
	}
	f = &fat{v: v, table: reserved * sector, cluster: perCluster * sector, rootSize: rootEntries * 32}
	f.root = f.table + fats*perFAT*sector
	f.data = f.root + (f.rootSize+sector-1)/sector*sector
	if f.data >= total*sector {
		return nil, false, nil
	}
	f.clusters = uint32((total*sector - f.data) / f.cluster)
	switch { // "FAT Type Determination": the number of clusters alone decides
	case f.clusters < 4085:
		f.bits = 12
	case f.clusters < 65525:
		f.bits = 16
	default:
		f.bits, f.rootCluster = 32, le32(b[44:])
	}
	if f.bits < 32 && rootEntries == 0 { // mkfs.fat -F 32 makes small ones
		f.bits, f.rootCluster = 32, le32(b[44:])
	}
	return f, true, nil
}

// next is the cluster after n; 0 at the end of the chain.
func (f *fat) next(n uint32) (uint32, error) {
	width := map[int]int{12: 2, 16: 2, 32: 4}[f.bits]
	b, err := f.v.read(f.table+uint64(n)*uint64(f.bits)/8, width)
	if err != nil {
		return 0, err
	}
	var follow, end uint32
	switch f.bits {
	case 12:
		follow, end = uint32(binary.LittleEndian.Uint16(b)), 0xff8
		if n%2 == 1 {
			follow >>= 4
		}
		follow &= 0xfff
	case 16:
		follow, end = uint32(binary.LittleEndian.Uint16(b)), 0xfff8
	default:
		follow, end = binary.LittleEndian.Uint32(b)&0x0fffffff, 0x0ffffff8
	}
	if follow >= end {
		return 0, nil
	}
	if follow < 2 || follow-2 >= f.clusters {
		return 0, errFAT
	}
	return follow, nil
}

var errFAT = errors.New("damaged FAT file system")

// maxDirectory bounds one directory, in bytes; the format allows 2 MiB.
const maxDirectory = 256 << 10

// bytes reads at most limit bytes of a chain of clusters, 0 being the root of
// FAT12 and 16.
func (f *fat) bytes(first uint32, limit int) ([]byte, error) {
	if first == 0 && f.bits < 32 {
		return f.v.read(f.root, int(min(f.rootSize, uint64(limit))))
	}
	if first == 0 {
		first = f.rootCluster
	}
	var all []byte
	for n := first; n != 0 && len(all) < limit; {
		if n < 2 || n-2 >= f.clusters {
			return nil, errFAT
		}
		b, err := f.v.read(f.data+uint64(n-2)*f.cluster, int(min(f.cluster, uint64(limit-len(all)))))
		if err != nil {
			return nil, err
		}
		if all = append(all, b...); len(all) >= limit {
			break
		}
		if n, err = f.next(n); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// entry is a file or directory.
type entry struct {
	name    string
	dir     bool
	cluster uint32
	size    uint32
}

const (
	attrVolume = 0x08
	attrDir    = 0x10
	attrLong   = 0x0f // a part of a long name
)

// list reads a directory, 0 being the root.
func (f *fat) list(first uint32) ([]entry, error) {
	b, err := f.bytes(first, maxDirectory)
	if err != nil {
		return nil, err
	}
	if len(b) == maxDirectory {
		return nil, errBudget
	}
	var entries []entry
	long := "" // what was read of the name so far: its parts come last first
	for ; len(b) >= 32; b = b[32:] {
		e := b[:32]
		switch {
		case e[0] == 0: // there are no more
			return entries, nil
		case e[0] == 0xe5: // deleted
			long = ""
			continue
		case e[11]&0x3f == attrLong:
			if e[0]&0x40 != 0 {
				long = ""
			}
			long = longPart(e) + long
			continue
		case e[11]&attrVolume == 0 && e[0] != '.':
			name := long
			if name == "" {
				name = shortName(e)
			}
			cluster := uint32(binary.LittleEndian.Uint16(e[26:]))
			if f.bits == 32 {
				cluster |= uint32(binary.LittleEndian.Uint16(e[20:])) << 16
			}
			entries = append(entries, entry{name, e[11]&attrDir != 0, cluster, binary.LittleEndian.Uint32(e[28:])})
		}
		long = ""
	}
	return entries, nil
}

func longPart(e []byte) string {
	var units []uint16
	for _, room := range [][]byte{e[1:11], e[14:26], e[28:32]} {
		for ; len(room) > 0; room = room[2:] {
			u := binary.LittleEndian.Uint16(room)
			if u == 0 || u == 0xffff {
				return string(utf16.Decode(units))
			}
			units = append(units, u)
		}
	}
	return string(utf16.Decode(units))
}

func shortName(e []byte) string {
	name := string(bytes.TrimRight(e[:8], " "))
	if ext := string(bytes.TrimRight(e[8:11], " ")); ext != "" {
		name += "." + ext
	}
	return strings.ToValidUTF8(name, "_")
}
