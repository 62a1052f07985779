package image

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// sparse writes down the sectors that are not zero, each with its number.
func sparse(disk []byte) (out []byte) {
	for n := 0; n < len(disk); n += 512 {
		sector := make([]byte, 512)
		copy(sector, disk[n:])
		if !zeros(sector) {
			out = append(binary.LittleEndian.AppendUint16(out, uint16(n/512)), sector...)
		}
	}
	return out
}

// dense is the disk that those sectors make.
func dense(sectors []byte) []byte {
	disk := make([]byte, 256<<10)
	for ; len(sectors) > 2; sectors = sectors[min(514, len(sectors)):] {
		at := int(binary.LittleEndian.Uint16(sectors)) % (len(disk) / 512) * 512
		copy(disk[at:at+512], sectors[2:])
	}
	return disk
}

// FuzzBoots has disks of a few sectors. What is read of one is within bounds, and
// Yes needs a loader. With sum set, the sums of the GPT are right, so that what
// they guard is reached.
func FuzzBoots(f *testing.F) {
	small := fatDisk(12, 60, one("EFI/BOOT/BOOTX64.EFI", x64))
	f.Add(sparse(withGPT(make([]byte, 256<<10), 512, gptPart{number: 1, kind: guidESP, first: 64, size: 100, content: small})), true)
	f.Add(sparse(mbrDisk(program(make([]byte, 256<<10), "GRUB"), 0xef, true, small)), false)
	f.Add(sparse(small), false)
	f.Add(sparse(fatDisk(32, 60, one("EFI/BOOT/BOOTX64.EFI", x64))), false)
	disc := isoDisk(60, discEntry{platformPC, 21}, discEntry{platformEFI, 24})
	copy(disc[24*isoSector:], small)
	f.Add(sparse(disc), false)
	f.Fuzz(func(t *testing.T, sectors []byte, sum bool) {
		content := dense(sectors)
		if sum {
			sumGPT(content, 512, 512)
		}
		b := look(t, content)
		if b.WhyBIOS == "" || b.WhyUEFI == "" || b.UEFI == Yes && len(b.Loaders) == 0 {
			t.Errorf("%+v", b)
		}
	})
}

// tinyQcow2 has clusters of 512 bytes: header, L1, L2, one of data, one that is
// compressed (of zeros).
func tinyQcow2(version uint32, backing string) []byte {
	be := binary.BigEndian
	b := make([]byte, 2560)
	copy(b, "QFI\xfb")
	be.PutUint32(b[4:], version)
	be.PutUint32(b[20:], 9)
	be.PutUint64(b[24:], 8<<10)
	be.PutUint32(b[36:], 1)
	be.PutUint64(b[40:], 512)
	at := 72
	if version == 3 {
		be.PutUint32(b[96:], 4)
		be.PutUint32(b[100:], 112)
		at = 112
	}
	if backing != "" {
		copy(b[at:], "\xe2\x79\x2a\xca\x00\x00\x00\x03raw")
		be.PutUint64(b[8:], 200)
		be.PutUint32(b[16:], uint32(copy(b[200:], backing)))
	}
	be.PutUint64(b[512:], 1<<63|1024)
	be.PutUint64(b[1024:], 1<<63|1536)
	be.PutUint64(b[1032:], 1<<62|2048)
	copy(b[1536:], "data")
	copy(b[2048:], "\x63\x60\x18\x05\xa3\x00\x00")
	return b
}

// FuzzOpen has image files. What is read of the disk does not depend on how.
func FuzzOpen(f *testing.F) {
	f.Add(tinyQcow2(2, ""))
	f.Add(tinyQcow2(3, ""))
	f.Add(tinyQcow2(3, "base"))
	f.Add(tinyQcow2(2, "nbd:localhost:1"))
	f.Add([]byte("KDMV"))
	path := filepath.Join(f.TempDir(), "disk")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Chain(t.Context(), path, ""); err != nil && len(err.Error()) == 0 {
			t.Error("an error without words")
		}
		img, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		whole, pieces := make([]byte, 4096), make([]byte, 4096)
		n, err := img.ReadAt(whole, 0)
		if err != nil {
			return
		}
		for at := 0; at < n; at += 256 {
			if _, err := img.ReadAt(pieces[at:at+256], int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(whole[:n], pieces[:n]) {
			t.Error("pieces differ from the whole")
		}
	})
}
