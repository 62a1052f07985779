package qemu

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/need"
)

// help is what a QEMU prints, cut to what matters here.
const help = `QEMU emulator version %s
Copyright (c) 2003-2022 Fabrice Bellard and the QEMU Project developers
usage: qemu-system-x86_64 [options] [disk_image]

Standard options:
-h or -help     display this help and exit
-smp [[cpus=]n][,maxcpus=maxcpus]
                user=no option of this one
%s-sandbox on[,obsolete=allow|deny]
                user=nor of this one
`

func TestParseHelp(t *testing.T) {
	for _, c := range []struct {
		version, options string
		want             Features
	}{
		{"7.2.22 (Debian 1:7.2+dfsg-7)", "-runas user     change to user id user just before starting the VM\n",
			Features{Version: "7.2.22", Runas: true}},
		{"8.2.0", "-runas user     change to user\n-run-with [async-teardown=on|off][,chroot=dir]\n                Set options:\n",
			Features{Version: "8.2.0", Runas: true}},
		{"9.2.0", "-runas user     change to user\n-run-with [async-teardown=on|off][,chroot=dir][user=username|uid:gid]\n",
			Features{Version: "9.2.0", Runas: true, RunWithUser: true}},
		{"11.1.0", "-run-with [async-teardown=on|off][,chroot=dir]\n          [,exit-with-parent=on|off][,user=username|uid:gid]\n",
			Features{Version: "11.1.0", RunWithUser: true}},
	} {
		got, err := parseHelp(fmt.Sprintf(help, c.version, c.options))
		if err != nil || got != c.want {
			t.Errorf("QEMU %s: %+v, %v, want %+v", c.version, got, err, c.want)
		}
	}
	for _, text := range []string{"", "GNU bash, version 5\n-c\n", "qemu-img version 7.2\n"} {
		if got, err := parseHelp(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func FuzzParseHelp(f *testing.F) {
	f.Add(fmt.Sprintf(help, "7.2.22", "-runas user\n"))
	f.Add("QEMU emulator version 11\n-run-with user=\n-run-with")
	f.Add("-\n-run-with\x00user=")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseHelp(text)
		if err == nil && (got.Version == "" || !strings.HasPrefix(text, "QEMU emulator version ")) {
			t.Errorf("%q is read as %+v", text, got)
		}
	})
}

// fakeQEMU is a script that prints a QEMU's help and counts how often.
type fakeQEMU struct{ path, count string }

func newFakeQEMU(t *testing.T, version string) fakeQEMU {
	t.Helper()
	dir := t.TempDir()
	q := fakeQEMU{filepath.Join(dir, "qemu-system-fake"), filepath.Join(dir, "count")}
	q.become(t, version)
	return q
}

func (q fakeQEMU) become(t *testing.T, version string) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\necho x >>%s\ncat <<'E'\n%sE\n", q.count, fmt.Sprintf(help, version, "-runas user\n"))
	aside := q.path + ".new"
	if err := os.WriteFile(aside, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, q.path); err != nil {
		t.Fatal(err)
	}
}

func (q fakeQEMU) asked(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile(q.count)
	if err != nil {
		t.Fatal(err)
	}
	return len(data) / 2
}

// TestProbeOnce: a program is asked once, an upgraded one once more, and one
// whose cache is broken again.
func TestProbeOnce(t *testing.T) {
	q, cache := newFakeQEMU(t, "7.2.0"), filepath.Join(t.TempDir(), "cache")
	probe := func(version string, asked int) {
		t.Helper()
		f, err := probeFeatures(t.Context(), cache, q.path)
		if err != nil || f.Version != version || !f.Runas {
			t.Fatalf("%+v, %v", f, err)
		}
		if n := q.asked(t); n != asked {
			t.Errorf("asked %d times, want %d", n, asked)
		}
	}
	probe("7.2.0", 1)
	probe("7.2.0", 1)
	q.become(t, "10.0.0")
	probe("10.0.0", 2)
	probe("10.0.0", 2)

	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v, want one file", entries, err)
	}
	file := filepath.Join(cache, entries[0].Name())
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for n, broken := range []string{"", "{", "null", "[]", `{"path":"/bin/sh"}`, string(whole[:len(whole)/2]), strings.Replace(string(whole), `"version":"10.0.0"`, `"version":""`, 1)} {
		if err := os.WriteFile(file, []byte(broken), 0o644); err != nil {
			t.Fatal(err)
		}
		probe("10.0.0", 3+n)
		probe("10.0.0", 3+n)
	}
}

// TestProbeWithoutCache: a cache that cannot be written costs time only.
func TestProbeWithoutCache(t *testing.T) {
	q := newFakeQEMU(t, "7.2.0")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		if f, err := probeFeatures(t.Context(), filepath.Join(file, "cache"), q.path); err != nil || f.Version != "7.2.0" || q.asked(t) != n {
			t.Errorf("%+v, %v", f, err)
		}
	}
}

func TestProbeErrors(t *testing.T) {
	dir := t.TempDir()
	for name, script := range map[string]string{"fails": "exit 1", "other": "echo hello"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"fails", "other", "missing", "."} {
		if f, err := probeFeatures(t.Context(), filepath.Join(dir, "cache"), filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is understood as %+v", name, f)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "cache")); err == nil && len(entries) > 0 {
		t.Errorf("failures are kept: %v", entries)
	}
}

// TestProbeHangs: a program that does not answer is ended with its deadline.
func TestProbeHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hangs")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if f, err := probeFeatures(ctx, t.TempDir(), path); err == nil {
		t.Errorf("%+v", f)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestProbeRealQEMU(t *testing.T) {
	need.Programs(t, "qemu-system-x86_64")
	path, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Fatal(err)
	}
	f, err := probeFeatures(t.Context(), t.TempDir(), path)
	if err != nil || f.Version == "" || !f.Runas && !f.RunWithUser {
		t.Errorf("%+v, %v", f, err)
	}
}
