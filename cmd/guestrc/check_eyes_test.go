package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/guestrc/guestrc/finding"
)

// program copies guestrc to where every user can run it.
func program(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("guestrc")
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	text, errRead := os.ReadFile(path)
	copied := filepath.Join(t.TempDir(), "guestrc")
	if err := errors.Join(err, errRead, os.WriteFile(copied, text, 0o755), os.Chmod(filepath.Dir(filepath.Dir(copied)), 0o755)); err != nil {
		t.Fatal(err)
	}
	return copied
}

// TestWhoMayNotLookIsToldSo: what only root may see is no fault of a guest's, and
// nothing that was found to be in order either.
func TestWhoMayNotLookIsToldSo(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	put(t, root, map[string]string{
		"etc/conf.d/qemu.a": "kernel=" + dir + "/closed/kernel\nenable_kvm=auto\nuser=root\n", "etc/conf.d/qemu.b": "",
		"etc/conf.d/lxc.c": "", "var/lib/lxc/c/config": "", "etc/conf.d/lxc.d": "", "var/lib/lxc/d/config": "lxc.uts.name = d\n"})
	err := errors.Join(os.Mkdir(filepath.Join(dir, "closed"), 0), os.Chmod(filepath.Join(root, "etc/conf.d/qemu.b"), 0), os.Chmod(filepath.Join(root, "var/lib/lxc/c"), 0))
	if err != nil {
		t.Fatal(err)
	}
	as := func() (out []byte, code int) {
		cmd := exec.CommandContext(t.Context(), program(t), "--root", root, "check", "--json")
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.Output()
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return out, cmd.ProcessState.ExitCode()
	}
	out, code := as()
	var answer struct{ Findings []finding.Finding }
	if err := json.Unmarshal(out, &answer); err != nil || code != 1 {
		t.Fatalf("exit status %d, %v: %s", code, err, out)
	}
	blind := map[string]bool{}
	for _, f := range answer.Findings {
		if f.ID != "GR106" && f.ID != "GR412" && f.ID != "GR408" { // this host may have no KVM, and no QEMU
			t.Errorf("%s %s: %s", f.Subject, f.ID, f.Message)
		}
		blind[f.Subject] = blind[f.Subject] || f.ID == "GR106"
	}
	if !blind["qemu.a"] || !blind["qemu.b"] || !blind["lxc.c"] {
		t.Errorf("not all is told: %s", out)
	}
	if err := os.Chmod(filepath.Join(root, "etc/conf.d"), 0); err != nil {
		t.Fatal(err)
	}
	if out, code := as(); code != 2 || !bytes.Equal(out, nil) {
		t.Errorf("of a directory that is closed: exit status %d, %s", code, out)
	}
}

// TestMendingKeepsOffOthersFiles: whoever the guest runs as can put other names of
// files where we look, and put something else in a name's place.
func TestMendingKeepsOffOthersFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"plain", "linked", "replaced", "link"} {
		if err := errors.Join(os.WriteFile(path(name), nil, 0o644), os.Chmod(path(name), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	was := map[string]os.FileInfo{}
	if err := os.Link(path("linked"), path("another")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plain", "linked", "replaced", "link"} {
		info, err := os.Lstat(path(name))
		if err != nil {
			t.Fatal(err)
		}
		was[name] = info
	}
	err := errors.Join(os.WriteFile(path("new"), nil, 0o644), os.Chmod(path("new"), 0o666), os.Rename(path("new"), path("replaced")),
		os.Rename(path("link"), path("theirs")), os.Symlink("theirs", path("link")))
	if err != nil {
		t.Fatal(err)
	}
	for name, mended := range map[string]bool{"plain": true, "linked": false, "replaced": false, "link": false} {
		if err := chmod(path(name), was[name], 0o022); (err == nil) != mended {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]os.FileMode{"plain": 0o644, "linked": 0o666, "replaced": 0o666, "theirs": 0o666} {
		if info, err := os.Stat(path(name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestACopyOfAGuestsFileIsNoGuest, unless something starts it.
func TestACopyOfAGuestsFileIsNoGuest(t *testing.T) {
	const text = "kernel=/proc/version\nenable_kvm=no\nuser=root\nvnc_display=1\n"
	root := t.TempDir()
	put(t, root, map[string]string{"etc/conf.d/qemu.a": text, "etc/conf.d/qemu.a.bak": text, "etc/conf.d/qemu.a.apk-new": text, "etc/conf.d/qemu.b.old": text})
	clashes := func() (of string) {
		found, _ := checked(t, root)
		for _, f := range found {
			if f.ID == "GR305" {
				of += f.Subject + " "
			}
		}
		return of
	}
	if got := clashes(); got != "qemu.a qemu.b.old " { // of which there is no other
		t.Error(got)
	}
	put(t, root, map[string]string{"etc/init.d/guestrc": ""})
	if err := os.Symlink("guestrc", filepath.Join(root, "etc/init.d/qemu.a.bak")); err != nil {
		t.Fatal(err)
	}
	if got := clashes(); got != "qemu.a qemu.a.bak qemu.b.old " {
		t.Error(got)
	}
}
