package qemu

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/image"
)

// formats holds what QEMU is told of each disk against what its bytes show, and
// follows what it stands on.
func (x *examination) formats() {
	for _, d := range x.m.Disks {
		if d.Path == "" {
			continue
		}
		links, err := x.host.Chain(d.Path, d.Format)
		x.chain(d, links, err)
		if err == nil && d.Format == image.Raw && notRaw(links[0]) {
			x.asRaw(d, links[0].Format)
		}
	}
}

// notRaw says that a file which is given as raw is surely none. A block device is
// raw only where somebody said so who was asked. What LUKS begins with may be the
// guest's own.
func notRaw(l image.Link) bool { return !l.Block && l.Format != image.Raw && l.Format != "luks" }

func (x *examination) asRaw(d Disk, format string) {
	if d.CD {
		x.tell("GR203", []string{d.Var}, "qemu-img convert -O raw "+d.Path+" "+d.Path+".iso", "%s is %s, and a CD-ROM's image is raw", d.Path, format)
		return
	}
	x.tell("GR203", formatVars(d), formatVars(d)[0]+"="+format, "%s is %s, and QEMU is told that it is raw", d.Path, format)
}

// formatVars are the variables that tell what a disk is.
func formatVars(d Disk) []string {
	prefix := strings.TrimSuffix(d.Var, "file")
	return []string{prefix + "format", prefix + "driver", d.Var}
}

// chain tells of a chain that cannot be used, and of formats in it that QEMU has
// to guess.
func (x *examination) chain(d Disk, links []image.Link, err error) {
	var broken *image.ChainError
	var other *image.FormatError
	switch {
	case !errors.As(err, &broken), errors.Is(err, image.ErrDeep): // QEMU bears more than is looked at
	case broken.By == "" && errors.As(err, &other):
		x.tell("GR203", formatVars(d), formatVars(d)[0]+"="+other.Shown, "%s is %s, and QEMU is told that it is %s", d.Path, other.Shown, other.Told)
	case broken.By == "" && !readable(d.Path): // Preflight tells of it
	case broken.By == "" && !errors.Is(err, image.ErrCircle):
		x.tell("GR201", []string{d.Var}, "qemu-img check "+d.Path, "cannot use %s: %v", d.Path, broken.Err)
	case errors.As(err, &other):
		x.tell("GR204", []string{d.Var}, "qemu-img rebase -u -b "+quoted(broken.Path)+" -F "+other.Shown+" "+quoted(broken.By),
			"%s has on record that %s, which it stands on, is %s; it is %s", broken.By, broken.Path, other.Told, other.Shown)
	case errors.Is(err, fs.ErrNotExist):
		x.tell("GR204", []string{d.Var}, "put it back, or: qemu-img rebase -u -b FILE -F FORMAT "+quoted(broken.By),
			"%s stands on %s: %v", broken.By, broken.Path, missing(broken.Path, broken.Err, ""))
	default:
		x.tell("GR204", []string{d.Var}, "", "%v", err)
	}
	for n, l := range links {
		if n > 0 && l.Recorded == "" && l.NotFollowed == "" {
			x.tell("GR210", []string{d.Var}, "while nothing uses it: qemu-img rebase -u -b "+quoted(l.Path)+" -F "+l.Format+" "+quoted(links[n-1].Path),
				"%s has not on record of which format %s is, which it stands on", links[n-1].Path, l.Path)
		}
	}
}

// quoted is a word for a shell: an image's maker chose what it stands on.
func quoted(path string) string {
	if only(path, lower+upper+digit+"/._-+") {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func readable(path string) bool {
	_, err := openable(Disk{Path: path, ReadOnly: true})
	return err == nil
}

// disk is what firmware finds on one.
type bootDisk struct {
	Disk
	image.Boot
	own, other image.Answer // for the guest's firmware, and for the other sort
}

// bootable tells of a guest whose firmware surely finds nothing to start. One
// disk that may be bootable is enough to say nothing: which one firmware begins
// with is not ours to know. A guest that runs has booted, and writes.
func (x *examination) bootable(ctx context.Context) {
	f, ok := x.firmware()
	if !ok || x.running || slices.ContainsFunc(x.found, func(e *confd.Error) bool { return e.ID == "GR203" }) {
		return // or is read as what it is not
	}
	var disks []bootDisk
	for _, d := range x.m.Disks {
		b, ok := f.look(ctx, d)
		if !ok || b.own == image.Yes || b.own == image.Unknown && !b.Empty {
			return
		}
		disks = append(disks, b)
	}
	if n := slices.IndexFunc(disks, func(b bootDisk) bool { return b.other == image.Yes }); n >= 0 {
		f.mismatch(x, disks[n]) // of the others it is the same
	} else if !x.netboot() {
		f.nothing(x, disks)
	}
}

// look is what one disk holds; not ok where that cannot be told.
func (f firmware) look(ctx context.Context, d Disk) (b bootDisk, ok bool) {
	if d.Path == "" || !readable(d.Path) {
		return b, false
	}
	img, err := image.OpenAs(d.Path, d.Format)
	if err != nil {
		return b, false
	}
	defer img.Close() // only read
	b.Disk = d
	if b.Boot, err = img.Boots(ctx); err != nil {
		return b, false
	}
	b.own, b.other = b.BIOS, b.UEFIFor(f.arch)
	if f.uefi {
		b.own, b.other = b.other, b.own
	}
	if b.Empty {
		b.own = image.Unknown
	}
	return b, true
}
