package image

import (
	"encoding/binary"
	"strings"
)

// Loader is an EFI program on a disk.
type Loader struct {
	Path     string // "EFI/BOOT/BOOTX64.EFI"
	Where    string // "partition 15"
	Arch     string // as UEFI's file names have it: "x64", "ia32", "aa64", …; empty if unknown
	Fallback bool   // firmware that knows nothing else of the disk starts it
}

// fallbacks are the names that are looked for below EFI/BOOT (UEFI
// specification 3.5.1.1), with the machine of each (PE format, "Machine Types").
var fallbacks = []struct {
	name, arch string
	machine    uint16
}{
	{"BOOTIA32.EFI", "ia32", 0x14c},
	{"BOOTX64.EFI", "x64", 0x8664},
	{"BOOTIA64.EFI", "ia64", 0x200},
	{"BOOTARM.EFI", "arm", 0x1c2},
	{"BOOTAA64.EFI", "aa64", 0xaa64},
	{"BOOTRISCV32.EFI", "riscv32", 0x5032},
	{"BOOTRISCV64.EFI", "riscv64", 0x5064},
	{"BOOTRISCV128.EFI", "riscv128", 0x5128},
	{"BOOTLOONGARCH32.EFI", "loongarch32", 0x6232},
	{"BOOTLOONGARCH64.EFI", "loongarch64", 0x6264},
}

const (
	maxDirs    = 64 // that are looked at below EFI
	maxDepth   = 4  // EFI/Microsoft/Boot is at 3
	maxLoaders = 64
)

// found is what of a file system concerns firmware.
type found struct {
	loaders []Loader
	doubt   string // why it may hold more
}

// loaders looks for EFI programs: what lies below EFI, and what in the root
// could be a program that somebody entered in the firmware's variables, such as
// a kernel, or what OVMF's shell runs by itself (startup.nsh).
func (f *fat) loaders() found {
	s := search{fat: f}
	entries, err := f.list(0)
	if err != nil {
		return found{doubt: err.Error()}
	}
	for _, e := range entries {
		switch name := strings.ToUpper(e.name); {
		case e.dir && name == "EFI":
			s.below(e.cluster, "EFI", 1)
		case !e.dir && (strings.HasSuffix(name, ".EFI") || strings.HasSuffix(name, ".NSH") || strings.Contains(name, "LINU") || strings.Contains(name, "IMAGE")):
			s.doubt("it holds " + e.name)
		}
	}
	return s.found
}

type search struct {
	fat *fat
	found
	dirs int
}

func (s *search) doubt(why string) {
	if s.found.doubt == "" {
		s.found.doubt = why
	}
}

func (s *search) below(cluster uint32, path string, depth int) {
	if s.dirs++; s.dirs > maxDirs || depth > maxDepth {
		s.doubt("it has more directories than are looked at")
		return
	}
	if cluster == 0 {
		s.doubt(errFAT.Error())
		return
	}
	entries, err := s.fat.list(cluster)
	if err != nil {
		s.doubt(err.Error())
	}
	for _, e := range entries {
		inner := path + "/" + e.name
		switch {
		case e.dir:
			s.below(e.cluster, inner, depth+1)
		case !strings.HasSuffix(strings.ToUpper(e.name), ".EFI") || e.size == 0:
		case len(s.loaders) == maxLoaders:
			s.doubt("it has more loaders than are looked at")
		default:
			s.add(e, inner)
		}
	}
}

func (s *search) add(e entry, path string) {
	l := Loader{Path: path, Where: s.fat.v.name}
	machine := s.fat.machine(e)
	for _, f := range fallbacks {
		if f.machine == machine {
			l.Arch = f.arch
			l.Fallback = strings.EqualFold(path, "EFI/BOOT/"+f.name)
		}
	}
	s.loaders = append(s.loaders, l)
}

// machine reads which one a program is for, out of its PE header; 0 for what is
// no program.
func (f *fat) machine(e entry) uint16 {
	const room = 4 << 10 // the header of each loader known is within 512 bytes
	b, err := f.bytes(e.cluster, int(min(e.size, room)))
	if e.cluster == 0 || err != nil || len(b) < 64 || string(b[:2]) != "MZ" {
		return 0
	}
	at := binary.LittleEndian.Uint32(b[0x3c:])
	if uint64(at)+6 > uint64(len(b)) || string(b[at:at+4]) != "PE\x00\x00" {
		return 0
	}
	return binary.LittleEndian.Uint16(b[at+4:])
}
