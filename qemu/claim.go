package qemu

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

// Claim is what the guest has to itself while it runs. Disks that it only
// reads or is willing to share are not among it: QEMU's own image locks keep
// writers away from those.
func (m *Machine) Claim() guest.Claim {
	c := guest.Claim{Guest: m.Name.String(), Ports: m.Ports}
	for _, d := range m.Disks {
		if d.Path == "" || d.ReadOnly || d.Shared {
			continue
		}
		if id, _, err := devIno(d.Path); err == nil && !slices.ContainsFunc(c.Disks, func(o guest.DevIno) bool { return sameDisk(o, id) }) {
			c.Disks = append(c.Disks, id)
		}
	}
	for _, nic := range m.NICs {
		c.MACs = append(c.MACs, nic.MAC)
		if nic.Ifname != "" {
			c.Taps = append(c.Taps, nic.Ifname)
		}
	}
	return c
}

// devIno identifies what a path leads to, and gives its type and permissions.
func devIno(path string) (id guest.DevIno, mode uint32, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return guest.DevIno{}, 0, err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		return guest.DevIno{Ino: uint64(st.Rdev), Path: path}, st.Mode, nil
	}
	return guest.DevIno{Dev: uint64(st.Dev), Ino: st.Ino, Path: path}, st.Mode, nil
}

func sameDisk(a, b guest.DevIno) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// disks checks that each can be opened as it will be, and is nobody else's.
func (i *inspection) disks(running []guest.Claim) {
	seen := map[[2]uint64]Disk{}
	for _, d := range i.m.Disks {
		if d.Path == "" {
			continue
		}
		id, err := openable(d)
		if err != nil {
			i.fail(d.Var, diskHint(d, err), "cannot use %s: %v", d.Path, missing(d.Path, err, "")).WithID("GR201")
			continue
		}
		key := [2]uint64{id.Dev, id.Ino}
		if first, twice := seen[key]; twice && !(first.ReadOnly && d.ReadOnly) && !(first.Shared && d.Shared) {
			i.fail(d.Var, "", "%s is %s too", d.Path, first.Var).WithID("GR202")
		}
		seen[key] = d
		for _, other := range running {
			for _, theirs := range other.Disks {
				if sameDisk(id, theirs) {
					i.fail(d.Var, "stop "+other.Guest+" first", "%s is in use by the running guest %s", d.Path, other.Guest).WithID("GR202")
				}
			}
		}
	}
}

var (
	errDirectory = errors.New("it is a directory")
	errNoDisk    = errors.New("neither a file nor a block device")
)

func openable(d Disk) (guest.DevIno, error) {
	id, mode, err := devIno(d.Path)
	if err != nil {
		return id, err
	}
	switch mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFBLK:
	case unix.S_IFDIR:
		return id, errDirectory
	default:
		return id, errNoDisk
	}
	access := uint32(unix.R_OK | unix.W_OK)
	if d.ReadOnly {
		access = unix.R_OK
	}
	return id, unix.Faccessat(unix.AT_FDCWD, d.Path, access, unix.AT_EACCESS)
}

func diskHint(d Disk, err error) string {
	switch {
	case errors.Is(err, unix.ENOENT) && !d.ReadOnly:
		format := "raw"
		if filepath.Ext(d.Path) == ".qcow2" {
			format = "qcow2"
		}
		return "qemu-img create -f " + format + " " + d.Path + " 10G"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EROFS):
		return "a disk that the guest only reads has " + strings.TrimSuffix(d.Var, "file") + "readonly=on"
	}
	return ""
}
