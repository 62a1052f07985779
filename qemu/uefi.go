package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// descriptor is what we read of a firmware descriptor (QEMU's
// docs/interop/firmware.json).
type descriptor struct {
	InterfaceTypes []string `json:"interface-types"`
	Mapping        struct {
		Device     string        `json:"device"`
		Executable firmwareImage `json:"executable"`
		Template   firmwareImage `json:"nvram-template"`
	} `json:"mapping"`
	Targets []struct {
		Architecture string   `json:"architecture"`
		Machines     []string `json:"machines"`
	} `json:"targets"`
	Features []string `json:"features"`
}

type firmwareImage struct {
	Filename string `json:"filename"`
	Format   string `json:"format"`
}

// descriptorDirs are searched in this order: a file hides one of the same name
// further down, and an empty one hides it for good.
var descriptorDirs = []string{"etc/qemu/firmware", "usr/share/qemu/firmware"}

// plainUEFI is where distributions without descriptors put the firmware:
// Debian, Arch, Gentoo (new, old), Alpine and openSUSE, and QEMU's own build.
var plainUEFI = map[string][][2]string{
	"x86_64": {
		{"usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"},
		{"usr/share/edk2/x64/OVMF_CODE.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd"},
		{"usr/share/edk2/OvmfX64/OVMF_CODE.fd", "usr/share/edk2/OvmfX64/OVMF_VARS.fd"},
		{"usr/share/edk2-ovmf/OVMF_CODE.fd", "usr/share/edk2-ovmf/OVMF_VARS.fd"},
		{"usr/share/OVMF/OVMF_CODE.fd", "usr/share/OVMF/OVMF_VARS.fd"},
		{"usr/share/qemu/ovmf-x86_64-code.bin", "usr/share/qemu/ovmf-x86_64-vars.bin"},
		{"usr/share/qemu/edk2-x86_64-code.fd", "usr/share/qemu/edk2-i386-vars.fd"},
	},
	"aarch64": {
		{"usr/share/AAVMF/AAVMF_CODE.fd", "usr/share/AAVMF/AAVMF_VARS.fd"},
		{"usr/share/qemu/edk2-aarch64-code.fd", "usr/share/qemu/edk2-arm-vars.fd"},
	},
}

// unwanted firmware needs a machine that we do not set up.
var unwanted = []string{"requires-smm", "amd-sev-es", "amd-sev-snp", "intel-tdx"}

// findUEFI looks below root for firmware that comes as code and a template of
// variables: by the host's descriptors, else at the known places.
func findUEFI(root, arch, machine string) (UEFI, error) {
	files, err := descriptorFiles(root)
	if err != nil {
		return UEFI{}, err
	}
	for _, file := range files {
		if found, ok := readDescriptor(file, arch, machine); ok && present(root, found) {
			return found, nil
		}
	}
	for _, pair := range plainUEFI[arch] {
		found := UEFI{Code: "/" + pair[0], CodeFormat: "raw", Vars: "/" + pair[1], VarsFormat: "raw"}
		if present(root, found) {
			return found, nil
		}
	}
	return UEFI{}, fmt.Errorf("there is none for %s in /usr/share", arch)
}

// descriptorFiles are in order of their names, which is their order of rank.
func descriptorFiles(root string) ([]string, error) {
	byName := map[string]string{}
	for _, dir := range descriptorDirs {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot list firmware: %w", err)
		}
		for _, e := range entries {
			if _, hidden := byName[e.Name()]; !hidden && strings.HasSuffix(e.Name(), ".json") {
				byName[e.Name()] = filepath.Join(root, dir, e.Name())
			}
		}
	}
	var files []string
	for _, file := range byName {
		files = append(files, file)
	}
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	return files, nil
}

// readDescriptor says whether the firmware fits; a descriptor that cannot be
// read does not.
func readDescriptor(file, arch, machine string) (UEFI, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return UEFI{}, false
	}
	var d descriptor
	if json.Unmarshal(data, &d) != nil {
		return UEFI{}, false
	}
	code, vars := d.Mapping.Executable, d.Mapping.Template
	if d.Mapping.Device != "flash" || vars.Filename == "" || !slices.Contains(d.InterfaceTypes, "uefi") || !d.fits(arch, machine) {
		return UEFI{}, false
	}
	for _, feature := range unwanted {
		if slices.Contains(d.Features, feature) {
			return UEFI{}, false
		}
	}
	return UEFI{Code: code.Filename, CodeFormat: code.Format, Vars: vars.Filename, VarsFormat: vars.Format}, true
}

// fits compares with the names of versioned machine types, of which "pc" and
// "q35" are aliases.
func (d descriptor) fits(arch, machine string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(machine, "type="), ",")
	switch name {
	case "":
		name = map[string]string{"x86_64": "pc-i440fx-"}[arch]
	case "pc":
		name = "pc-i440fx-"
	case "q35":
		name = "pc-q35-"
	case "virt":
		name = "virt-"
	}
	for _, target := range d.Targets {
		if target.Architecture != arch {
			continue
		}
		for _, pattern := range target.Machines {
			if ok, err := path.Match(pattern, name); ok && err == nil {
				return true
			}
		}
	}
	return false
}

func present(root string, u UEFI) bool {
	for _, file := range []string{u.Code, u.Vars} {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			return false
		}
	}
	return true
}
