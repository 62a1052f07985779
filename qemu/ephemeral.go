package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/guestrc/guestrc/guest"
)

// Forget has the next start write to no disk: QEMU's -snapshot puts what the
// guest writes into files that it makes in $TMPDIR, or else in /var/tmp, and
// unlinks at once (qemu(1); get_tmp_filename in block.c). The UEFI variables are
// a copy below scratch. Disks that are only read are nobody's claim.
func (m *Machine) Forget(scratch string) error {
	for i, arg := range m.Args {
		if option := strings.TrimLeft(arg, "-"); arg != option && option == "blockdev" {
			return &guest.Error{Status: guest.StatusNotConfigured, Msg: fmt.Sprintf("cannot forget what %s writes", m.Name),
				Err: fmt.Errorf("extra_args has -blockdev, and -snapshot is for -drive only"), Hint: "describe the disk with diskN_file"}
		}
		if i > 0 && strings.TrimLeft(m.Args[i-1], "-") == "drive" {
			m.Args[i] = strings.ReplaceAll(","+arg, ",snapshot=off", ",snapshot=on")[1:]
		}
	}
	m.Args = append(m.Args, "-snapshot")
	if dir := os.Getenv("TMPDIR"); filepath.IsAbs(dir) {
		m.Env = append([]string{"TMPDIR=" + dir}, m.Env...)
	}
	for i := range m.Disks {
		m.Disks[i].ReadOnly = true
	}
	for i := range m.Files {
		if m.Files[i].Role == "vars" {
			m.spareVars(&m.Files[i], filepath.Join(scratch, "OVMF_VARS.fd"))
		}
	}
	return nil
}

// spareVars has the guest use a copy of its UEFI variables, which Start makes;
// of a guest that has none yet, the template's.
func (m *Machine) spareVars(vars *File, path string) {
	if _, err := os.Stat(vars.Path); err == nil || m.VarsTemplate == "" {
		m.VarsTemplate = vars.Path
	}
	for i, arg := range m.Args {
		if strings.HasPrefix(arg, "if=pflash,unit=1,") {
			m.Args[i] = strings.Replace(arg, "file="+escape(vars.Path), "file="+escape(path), 1)
		}
	}
	vars.Path = path
}
