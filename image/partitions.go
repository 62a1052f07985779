package image

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// part is a partition, of either sort of table.
type part struct {
	number      int
	start, size uint64 // bytes
	kind        string // GUID of a GPT partition's type
	mbrKind     byte   // type of an MBR partition
	active      bool   // MBR: marked as bootable; GPT: "legacy BIOS bootable"
}

// table is how a disk is divided.
type table struct {
	kind   string // MBR, GPT or None
	sector uint64 // bytes, as the table counts
	parts  []part
	faults []error // what of it could not be read
	naked  bool    // a GPT without its protective MBR
}

// Sorts of partition tables.
const (
	MBR  = "mbr"
	GPT  = "gpt"
	None = "none"
)

// Types of partitions. MBR: UEFI specification 5.2; GPT: 5.3.3, and those that
// hold a boot program for BIOS: GRUB's manual ("BIOS installation"), FreeBSD's
// gpart(8) (freebsd-boot).
const (
	mbrProtective = 0xee
	mbrESP        = 0xef

	guidESP         = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
	guidBIOSBoot    = "21686148-6449-6E6F-744E-656564454649"
	guidFreeBSDBoot = "83BD6B9D-7F41-11DC-BE0B-001560B84F0F"
)

func (p part) esp() bool { return p.kind == guidESP || p.mbrKind == mbrESP }

func (p part) extended() bool { return p.mbrKind == 0x05 || p.mbrKind == 0x0f || p.mbrKind == 0x85 }

func (p part) String() string { return fmt.Sprintf("partition %d", p.number) }

// readTable finds out how a disk is divided; first is its first sector.
func (d *disk) readTable(first []byte) table {
	parts, protective, ok := d.readMBR(first)
	if ok && !protective && len(parts) > 0 {
		t := table{kind: MBR, sector: 512, parts: parts}
		t.addLogical(d)
		return t
	}
	if t, found := d.readGPT(); found || protective {
		t.naked = !protective
		for _, p := range parts { // a hybrid table
			if p.mbrKind != mbrProtective && p.active {
				p.kind, p.number = "", 0
				t.parts = append(t.parts, p)
			}
		}
		return t
	}
	t := table{kind: None, sector: 512}
	for _, p := range parts { // Linux takes them for none, and EDK2 may not
		if p.start <= d.size && p.size <= d.size-p.start {
			t.parts = append(t.parts, p)
		}
	}
	return t
}

const mbrEntry = 446 // where the table begins

// readMBR reads the four entries. It is not ok if they are no table in Linux's
// eyes (block/partitions/msdos.c): the boot sector of a file system has its program
// there. EDK2 does not look at the first byte (PartitionDxe/Mbr.c).
func (d *disk) readMBR(sector []byte) (parts []part, protective, ok bool) {
	if !signed(sector) {
		return nil, false, false
	}
	ok = true
	for n := range 4 {
		e := sector[mbrEntry+16*n:][:16]
		ok = ok && e[0]&0x7f == 0
		start, size := binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:])
		if e[4] == 0 || size == 0 {
			continue
		}
		protective = protective || e[4] == mbrProtective
		parts = append(parts, part{number: n + 1, start: uint64(start) * 512, size: uint64(size) * 512, mbrKind: e[4], active: e[0] == 0x80})
	}
	return parts, protective, ok
}

func signed(sector []byte) bool {
	return len(sector) >= 512 && sector[510] == 0x55 && sector[511] == 0xaa
}

// maxLogical bounds the chain of logical partitions, which is a linked list.
const maxLogical = 64

// addLogical follows the extended partition: each sector there has an entry for
// a logical one, relative to itself, and one for the next, relative to the
// extended partition.
func (t *table) addLogical(d *disk) {
	for _, p := range t.parts {
		if !p.extended() {
			continue
		}
		at := p.start
		for n := 5; n < 5+maxLogical; n++ {
			sector, err := d.read(at, 512)
			if err != nil {
				t.faults = append(t.faults, err)
				return
			}
			inner, _, _ := d.readMBR(sector)
			next := slices.IndexFunc(inner, part.extended)
			if next != 0 && len(inner) > 0 {
				logical := inner[0]
				logical.number, logical.start = n, logical.start+at
				t.parts = append(t.parts, logical)
			}
			if next < 0 {
				return
			}
			at = p.start + inner[next].start
		}
		t.faults = append(t.faults, fmt.Errorf("it has more than %d logical partitions", maxLogical))
		return
	}
}
