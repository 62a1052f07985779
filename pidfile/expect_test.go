package pidfile

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestHasArgs(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
		is   bool
	}{
		{"q\x00-pidfile\x00/p\x00", []string{"-pidfile", "/p"}, true},
		{"q\x00-pidfile\x00/p\x00-S\x00", []string{"-pidfile", "/p"}, true},
		{"-pidfile\x00/p\x00", []string{"-pidfile", "/p"}, true},
		{"q\x00-pidfile\x00/p", []string{"-pidfile", "/p"}, true}, // no NUL after the last: setproctitle
		{"q\x00-pidfile\x00x\x00/p\x00", []string{"-pidfile", "/p"}, false},
		{"q\x00-pidfile /p\x00", []string{"-pidfile", "/p"}, false},
		{"q\x00-pidfile\x00/p2\x00", []string{"-pidfile", "/p"}, false},
		{"q\x00/p\x00-pidfile\x00", []string{"-pidfile", "/p"}, false},
		{"q\x00-pidfile\x00", []string{"-pidfile", ""}, false},
		{"q\x00-pidfile\x00\x00", []string{"-pidfile", ""}, true},
		{"", []string{"a"}, false},
		{"\x00", []string{""}, true},
	} {
		if hasArgs([]byte(c.line), c.want) != c.is {
			t.Errorf("%q in %q: want %v", c.want, c.line, c.is)
		}
	}
}

// copyOfSleep puts an executable under a path of ours, and starts it.
func copyOfSleep(t *testing.T, path string) *Process {
	t.Helper()
	from, err := exec.LookPath("sleep")
	ok(t, err)
	in, err := os.Open(from)
	ok(t, err)
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	ok(t, err)
	_, err = io.Copy(out, in)
	ok(t, err)
	ok(t, out.Close())
	cmd := exec.CommandContext(deadline(t), path, "1000")
	cmd.Args[0] = "sleep" // where sleep is busybox
	ok(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return capture(t, cmd.Process.Pid)
}

// An upgrade replaces the binary under a running guest, or removes it.
func TestExpectExe(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "vm")
	link := filepath.Join(dir, "kvm")
	ok(t, os.Symlink("vm", link))
	ok(t, os.Symlink(dir, dir+"/also"))
	p := copyOfSleep(t, path)
	other := filepath.Join(dir, "other")
	ok(t, os.WriteFile(other, nil, 0o755))
	check := func(when string) {
		t.Helper()
		for _, exe := range []string{path, link, dir + "/also/vm", dir + "/also/kvm"} {
			if why := (Expect{Exe: exe}).mismatch(p.Pid()); why != "" {
				t.Errorf("%s, %s: %s", when, exe, why)
			}
		}
		for _, exe := range []string{other, dir, "/bin/sh", "vm", dir + "/none"} {
			if why := (Expect{Exe: exe}).mismatch(p.Pid()); !strings.HasPrefix(why, "it runs "+path) {
				t.Errorf("%s, %s: mismatch is %q", when, exe, why)
			}
		}
	}
	check("untouched")
	ok(t, os.WriteFile(path+".new", nil, 0o755))
	ok(t, os.Rename(path+".new", path))
	check("replaced")
	ok(t, os.Remove(path))
	check("removed")
}

func TestExpectUnreadable(t *testing.T) {
	c := spawn(t, "wait")
	c.kill()
	if why := (Expect{Exe: "/bin/sh"}).mismatch(c.pid); !strings.Contains(why, "cannot be read") {
		t.Error(why)
	}
	if why := (Expect{Arg: []string{"x"}}).mismatch(c.pid); !strings.Contains(why, "cannot be read") {
		t.Error(why)
	}
}
