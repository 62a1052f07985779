package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Answer is Yes or No where that is certain.
type Answer int

const (
	Unknown Answer = iota
	No
	Yes
)

func (a Answer) String() string { return [...]string{"unknown", "no", "yes"}[a] }

// Boot is what firmware would find on a disk. No is certain: there is nothing
// that it could start, nor that somebody could have told it to start. A disk of
// zeros counts as unknown: something may yet be installed on it.
type Boot struct {
	BIOS, UEFI       Answer
	WhyBIOS, WhyUEFI string
	Why              string   // both
	Table            string   // MBR, GPT or None
	Sector           int      // bytes, as the table counts: 512, or 4096
	Disc             bool     // ISO 9660 or UDF
	Empty            bool     // its first 64 KiB are zeros
	Packed           string   // the program that compressed the file as a whole, such as "xz"
	Loaders          []Loader // EFI programs
	complete         bool     // no further loaders can be anywhere
}

// Boots tells by which firmware the disk in the image can be started. What cannot
// be looked at is Unknown, with the reason; an error is one of opening it, or ctx's.
func Boots(ctx context.Context, path string) (Boot, error) {
	img, err := Open(path)
	if err != nil {
		return Boot{}, err
	}
	defer img.Close()
	return img.Boots(ctx)
}

// Boots is the function of that name for an open image.
func (i *Image) Boots(ctx context.Context) (Boot, error) {
	if err := i.readable(); err != nil {
		return unknown(err), nil
	}
	return boots(ctx, i, i.Size)
}

func boots(ctx context.Context, r io.ReaderAt, size uint64) (Boot, error) {
	patience, cancel := context.WithTimeoutCause(ctx, maxTime, errTime)
	defer cancel()
	b := Boot{Table: None, Sector: 512}
	err := (&disk{ctx: patience, r: r, size: size, left: readBudget}).boots(&b)
	switch {
	case ctx.Err() != nil:
		return Boot{}, ctx.Err()
	case err != nil:
		return unknown(err), nil
	}
	b.Why = "BIOS: " + b.WhyBIOS + "; UEFI: " + b.WhyUEFI
	return b, nil
}

func unknown(err error) Boot {
	why := err.Error()
	return Boot{Table: None, Sector: 512, WhyBIOS: why, WhyUEFI: why, Why: why}
}

// UEFIFor is UEFI for a machine of one architecture, named as Loader.Arch is.
func (b Boot) UEFIFor(arch string) Answer {
	answer := No
	for _, l := range b.Loaders {
		switch {
		case l.Arch == arch && l.Fallback && b.UEFI == Yes:
			return Yes
		case l.Arch == arch || l.Arch == "":
			answer = Unknown
		}
	}
	if b.UEFI == No || b.complete {
		return answer
	}
	return Unknown
}

// emptyRoom is how much of a disk in use is not all zeros: tables and boot
// sectors are there, and ISO 9660 begins at 32 KiB, btrfs at 64.
const emptyRoom = 64<<10 + 512

func (d *disk) boots(b *Boot) error {
	start, err := d.read(0, int(min(d.size, emptyRoom)))
	if err != nil {
		return err
	}
	if zeros(start) {
		b.Empty = true
		b.WhyBIOS, b.WhyUEFI = "the disk is empty", "the disk is empty"
		return nil
	}
	if len(start) < 512 {
		start = append(start, make([]byte, 512)...)
	}
	first := start[:512]
	disc, t := d.readISO(), d.readTable(first)
	b.Table, b.Sector, b.Disc, b.Packed = t.kind, int(t.sector), disc.there, packed(first)
	b.BIOS, b.WhyBIOS = d.bios(first, t, disc)
	d.uefi(b, t, disc)
	return context.Cause(d.ctx)
}

// codeSize is how much of the first sector is program (UEFI specification 5.2.1).
const codeSize = 440

// bios follows SeaBIOS (src/boot.c): of a CD it takes the El Torito entry; of a
// disk it runs the first sector, if that has the signature, whatever else is there.
func (d *disk) bios(first []byte, t table, disc iso) (Answer, string) {
	code := first[:codeSize]
	switch {
	case disc.bios:
		return Yes, "the disc has a boot entry for PCs"
	case disc.fault != nil:
		return Unknown, disc.fault.Error()
	case !signed(first):
		return No, "the first sector has no boot signature"
	case zeros(code):
		return No, "the first sector has no boot program"
	case bytes.Contains(code, []byte("This is not a bootable disk")): // dosfstools' mkfs.fat
		return No, "the boot program only says that the disk is not bootable"
	case bytes.Contains(code, []byte("GRUB")):
		return Yes, "the first sector has GRUB's boot program"
	case t.kind == None:
		return Yes, "the first sector has a boot program"
	}
	for _, p := range t.parts {
		if p.kind == guidBIOSBoot || p.kind == guidFreeBSDBoot {
			return Yes, fmt.Sprintf("there is a boot program, and %s for what it loads", p)
		}
		if !p.active {
			continue
		}
		if sector, err := d.read(p.start, 512); err == nil && signed(sector) {
			return Yes, fmt.Sprintf("there is a boot program, and %s is marked as bootable", p)
		}
	}
	return Unknown, "there is a boot program, and no partition that it is known to start"
}

// maxVolumes is how many partitions are looked into.
const maxVolumes = 128

// uefi looks into each volume, as firmware connects its FAT driver to all of
// them, whatever type the table gives them (EDK2, PartitionDxe and FatPkg).
func (d *disk) uefi(b *Boot, t table, disc iso) {
	var doubts []string
	doubt := func(where, why string) { doubts = append(doubts, where+": "+why) }
	for _, fault := range t.faults {
		doubt("the partition table", fault.Error())
	}
	if disc.fault != nil {
		doubt("the disc", disc.fault.Error())
	}
	if disc.udf && len(disc.efi) == 0 {
		doubt("the disc", "it has a UDF file system, which is not looked into")
	}
	volumes, esp := d.volumes(t, disc)
	if len(volumes) > maxVolumes {
		doubt("the partition table", "it has more partitions than are looked into")
		volumes = volumes[:maxVolumes]
	}
	for n, v := range volumes {
		f, ok, err := openFAT(v)
		switch {
		case err != nil:
			doubt(v.name, err.Error())
		case ok:
			found := f.loaders()
			b.Loaders = append(b.Loaders, found.loaders...)
			if found.doubt != "" {
				doubt(v.name, found.doubt)
			} else if esp[n] && len(found.loaders) == 0 {
				doubt(v.name, "it is an EFI system partition without a loader")
			}
		case esp[n]:
			doubt(v.name, "it is an EFI system partition without a FAT file system")
		}
	}
	b.complete = len(doubts) == 0
	b.UEFI, b.WhyUEFI = verdict(b.Loaders, doubts, t.naked)
}

func verdict(loaders []Loader, doubts []string, naked bool) (Answer, string) {
	n := slices.IndexFunc(loaders, func(l Loader) bool { return l.Fallback })
	switch {
	case n >= 0 && naked: // EDK2, PartitionDxe/Gpt.c
		return Unknown, "it has " + loaders[n].Path + ", but no protective MBR"
	case n >= 0:
		return Yes, "it has " + loaders[n].Path + " on " + loaders[n].Where
	case len(loaders) > 0:
		return Unknown, "no fallback loader, but " + loaders[0].Path + " on " + loaders[0].Where
	case len(doubts) > 0:
		return Unknown, strings.Join(doubts[:min(len(doubts), 3)], ", ")
	}
	return No, "there is no EFI loader on it"
}

// volumes lists what may hold a FAT file system, and which are EFI system
// partitions.
func (d *disk) volumes(t table, disc iso) (volumes []volume, esp []bool) {
	add := func(start, size uint64, name string, system bool) {
		volumes, esp = append(volumes, volume{d, start, size, name}), append(esp, system)
	}
	if t.kind == None || disc.there {
		add(0, d.size, "the disk itself", false)
	}
	for _, at := range disc.efi {
		if at >= d.size {
			at = d.size
		}
		add(at, d.size-at, "the disc's EFI boot entry", true)
	}
	for _, p := range t.parts {
		if p.kind == "" && t.kind == GPT {
			continue // of a hybrid table's other half, which UEFI does not read
		}
		add(p.start, p.size, p.String(), p.esp())
	}
	return volumes, esp
}
