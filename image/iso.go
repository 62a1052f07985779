package image

import (
	"encoding/binary"
	"fmt"
)

// iso is what an ISO 9660 disc (ECMA-119) says of booting, in its El Torito
// catalogue ("El Torito" Bootable CD-ROM Format Specification 1.0; UEFI
// specification 13.3.2).
type iso struct {
	there bool
	udf   bool     // a file system that UEFI reads as well
	bios  bool     // an entry for PCs
	efi   []uint64 // where entries for UEFI begin, in bytes
	fault error    // the catalogue cannot be read
}

const (
	isoSector      = 2048
	isoFirst       = 16 // the first descriptor's sector
	maxDescriptors = 32
	maxCatalogue   = 64 // entries of 32 bytes: a sector

	platformPC  = 0x00
	platformEFI = 0xef
)

// readISO goes through the volume descriptors.
func (d *disk) readISO() (disc iso) {
	catalogue, there := uint64(0), false
	for n := uint64(isoFirst); n < isoFirst+maxDescriptors; n++ {
		b, err := d.read(n*isoSector, isoSector)
		if err != nil {
			if disc.there {
				disc.fault = err
			}
			break
		}
		id := string(b[1:6])
		if id == "NSR02" || id == "NSR03" { // ECMA-167, 3/9.1
			disc.udf = true
		}
		if id != "CD001" && id != "BEA01" && id != "NSR02" && id != "NSR03" && id != "TEA01" {
			break
		}
		disc.there = true
		if id == "CD001" && b[0] == 0 && string(b[7:30]) == "EL TORITO SPECIFICATION" {
			catalogue, there = uint64(binary.LittleEndian.Uint32(b[0x47:])), true
		}
	}
	if there {
		disc.readCatalogue(d, catalogue*isoSector)
	}
	return disc
}

func (i *iso) readCatalogue(d *disk, at uint64) {
	b, err := d.read(at, maxCatalogue*32)
	if err != nil {
		i.fault = err
		return
	}
	sum := uint16(0)
	for n := 0; n < 32; n += 2 {
		sum += binary.LittleEndian.Uint16(b[n:])
	}
	if b[0] != 1 || b[30] != 0x55 || b[31] != 0xaa || sum != 0 {
		i.fault = fmt.Errorf("damaged boot catalogue at %d", at)
		return
	}
	platform, left, last := b[1], 1, false // the first entry has no section of its own
	for n := 1; n < maxCatalogue; n++ {
		e := b[32*n:][:32]
		switch {
		case left > 0 && e[0] == 0x44 && n > 1: // an extension of the entry before
		case left > 0:
			i.entry(e, platform)
			left--
		case last || e[0] != 0x90 && e[0] != 0x91:
			return
		default:
			platform, left, last = e[1], int(binary.LittleEndian.Uint16(e[2:])), e[0] == 0x91
		}
	}
}

// entry takes in one that is marked as bootable.
func (i *iso) entry(e []byte, platform byte) {
	if e[0] != 0x88 {
		return
	}
	switch platform {
	case platformPC:
		i.bios = true
	case platformEFI:
		i.efi = append(i.efi, uint64(binary.LittleEndian.Uint32(e[8:]))*isoSector)
	}
}
