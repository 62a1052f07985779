package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/finding"
)

// put writes files below a root, by their paths.
func put(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// checked runs a check of root.
func checked(t *testing.T, root string, args ...string) (found []finding.Finding, err error) {
	t.Helper()
	var out, warnings bytes.Buffer
	e := newEnv("guestrc", nil, &out, &warnings, func(string) string { return "" })
	err = e.run(t.Context(), append([]string{"--root", root, "check", "--json"}, args...))
	var answer struct{ Findings []finding.Finding }
	if errJSON := json.Unmarshal(out.Bytes(), &answer); errJSON != nil {
		t.Fatalf("%v, %v:\n%s%s", err, errJSON, out.String(), warnings.String())
	}
	return answer.Findings, err
}

// snapshot is what lies below a directory, with its times.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		all[path] = fmt.Sprintf("%o %d:%d, %d bytes, inode %d, %d %d", st.Mode, st.Uid, st.Gid, st.Size, st.Ino, st.Mtim.Nano(), st.Ctim.Nano())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestACheckChangesNothingAndRunsNothing: what a start asks of programs, and keeps
// for the next one, is not asked here.
func TestACheckChangesNothingAndRunsNothing(t *testing.T) {
	root, programs := t.TempDir(), t.TempDir()
	ran := filepath.Join(t.TempDir(), "ran")
	for _, name := range []string{"qemu-system-trap", "systemctl", "rc-update", "rc-service", "qemu-img", "lxc-start", "lxc-info", "ip"} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\necho \"$0 $*\" >>"+ran+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs)
	put(t, root, map[string]string{
		"sbin/openrc-run": "", "usr/lib/systemd/systemd": "", "run/systemd/system/x": "",
		"etc/conf.d/qemu.a":        "system_type=trap\nenable_kvm=no\nuser=nobody\ndisk0_file=" + root + "/srv/a.img\ndisk0_format=raw\nmemroy=1\n",
		"etc/conf.d/qemu.b":        "system_type=trap\nenable_kvm=auto\nuser=root\nvnc_display=1\nvnc_password=x\n",
		"etc/conf.d/net.br9":       "addresses=10.0.0.1/24\n",
		"etc/conf.d/lxc.web":       "",
		"etc/conf.d/guestrc":       "host_shutdown_budget=3\n",
		"var/lib/lxc/web/config":   "lxc.utsname = web\nlxc.rootfs = " + root + "/srv\n",
		"srv/a.img":                strings.Repeat("\x00", 4096),
		"run/guestrc/qemu.c/lock":  "",
		"run/guestrc/qemu.c/lease": "",
	})
	found, _ := checked(t, root, "qemu.b")
	if !slices.ContainsFunc(found, func(f finding.Finding) bool { return f.ID == "GR412" }) {
		t.Errorf("no machine of that sort is emulated: %+v", found)
	}
	before := snapshot(t, root)
	for _, args := range [][]string{nil, {"qemu.a", "lxc.web"}, {"--fix", "--dry-run"}} {
		if found, err := checked(t, root, args...); len(found) == 0 || !errors.As(err, new(silent)) {
			t.Errorf("%q: %v, %v", args, found, err)
		}
		if diff := cmp.Diff(before, snapshot(t, root)); diff != "" {
			t.Errorf("%q changes:\n%s", args, diff)
		}
		if text, err := os.ReadFile(ran); err == nil {
			t.Fatalf("%q runs %s", args, text)
		}
	}
}

// TestHostileFiles: whatever lies where a file is expected, a check ends soon and
// says so, of that guest alone.
func TestHostileFiles(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{"etc/conf.d/qemu.good": "kernel=/proc/version\nenable_kvm=no\nuser=root\n",
		"run/guestrc/qemu.record/state.json": "{", "etc/conf.d/qemu.record": "kernel=/proc/version\nenable_kvm=no\nuser=root\n"})
	conf := func(name string) string { return filepath.Join(root, "etc/conf.d", name) }
	init := filepath.Join(root, "etc/init.d")
	huge, err := os.Create(conf("qemu.huge"))
	if err == nil {
		err = errors.Join(huge.Truncate(1<<30), huge.Close())
	}
	err = errors.Join(err, unix.Mkfifo(conf("qemu.fifo"), 0o644), os.Mkdir(conf("qemu.dir"), 0o755),
		os.Symlink("qemu.circle", conf("qemu.circle")), os.Symlink("/dev/zero", conf("qemu.zero")), os.Symlink("nowhere", conf("qemu.nowhere")),
		os.WriteFile(conf("qemu.bytes"), []byte("a=\x00\xff\x1b[2J\n"), 0o644),
		os.MkdirAll(init, 0o755), unix.Mkfifo(filepath.Join(init, "qemu.fifo"), 0o755), os.Symlink("qemu.loop", filepath.Join(init, "qemu.loop")),
		os.MkdirAll(filepath.Join(root, "run/guestrc/qemu.good/state.json"), 0o755),
		os.MkdirAll(filepath.Join(root, "var/lib/guestrc"), 0o755), unix.Mkfifo(filepath.Join(root, "var/lib/guestrc/installed.json"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	found, err := checked(t, root)
	if took := time.Since(began); took > lookTime/2 || !errors.As(err, new(silent)) {
		t.Errorf("it took %v: %v", took, err)
	}
	ids := map[string]string{}
	for _, f := range found {
		ids[f.Subject] += f.ID + " "
		if strings.ContainsAny(f.Message+f.Hint, "\x00\x1b") && strings.Contains(f.Pos.File, "bytes") {
			t.Errorf("%q", f.Message)
		}
	}
	for name, want := range map[string]string{"qemu.huge": "GR100", "qemu.fifo": "GR100", "qemu.dir": "GR100", "qemu.circle": "GR100", "qemu.zero": "GR100",
		"qemu.bytes": "GR100", "qemu.good": "GR705", "qemu.record": "GR705", "qemu.nowhere": "GR100", "": "GR606"} {
		if !strings.Contains(ids[name], want) {
			t.Errorf("%s: %q, want %s", name, ids[name], want)
		}
	}
}

// TestLooksThatHangDoSoTogether: each here waits for all others.
func TestLooksThatHangDoSoTogether(t *testing.T) {
	n := 2*runtime.NumCPU() + 1
	var begun sync.WaitGroup
	begun.Add(n)
	ended := make(chan struct{})
	go func() {
		abreast(n, func(int) { begun.Done(); begun.Wait() })
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("they wait for each other's end")
	}
}

func TestLinesBreakBetweenWords(t *testing.T) {
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, "  one two three\n"},
		{80, "  one two three\n"},
		{10, "  one two\n    three\n"},
		{8, "  one\n    two\n    three\n"},
		{2, "  one two three\n"},
	} {
		var out bytes.Buffer
		e := newEnv("guestrc", nil, &out, &out, func(string) string { return "" })
		e.out.width = c.width
		e.wrap("  ", "    ", "one two three")
		if out.String() != c.want {
			t.Errorf("%d: %q, want %q", c.width, out.String(), c.want)
		}
	}
}

func TestWhatManyHaveInCommonIsToldOnce(t *testing.T) {
	f := func(subject, message string) finding.Finding {
		return finding.Finding{ID: "GR405", Subject: subject, Message: message}
	}
	got := gather([]finding.Finding{f("", "x"), f("qemu.a", "no KVM"), f("qemu.a", "own"), f("qemu.b", "no KVM")})
	var lines []string
	for _, g := range got {
		lines = append(lines, g.heading()+": "+g.Message+" "+shortened(g.guests))
	}
	want := []string{"the host and all guests: x ", "the host and all guests: no KVM qemu.a, qemu.b", "qemu.a: own "}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if got := shortened(strings.Split("abcdefgh", "")); got != "a, b, c, d and 4 more" {
		t.Error(got)
	}
}
