package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// readGPT looks for a GUID partition table (UEFI specification 5.3): the first
// copy for sectors of both sizes, then the one at the end. found is also true
// for one that is damaged.
func (d *disk) readGPT() (t table, found bool) {
	t = table{kind: GPT, sector: 512}
	var faults []error
	for _, end := range []bool{false, true} {
		for _, sector := range []uint64{512, 4096} {
			at := sector
			if end {
				at = max(d.size/sector, 1)*sector - sector
			}
			parts, err := d.readHeader(at, sector)
			if err == nil {
				return table{kind: GPT, sector: sector, parts: parts}, true
			}
			if !errors.Is(err, errNoGPT) {
				faults = append(faults, err)
			}
		}
	}
	if t.faults = faults; len(faults) == 0 {
		t.faults = []error{errNoGPT}
	}
	return t, len(faults) > 0
}

var errNoGPT = errors.New("there is no GPT header where the protective MBR says so")

const (
	gptHeader  = 92   // bytes of it that are in use
	gptEntry   = 128  // bytes at least
	maxEntries = 1024 // usual are 128
)

// readHeader reads one copy and its array of entries, and checks both sums.
func (d *disk) readHeader(at, sector uint64) ([]part, error) {
	h, err := d.read(at, int(sector))
	if errors.Is(err, errBeyond) {
		return nil, errNoGPT
	}
	if err != nil {
		return nil, err
	}
	if string(h[:8]) != "EFI PART" {
		return nil, errNoGPT
	}
	le32, le64 := binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	size, sum := le32(h[12:]), le32(h[16:])
	if size < gptHeader || uint64(size) > sector {
		return nil, fmt.Errorf("damaged GPT header at %d", at)
	}
	clear(h[16:20])
	if crc32.ChecksumIEEE(h[:size]) != sum || le64(h[24:]) != at/sector {
		return nil, fmt.Errorf("damaged GPT header at %d", at)
	}
	first, count, each := le64(h[72:]), le32(h[80:]), le32(h[84:])
	if count > maxEntries || each < gptEntry || each > 4096 || first > d.size/sector {
		return nil, fmt.Errorf("GPT header at %d with impossible numbers", at)
	}
	entries, err := d.read(first*sector, int(count*each))
	if err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(entries) != le32(h[88:]) {
		return nil, fmt.Errorf("damaged GPT entries at %d", first*sector)
	}
	var parts []part
	for n := range int(count) {
		e := entries[n*int(each):][:gptEntry]
		from, to := le64(e[32:]), le64(e[40:])
		if zeros(e[:16]) {
			continue
		}
		if from > to || to >= 1<<62/sector {
			return nil, fmt.Errorf("GPT partition %d with impossible numbers", n+1)
		}
		parts = append(parts, part{number: n + 1, start: from * sector, size: (to - from + 1) * sector, kind: guid(e[:16]), active: e[48]&(1<<2) != 0})
	}
	return parts, nil
}

// guid writes one as UEFI's appendix A has it: the first three fields are
// little-endian.
func guid(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08X-%04X-%04X-%X-%X", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}
