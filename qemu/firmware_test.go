package qemu

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/guestrc/guestrc/guest"
)

const debianUEFI = `{"description": "UEFI firmware for x86_64", "interface-types": ["uefi"],
"mapping": {"device": "flash",
  "executable": {"filename": "/usr/share/OVMF/CODE.fd", "format": "raw"},
  "nvram-template": {"filename": "/usr/share/OVMF/VARS.fd", "format": "raw"}},
"targets": [{"architecture": "x86_64", "machines": ["pc-i440fx-*", "pc-q35-*"]}],
"features": ["acpi-s3", "verbose-dynamic"], "tags": []}`

var secureUEFI = strings.NewReplacer("CODE.fd", "CODE.secboot.fd", `"pc-i440fx-*", `, "", `"acpi-s3"`, `"requires-smm", "secure-boot"`).Replace(debianUEFI)
var fedoraUEFI = strings.NewReplacer("CODE.fd", "CODE.qcow2", "VARS.fd", "VARS.qcow2", `"raw"`, `"qcow2"`).Replace(debianUEFI)
var biosOnly = strings.Replace(debianUEFI, `["uefi"]`, `["bios"]`, 1)

func TestFindUEFI(t *testing.T) {
	const share, etc, ovmf = "usr/share/qemu/firmware/", "etc/qemu/firmware/", "usr/share/OVMF/"
	images := map[string]string{ovmf + "CODE.fd": "", ovmf + "VARS.fd": "", ovmf + "CODE.secboot.fd": "", ovmf + "CODE.qcow2": "", ovmf + "VARS.qcow2": ""}
	for _, c := range []struct {
		label   string
		files   map[string]string
		arch    string
		machine string
		want    string // the code's file name; empty when there is none
		format  string
	}{
		{label: "a descriptor", files: map[string]string{share + "60-x.json": debianUEFI}, want: "CODE.fd"},
		{label: "one that needs SMM is passed over", files: map[string]string{share + "50-s.json": secureUEFI, share + "60-x.json": debianUEFI}, machine: "q35", want: "CODE.fd"},
		{label: "one that needs SMM alone", files: map[string]string{share + "50-s.json": secureUEFI}, machine: "q35"},
		{label: "the first by name", files: map[string]string{share + "30-f.json": fedoraUEFI, share + "60-x.json": debianUEFI}, want: "CODE.qcow2", format: "qcow2"},
		{label: "/etc hides", files: map[string]string{etc + "30-f.json": "", share + "30-f.json": fedoraUEFI, share + "60-x.json": debianUEFI}, want: "CODE.fd"},
		{label: "/etc comes first", files: map[string]string{etc + "60-x.json": fedoraUEFI, share + "60-x.json": debianUEFI}, want: "CODE.qcow2", format: "qcow2"},
		{label: "not for this machine", files: map[string]string{share + "60-x.json": debianUEFI}, machine: "microvm"},
		{label: "a versioned machine", files: map[string]string{share + "60-x.json": debianUEFI}, machine: "pc-q35-7.2,smm=off", want: "CODE.fd"},
		{label: "not for this architecture", files: map[string]string{share + "60-x.json": debianUEFI}, arch: "aarch64"},
		{label: "no UEFI", files: map[string]string{share + "60-x.json": biosOnly}},
		{label: "not JSON", files: map[string]string{share + "60-x.json": "{", share + "README": "x"}},
		{label: "no descriptor, Debian's place", files: map[string]string{ovmf + "OVMF_CODE_4M.fd": "", ovmf + "OVMF_VARS_4M.fd": ""}, want: "OVMF_CODE_4M.fd"},
		{label: "code without variables", files: map[string]string{ovmf + "OVMF_CODE_4M.fd": ""}},
		{label: "QEMU's own", files: map[string]string{"usr/share/qemu/edk2-aarch64-code.fd": "", "usr/share/qemu/edk2-arm-vars.fd": ""}, arch: "aarch64", want: "edk2-aarch64-code.fd"},
	} {
		root := t.TempDir()
		writeTree(t, root, images)
		writeTree(t, root, c.files)
		if c.arch == "" {
			c.arch = "x86_64"
		}
		if c.format == "" {
			c.format = "raw"
		}
		got, err := findUEFI(root, c.arch, c.machine)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%s: found %+v", c.label, got)
		case c.want != "" && (err != nil || filepath.Base(got.Code) != c.want || got.CodeFormat != c.format || got.VarsFormat != c.format || !filepath.IsAbs(got.Vars)):
			t.Errorf("%s: %+v, %v, want %s", c.label, got, err, c.want)
		}
	}
	missing := t.TempDir()
	writeTree(t, missing, map[string]string{share + "60-x.json": debianUEFI})
	if got, err := findUEFI(missing, "x86_64", ""); err == nil {
		t.Errorf("a descriptor of files that are not there is believed: %+v", got)
	}
}

func writeTree(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPrepareFirmware: the variables are made once, and are the guest's user's.
func TestPrepareFirmware(t *testing.T) {
	root, host := t.TempDir(), newFakeHost()
	host.uefi = &UEFI{Code: root + "/CODE.fd", CodeFormat: "raw", Vars: root + "/VARS.fd", VarsFormat: "raw"}
	host.uid = os.Geteuid()
	writeTree(t, root, map[string]string{"CODE.fd": "code", "VARS.fd": "template"})
	name := mustName(t, "qemu.db")
	m, err := newMachine(guest.Layout{Root: root}, name, parseConf(t, name, "firmware=uefi"), host)
	if err != nil {
		t.Fatal(err)
	}
	m.Binary = "/bin/sh"
	if err := m.preflight(host, nil); err != nil {
		t.Errorf("preflight before the first start: %v", err)
	}
	vars := filepath.Join(root, "var/lib/guestrc/qemu.db/OVMF_VARS.fd")
	for _, text := range []string{"template", "what the guest wrote"} {
		if err := m.prepareFirmware(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(vars)
		if err != nil || string(got) != text {
			t.Errorf("variables %q, %v, want %q", got, err, text)
		}
		if err := os.WriteFile(vars, []byte("what the guest wrote"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id, mode, err := devIno(vars)
	if err != nil || mode&0o777 != 0o600 {
		t.Errorf("%+v has mode %o (%v)", id, mode, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(vars)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
	if uid := ownerOf(t, vars); m.User != "" && uid != m.UID {
		t.Errorf("the variables belong to %d, want %d", uid, m.UID)
	}

	if err := errors.Join(os.Remove(vars), os.Remove(root+"/VARS.fd")); err != nil {
		t.Fatal(err)
	}
	if err := m.preflight(host, nil); err == nil || !strings.Contains(err.Error(), root+"/VARS.fd") {
		t.Errorf("preflight without a template: %v", err)
	}
	if err := m.prepareFirmware(); err == nil {
		t.Error("variables are made of nothing")
	}
	if entries, err := os.ReadDir(filepath.Dir(vars)); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

func ownerOf(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}
