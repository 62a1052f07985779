package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/need"
)

// TestWhatSystemdComplainsOfIsFound: systemd-analyze verify and check look at the
// same installation, with one fault each. What an admin's own drop-ins say is
// left to systemd.
func TestWhatSystemdComplainsOfIsFound(t *testing.T) {
	need.Programs(t, "systemd-analyze")
	const unit, program = "usr/lib/systemd/system/guestrc-qemu@.service", "usr/bin/guestrc"
	for _, c := range []struct {
		name     string
		spoil    func(t *testing.T, root string)
		complain string // of systemd, a pattern; empty: it has nothing to say
		find     string // of check, a pattern; empty: nothing
	}{
		{name: "nothing is wrong"},
		{name: "a key is misspelt", spoil: edit(unit, "ExecStop=", "ExecStpo="), complain: "Unknown key.*ExecStpo", find: "GR605"},
		{name: "a line is none", spoil: edit(unit, "[Install]", "[Install]\nnonsense"), complain: "Missing '='", find: "GR605"},
		{name: "the program is missing", spoil: func(t *testing.T, root string) {
			if err := os.Remove(filepath.Join(root, program)); err != nil {
				t.Fatal(err)
			}
		}, complain: "not executable", find: "error GR606: it is not there"},
		{name: "anybody may write the unit", spoil: mode(unit, 0o666), complain: "world-writable", find: "GR701"},
		{name: "the unit is executable", spoil: mode(unit, 0o755), complain: "marked executable", find: "GR606"},
		// What systemd cannot see:
		{name: "a misspelt variable", spoil: edit("etc/conf.d/qemu.a", "memory=", "memroy="), find: "GR101"},
		{name: "an edit that is well formed", spoil: edit(unit, "KillMode=", "#KillMode="), find: "GR605"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := systemdRoot(t)
			if c.spoil != nil {
				c.spoil(t, root)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			said, _ := exec.CommandContext(ctx, "systemd-analyze", "--man=no", "--root="+root, "verify", "guestrc-qemu@a.service").CombinedOutput()
			agrees(t, "systemd-analyze", string(said), c.complain)
			found, _ := checked(t, root)
			var told strings.Builder
			for _, f := range found {
				fmt.Fprintf(&told, "%s %s: %s\n", f.Severity, f.ID, f.Message)
			}
			agrees(t, "check", told.String(), c.find)
		})
	}
}

// bootable is a disk with boot code and an active partition.
var bootable = strings.Repeat("\x90", 446) + "\x80\x00\x00\x00\x83\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 48) + "\x55\xaa" + strings.Repeat("\x00", 512)

// systemdRoot has guestrc installed for systemd, a guest with which all is well,
// and the units of systemd's own that the guest's name.
func systemdRoot(t *testing.T) string {
	root := t.TempDir()
	put(t, root, map[string]string{
		"etc/conf.d/qemu.a":       "memory=64M\nenable_kvm=no\nuser=nobody\nnet0=user\ndisk0_file=" + root + "/disk\ndisk0_format=raw\n",
		"usr/bin/guestrc":         "#!/bin/sh\n",
		"disk":                    bootable,
		"etc/systemd/system/keep": "",
	})
	for _, name := range []string{"basic", "sysinit", "local-fs", "local-fs-pre", "shutdown", "multi-user", "network", "network-online", "swap", "slices", "sockets",
		"timers", "paths", "umount", "final"} {
		put(t, root, map[string]string{"usr/lib/systemd/system/" + name + ".target": "[Unit]\nDefaultDependencies=no\n"})
	}
	put(t, root, map[string]string{"usr/lib/systemd/system/machine.slice": "[Unit]\nDefaultDependencies=no\n"})
	if err := os.Chmod(filepath.Join(root, "usr/bin/guestrc"), 0o755); err != nil {
		t.Fatal(err)
	}
	e := newEnv("guestrc", nil, io.Discard, io.Discard, func(string) string { return "" })
	if err := e.run(t.Context(), []string{"--root", root, "install", "--init", "systemd"}); err != nil {
		t.Fatal(err)
	}
	return root
}

// agrees wants text to match; for no pattern, to be empty.
func agrees(t *testing.T, who, text, pattern string) {
	t.Helper()
	if pattern == "" && strings.TrimSpace(text) != "" || !regexp.MustCompile(pattern).MatchString(text) {
		t.Errorf("%s says:\n%swant: %q", who, text, pattern)
	}
}

func edit(path, from, to string) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		path := filepath.Join(root, path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), from, to, 1)
		if changed == string(text) {
			t.Fatalf("%s has no %q", path, from)
		}
		if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func mode(path string, bits os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		if err := os.Chmod(filepath.Join(root, path), bits); err != nil {
			t.Fatal(err)
		}
	}
}
