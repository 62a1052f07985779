package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Packagers move everything; what is installed must point to where things are.
func TestInstallHonoursItsVariables(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "-C", "../..", "install", "DESTDIR="+dir, "PREFIX=/opt/g", "SYSCONFDIR=/opt/etc",
		"UNITDIR=/opt/units", "GENERATORDIR=/opt/generators", "MANDIR=/opt/man", "VERSION=test")
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=") // we may run below a make
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v\n%s", err, out)
	}
	for path, text := range map[string]string{
		"opt/etc/init.d/guestrc":                    "guestrc=${GUESTRC:-/opt/g/bin/guestrc}",
		"opt/units/guestrc-qemu@.service":           "ExecStart=/opt/g/bin/guestrc start qemu.%i",
		"opt/units/guestrc-lxc@.service":            "ExecStop=/opt/g/bin/guestrc stop lxc.%i",
		"opt/units/guestrc.target":                  "Description=Guests",
		"opt/etc/conf.d/qemu":                       "#memory=",
		"opt/etc/conf.d/lxc":                        "#CONFIGFILE=",
		"opt/etc/conf.d/guestrc":                    "#host_shutdown_budget=",
		"opt/man/man8/guestrc.8":                    ".Dt GUESTRC 8",
		"opt/man/man5/guestrc.conf.5":               ".Dt GUESTRC.CONF 5",
		"opt/g/share/doc/guestrc/examples/qemu.web": "kernel=",
	} {
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || !strings.Contains(string(got), text) {
			t.Errorf("%s: %v; want %q in it", path, err, text)
		}
	}
	if target, err := os.Readlink(filepath.Join(dir, "opt/generators/guestrc-generator")); err != nil || target != "/opt/g/bin/guestrc" {
		t.Errorf("the generator is a link to %q, %v", target, err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() && !strings.HasPrefix(rel, "opt/") {
			t.Errorf("installed outside the places given: %s", rel)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
