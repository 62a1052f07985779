package qemu

import "strings"

// boot adds what the guest starts from besides its disks.
func (p *planner) boot() {
	p.firmware()
	kernel := p.Text("kernel")
	for _, name := range []string{"initrd", "cmdline"} {
		if p.Set(name) && kernel == "" {
			p.Fail(name, "kernel=/boot/vmlinuz", "it goes with a kernel, and there is none")
		}
	}
	if kernel == "" {
		return
	}
	p.add("-kernel", p.file("kernel", "kernel"))
	if p.Set("initrd") {
		p.add("-initrd", p.file("initrd", "initrd"))
	}
	if p.Set("cmdline") {
		p.add("-append", p.Text("cmdline"))
	}
}

// file notes that QEMU reads the file that a variable names.
func (p *planner) file(role, variable string) string {
	path := p.Text(variable)
	if p.Sound(variable) {
		p.m.Files = append(p.m.Files, File{Role: role, Path: path, Var: variable})
	}
	return path
}

func (p *planner) firmware() {
	firmware := p.Text("firmware")
	if p.Set("uefi_vars") && (firmware == "bios" || firmware == "none") {
		p.Fail("uefi_vars", "firmware=uefi", "firmware %s has no variables", firmware)
	}
	switch {
	case firmware == "bios":
	case firmware == "uefi":
		p.uefi()
	case firmware == "none":
		if !p.Set("kernel") {
			p.Fail("firmware", "kernel=/boot/vmlinuz, or firmware=bios", "without firmware a guest needs a kernel")
		}
		if p.arch == "x86_64" || p.arch == "i386" {
			p.add("-bios", "qboot.rom") // QEMU's own, found among its files
		}
	case strings.HasPrefix(firmware, "/") && p.Set("uefi_vars"):
		p.file("firmware", "firmware")
		p.pflash(firmware, "raw", p.file("vars", "uefi_vars"), "raw")
	case strings.HasPrefix(firmware, "/"):
		p.add("-bios", p.file("firmware", "firmware"))
	default:
		p.Fail("firmware", "bios, uefi, none or the path of a firmware file", "%q is none of bios, uefi, none and an absolute path", firmware).WithID("GR102")
	}
}

// uefi uses the distribution's firmware and variables of the guest's own.
func (p *planner) uefi() {
	if !p.Sound("system_type") {
		return
	}
	found, err := p.host.UEFI(p.arch, p.Text("machine"))
	if err != nil {
		p.Fail("firmware", "install the package ovmf (edk2-ovmf), or name the files: firmware=CODE.fd uefi_vars=VARS.fd", "cannot find UEFI firmware: %v", err).WithID("GR207")
		return
	}
	vars := p.m.Layout.VarDir(p.m.Name) + "/OVMF_VARS.fd"
	if p.Set("uefi_vars") && p.Sound("uefi_vars") {
		vars = p.Text("uefi_vars")
	}
	p.m.Files = append(p.m.Files, File{Role: "firmware", Path: found.Code, Var: "firmware"}, File{Role: "vars", Path: vars, Var: "uefi_vars"})
	p.m.VarsTemplate = found.Vars
	p.pflash(found.Code, found.CodeFormat, vars, found.VarsFormat)
}

func (p *planner) pflash(code, codeFormat, vars, varsFormat string) {
	p.add("-drive", "if=pflash,unit=0,format="+codeFormat+",readonly=on,file="+escape(code))
	p.add("-drive", "if=pflash,unit=1,format="+varsFormat+",file="+escape(vars))
}
