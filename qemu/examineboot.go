package qemu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/bootfile"
)

// firmware is what chooses among the disks.
type firmware struct {
	uefi bool
	arch string // as UEFI's file names have it
}

// uefiArchs are the architectures of UEFI (UEFI specification 3.5.1.1) by
// QEMU's names.
var uefiArchs = map[string]string{"x86_64": "x64", "i386": "ia32", "aarch64": "aa64", "arm": "arm", "riscv64": "riscv64", "loongarch64": "loongarch64"}

// firmware is not ok where something else than firmware of a known sort chooses
// what is booted, or it may choose among more than disks that are described.
func (x *examination) firmware() (f firmware, ok bool) {
	arch := x.Text("system_type")
	if !x.Sound("extra_args") {
		return f, false // and what it has of disks is unknown
	}
	f.arch = uefiArchs[arch]
	switch text := x.Text("firmware"); {
	case x.Set("kernel"), f.arch == "", strings.HasPrefix(x.Text("machine"), "microvm"), strings.Contains(x.Text("machine"), "pflash"):
		return f, false
	case text == "uefi", strings.HasPrefix(text, "/") && x.Set("uefi_vars"):
		f.uefi = true
	case text != "bios" || arch != "x86_64" && arch != "i386":
		return f, false
	}
	return f, !slices.ContainsFunc(x.extra, mayBoot) && !x.networkFirst()
}

// networkFirst: somebody asked for it, so that the disks may well be data. (-boot
// takes letters, of which n is the network, or order= and once= with such.)
func (x *examination) networkFirst() bool {
	for _, value := range x.option("boot") {
		for option := range strings.SplitSeq(value, ",") {
			name, order, named := strings.Cut(option, "=")
			if !named {
				order = name
			}
			if (!named || name == "order" || name == "once") && strings.Contains(order, "n") {
				return true
			}
		}
	}
	return slices.ContainsFunc(x.m.NICs, func(n NIC) bool { return strings.Contains(x.Text(n.Var+"_device"), "bootindex=") })
}

// bootOptions are those that bring firmware, or something to boot from (qemu(1)).
var bootOptions = []string{"bios", "pflash", "kernel", "drive", "blockdev", "cdrom", "hda", "hdb", "hdc", "hdd", "fda", "fdb", "sd", "mtdblock", "loadvm", "incoming", "option-rom", "readconfig"}

// mayBoot: an option that does, or a device that holds something.
func mayBoot(arg string) bool {
	if option, ok := strings.CutPrefix(arg, "-"); ok {
		return slices.Contains(bootOptions, strings.TrimPrefix(option, "-"))
	}
	return slices.ContainsFunc([]string{"drive=", "vfio", "usb-host", "loader", "vhost-user-blk", "vhost-scsi", "pflash", "microvm"}, func(s string) bool { return strings.Contains(arg, s) })
}

// netboot tells whether the firmware may find something over a network card.
// QEMU's user networking offers nothing unless it is told what.
func (x *examination) netboot() bool {
	for _, nic := range x.m.NICs {
		if nic.Type != "user" || x.Set(nic.Var+"_bootfile") || x.Set(nic.Var+"_tftp") || strings.Contains(x.Text(nic.Var+"_device"), "romfile") {
			return true
		}
	}
	return slices.ContainsFunc(x.extra, func(arg string) bool {
		return arg == "-nic" || arg == "-net" || arg == "-netdev" || strings.Contains(arg, "netdev=")
	})
}

// mismatch: a disk for the other sort of firmware.
func (f firmware) mismatch(x *examination, b bootDisk) {
	if f.uefi {
		x.tell("GR206", []string{"firmware", b.Var}, "firmware=bios", "%s boots by BIOS only: %s, and for UEFI %s", b.Path, b.WhyBIOS, f.why(b))
		return
	}
	x.tell("GR205", []string{"firmware", b.Var}, "firmware=uefi", "%s boots by UEFI only: %s, and for a BIOS %s", b.Path, b.WhyUEFI, b.WhyBIOS)
}

// why a disk does not boot.
func (f firmware) why(b bootDisk) string {
	switch {
	case !f.uefi:
		return b.WhyBIOS
	case len(b.Loaders) > 0:
		return fmt.Sprintf("%s is for another processor than %s", b.Loaders[0].Path, f.arch)
	}
	return b.WhyUEFI
}

// nothing to boot from at all.
func (f firmware) nothing(x *examination, disks []bootDisk) {
	if len(disks) == 0 {
		x.tell("GR209", []string{"disk0_file"}, "disk0_file=/path, cdrom0_file=, kernel= or a card in a bridge", "there is no disk, no kernel, and no network to boot from")
		return
	}
	var whys []string
	hint := ""
	for _, b := range disks {
		whys = append(whys, b.Path+": "+f.why(b))
		switch {
		case b.Packed != "":
			hint = "unpack it first: it is a file that " + b.Packed + " made"
		case b.Empty && hint == "":
			hint = "cdrom0_file= names the image of an installer"
		}
	}
	x.tell("GR209", []string{disks[0].Var}, hint, "nothing to boot from on %s", strings.Join(whys, "; "))
}

// kernel compares the versions of what is booted directly.
func (x *examination) kernel() {
	if !x.Set("kernel") || !x.Set("initrd") {
		return
	}
	kernel, initrd := x.Text("kernel"), x.Text("initrd")
	version, err := bootfile.Kernel(kernel)
	if err != nil || version == "" {
		return // it cannot be read, or does not say
	}
	modules, err := bootfile.Initrd(initrd)
	switch named := bootfile.NameVersion(initrd); {
	case err != nil:
	case len(modules) > 0 && !slices.Contains(modules, version):
		x.tell("GR208", []string{"initrd"}, "", "%s has modules for %s, and %s is %s", initrd, strings.Join(modules, ", "), kernel, version)
	case len(modules) == 0 && named != "" && named != version && bootfile.NameVersion(kernel) == version:
		// It cannot be looked into, and both have a name by one rule.
		x.tell("GR208", []string{"initrd"}, "", "%s is for %s by its name, and %s is %s", initrd, named, kernel, version)
	}
}
