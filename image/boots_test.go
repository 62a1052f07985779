package image

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

const (
	guidLinux = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
	guidNTFS  = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
	guidUFS   = "516E7CB6-6ECF-11D6-8FF8-00022D09712B"
)

// look is Boots on bytes.
func look(t testing.TB, content []byte) Boot {
	t.Helper()
	b := Boot{Table: None}
	d := &disk{ctx: t.Context(), r: bytes.NewReader(content), size: uint64(len(content)), left: readBudget}
	if err := d.boots(&b); err != nil {
		t.Fatal(err)
	}
	return b
}

func esp(files map[string][]byte) []byte { return fatDisk(12, 400, files) }

func room() []byte { return make([]byte, 1<<20) }

func grub() []byte { return program(room(), "GRUB \x00Geom\x00Hard Disk\x00Read\x00 Error") }

// cloud is how most images are divided: a place for GRUB and an ESP in front of
// the root.
func cloud(disk []byte, files map[string][]byte) []byte {
	return withGPT(disk, 512,
		gptPart{number: 14, kind: guidBIOSBoot, first: 40, size: 8},
		gptPart{number: 15, kind: guidESP, first: 64, size: 800, content: esp(files)},
		gptPart{number: 1, kind: guidLinux, first: 900, size: 100})
}

func efiOnly(files map[string][]byte) []byte {
	return withGPT(room(), 512, gptPart{number: 1, kind: guidESP, first: 64, size: 800, content: esp(files)},
		gptPart{number: 2, kind: guidLinux, first: 900, size: 100})
}

func mbrDisk(disk []byte, kind byte, active bool, vbr []byte) []byte {
	mbrPart(disk, 0, kind, active, 64, 800)
	copy(disk[64*512:], vbr)
	return disk
}

func one(path string, machine uint16) map[string][]byte { return map[string][]byte{path: pe(machine)} }

// TestDistributionsImages has disks of the structure that the images have.
func TestDistributionsImages(t *testing.T) {
	fedora := map[string][]byte{"EFI/BOOT/BOOTX64.EFI": pe(x64), "EFI/BOOT/fbx64.efi": pe(x64), "EFI/fedora/shimx64.efi": pe(x64), "EFI/BOOT/BOOTIA32.EFI": pe(ia32)}
	windows := map[string][]byte{"EFI/Microsoft/Boot/bootmgfw.efi": pe(x64), "EFI/Boot/bootx64.efi": pe(x64), "EFI/Microsoft/Boot/en-US/bootmgfw.efi.mui": []byte("text")}
	extlinux := sign(program(make([]byte, 512), "\xeb\x58\x90EXTLINUX"))
	wholeDisk := room()
	copy(wholeDisk, extlinux)
	copy(wholeDisk[440:], strings.Repeat("\xcd\x13", 30)) // its program goes on where a table would be
	plain := room()
	copy(plain[1080:], "\x53\xef") // ext4

	inMBR := func(change func(disk []byte)) []byte {
		d := mbrDisk(room(), 0xef, false, esp(one("EFI/BOOT/BOOTX64.EFI", x64)))
		change(d)
		return d
	}
	// The first of two logical partitions was deleted: its place has the link alone.
	deleted := room()
	mbrPart(deleted, 0, 5, false, 64, 1900)
	mbrPart(deleted[64*512:], 1, 5, false, 10, 900)
	mbrPart(deleted[74*512:], 0, 0xef, false, 10, 800)
	copy(deleted[84*512:], esp(one("EFI/BOOT/BOOTX64.EFI", x64)))

	for _, c := range []struct {
		name       string
		disk       []byte
		bios, uefi Answer
		table      string
		x64        Answer
	}{
		{"Debian generic, Ubuntu", cloud(grub(), one("EFI/BOOT/BOOTX64.EFI", x64)), Yes, Yes, GPT, Yes},
		{"Debian generic arm64", efiOnly(one("EFI/BOOT/BOOTAA64.EFI", aa64)), No, Yes, GPT, No},
		{"Fedora, Rocky, Alma", cloud(grub(), fedora), Yes, Yes, GPT, Yes},
		{"CirrOS, openSUSE, Arch", cloud(grub(), one("efi/boot/bootx64.efi", x64)), Yes, Yes, GPT, Yes},
		{"Alpine bios, no table", wholeDisk, Yes, No, None, No},
		{"Alpine bios, extlinux in a partition", mbrDisk(program(room(), "Missing operating system"), 0x83, true, extlinux), Yes, No, MBR, No},
		{"Alpine uefi", efiOnly(one("EFI/boot/bootx64.efi", x64)), No, Yes, GPT, Yes},
		{"uefi within an MBR", mbrDisk(room(), 0xef, false, esp(one("EFI/BOOT/BOOTX64.EFI", x64))), No, Yes, MBR, Yes},
		{"beside an entry without a size", inMBR(func(d []byte) { d[mbrEntry+16+4] = 0x83 }), No, Yes, MBR, Yes},
		{"with flags that Linux does not take", inMBR(func(d []byte) { d[mbrEntry] = 1 }), No, Yes, None, Yes},
		{"in a logical partition behind a deleted one", deleted, No, Yes, MBR, Yes},
		{"FreeBSD", withGPT(program(room(), "Boot loader too large"), 512, gptPart{number: 1, kind: guidFreeBSDBoot, first: 40, size: 8},
			gptPart{number: 2, kind: guidESP, first: 64, size: 800, content: esp(one("EFI/BOOT/BOOTX64.EFI", x64))}, gptPart{number: 3, kind: guidUFS, first: 900, size: 100}), Yes, Yes, GPT, Yes},
		{"Windows", withGPT(room(), 512, gptPart{number: 1, kind: guidESP, first: 64, size: 800, content: esp(windows)}, gptPart{number: 3, kind: guidNTFS, first: 900, size: 100}), No, Yes, GPT, Yes},
		{"Windows without the fallback", efiOnly(one("EFI/Microsoft/Boot/bootmgfw.efi", x64)), No, Unknown, GPT, Unknown},
		{"Windows for BIOS", mbrDisk(program(room(), "Missing operating system"), 7, true, sign(program(make([]byte, 512), "NTFS"))), Yes, No, MBR, No},
		{"syslinux on a GPT", withGPT(program(room(), "Missing OS"), 512, gptPart{number: 1, kind: guidLinux, first: 64, size: 8, attrs: 4, content: extlinux}), Yes, No, GPT, No},
		{"a file system for a kernel that QEMU loads", plain, No, No, None, No},
		{"systemd-boot entered in the variables", efiOnly(one("EFI/systemd/systemd-bootx64.efi", x64)), No, Unknown, GPT, Unknown},
		{"loaders for 32 bit alone", efiOnly(one("EFI/BOOT/BOOTIA32.EFI", ia32)), No, Yes, GPT, No},
	} {
		b := look(t, c.disk)
		if b.BIOS != c.bios || b.UEFI != c.uefi || b.Table != c.table || b.UEFIFor("x64") != c.x64 {
			t.Errorf("%s: %+v, for x64 %v", c.name, b, b.UEFIFor("x64"))
		}
		if b.WhyBIOS == "" || b.WhyUEFI == "" {
			t.Errorf("%s: no reason: %+v", c.name, b)
		}
	}
}

// TestNoOnlyWhenItIsCertain has disks about which less is known.
func TestNoOnlyWhenItIsCertain(t *testing.T) {
	damaged := func(copies ...int) []byte {
		d := efiOnly(one("EFI/BOOT/BOOTX64.EFI", x64))
		for _, c := range copies {
			d[c+56]++
		}
		return d
	}
	end := len(room()) - 512
	big := withGPT(make([]byte, 8<<20), 4096, gptPart{number: 1, kind: guidESP, first: 64, size: 100, content: esp(one("EFI/BOOT/BOOTX64.EFI", x64))})
	naked := efiOnly(one("EFI/BOOT/BOOTX64.EFI", x64))
	clear(naked[:512])
	beyond := withGPT(room(), 512, gptPart{number: 1, kind: guidLinux, first: 900, size: 100})
	le.PutUint64(beyond[1024+32:], 1<<20)
	le.PutUint64(beyond[1024+40:], 1<<21)
	sumGPT(beyond, 512, 512)
	cut := esp(one("EFI/BOOT/BOOTX64.EFI", x64))
	le.PutUint16(cut[512*3+32+26:], 399) // what is there is no directory

	for _, c := range []struct {
		name       string
		disk       []byte
		bios, uefi Answer
	}{
		{"empty", room(), Unknown, Unknown},
		{"no bytes at all", nil, Unknown, Unknown},
		{"a few bytes", []byte("hello"), No, No},
		{"the first copy of the GPT is damaged", damaged(512), No, Yes},
		{"both are", damaged(512, end), No, Unknown},
		{"an ESP with nothing in it", efiOnly(nil), No, Unknown},
		{"an ESP that nobody formatted", withGPT(room(), 512, gptPart{number: 1, kind: guidESP, first: 64, size: 8}), No, Unknown},
		{"a kernel that could be in the variables", efiOnly(map[string][]byte{"vmlinuz-linux": pe(x64)}), No, Unknown},
		{"a script for the firmware's shell", mbrDisk(room(), 0x0c, false, esp(map[string][]byte{"startup.nsh": nil})), No, Unknown},
		{"data on FAT", mbrDisk(room(), 0x0c, false, esp(map[string][]byte{"readme.txt": []byte("x")})), No, No},
		{"a loader on FAT of another type", mbrDisk(room(), 0x0c, false, esp(one("EFI/BOOT/BOOTX64.EFI", x64))), No, Yes},
		{"a fallback that is no program", efiOnly(map[string][]byte{"EFI/BOOT/BOOTX64.EFI": []byte("text")}), No, Unknown},
		{"a program and nothing to start", withGPT(program(room(), "x"), 512, gptPart{number: 1, kind: guidLinux, first: 64, size: 8}), Unknown, No},
		{"an active partition without a boot sector", mbrDisk(program(room(), "x"), 0x83, true, nil), Unknown, No},
		{"GRUB and no active partition", mbrDisk(grub(), 0x83, false, nil), Yes, No},
		{"a GPT by sectors of 4096 bytes", big, No, Yes},
		{"a GPT without its protective MBR", naked, No, Unknown},
		{"a partition beyond the end", beyond, No, Unknown},
		{"a FAT whose directory leads nowhere", cut, Yes, Unknown},
	} {
		b := look(t, c.disk)
		if b.BIOS != c.bios || b.UEFI != c.uefi {
			t.Errorf("%s: BIOS %v, UEFI %v, want %v, %v; %+v", c.name, b.BIOS, b.UEFI, c.bios, c.uefi, b)
		}
	}
	if b := look(t, big); b.Sector != 4096 {
		t.Errorf("sectors of %d bytes", b.Sector)
	}
	if b := look(t, room()); !b.Empty {
		t.Error("an empty disk is none")
	}
	if b := look(t, append([]byte("\xfd7zXZ\x00"), make([]byte, 999)...)); b.Packed != "xz" {
		t.Errorf("a packed image: %+v", b)
	}
}

func TestDiscs(t *testing.T) {
	withEFI := func(d []byte) []byte {
		copy(d[24*isoSector:], esp(one("EFI/BOOT/BOOTX64.EFI", x64)))
		return d
	}
	broken := isoDisk(30, discEntry{platformPC, 21})
	broken[19*isoSector+5]++
	udf := isoDisk(30, discEntry{platformPC, 21})
	copy(udf[18*isoSector:], "\x00NSR02\x01")
	hybrid := withEFI(isoDisk(200, discEntry{platformPC, 21}, discEntry{platformEFI, 24}))
	mbrPart(program(hybrid, "isolinux"), 0, 0x17, true, 0, 300)
	for _, c := range []struct {
		name       string
		disk       []byte
		bios, uefi Answer
	}{
		{"for both", withEFI(isoDisk(200, discEntry{platformPC, 21}, discEntry{platformEFI, 24})), Yes, Yes},
		{"for both, and a disk", hybrid, Yes, Yes},
		{"for PCs", isoDisk(30, discEntry{platformPC, 21}), Yes, No},
		{"for PCs, with UDF", udf, Yes, Unknown},
		{"for EFI", withEFI(isoDisk(200, discEntry{platformEFI, 24})), No, Yes},
		{"an EFI entry that leads nowhere", isoDisk(30, discEntry{platformEFI, 2400}), No, Unknown},
		{"a damaged catalogue", broken, Unknown, Unknown},
	} {
		b := look(t, c.disk)
		if b.BIOS != c.bios || b.UEFI != c.uefi || !b.Disc {
			t.Errorf("%s: %+v", c.name, b)
		}
	}
}

// TestFATOfAllSizes has the fallback far into a directory.
func TestFATOfAllSizes(t *testing.T) {
	files := map[string][]byte{"EFI/BOOT/BOOTRISCV64.EFI": pe(0x5064), "EFI/debian/grub with a long name x64.efi": pe(x64)}
	for _, n := range "0123456789abcdef" {
		files["EFI/BOOT/A file whose name needs several entries "+string(n)] = nil
	}
	for bits, clusters := range map[int]int{12: 4000, 16: 5000, 32: 66000} {
		b := look(t, fatDisk(bits, clusters, files))
		if b.UEFI != Yes || len(b.Loaders) != 2 || b.Loaders[0].Arch != "riscv64" || b.Loaders[1].Path != "EFI/debian/grub with a long name x64.efi" {
			t.Errorf("FAT%d: %+v", bits, b)
		}
	}
}

func TestLogicalPartitions(t *testing.T) {
	d := room()
	mbrPart(d, 0, 0x83, false, 64, 8)
	mbrPart(d, 1, 0x05, false, 100, 1800)
	mbrPart(d[100*512:], 0, 0x83, false, 8, 8)
	mbrPart(d[100*512:], 1, 0x05, false, 50, 850)
	mbrPart(d[150*512:], 0, 0xef, false, 8, 800)
	copy(d[158*512:], esp(one("EFI/BOOT/BOOTX64.EFI", x64)))
	if b := look(t, d); b.UEFI != Yes || b.Loaders[0].Where != "partition 6" {
		t.Errorf("%+v", b)
	}
	mbrPart(d[150*512:], 1, 0x05, false, 50, 850) // to itself
	if b := look(t, d); b.UEFI != Yes || b.complete {
		t.Errorf("a circle: %+v", b)
	}
}

func TestBootsEndsWithItsContext(t *testing.T) {
	path := write(t, "disk", efiOnly(one("EFI/BOOT/BOOTX64.EFI", x64)))
	if b, err := Boots(t.Context(), path); err != nil || b.UEFI != Yes {
		t.Errorf("%+v, %v", b, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Boots(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is over: %v", err)
	}
}
