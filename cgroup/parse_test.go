package cgroup

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMountsAreParsed(t *testing.T) {
	for line, want := range map[string]mount{
		`41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw`:           {"/", "/sys/fs/cgroup/unified", 2, []string{"rw"}},
		`41 31 0:38 /a\040b /x\134y rw shared:2 master:3 - cgroup cgroup rw,cpu,cpuacct`: {"/a b", `/x\y`, 1, []string{"rw", "cpu", "cpuacct"}},
		`40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup none rw,xattr,name=systemd`:     {"/", "/sys/fs/cgroup/systemd", 1, []string{"rw", "xattr", "name=systemd"}},
		`40 31 0:37 / /x\9\04 rw - cgroup2 none`:                                         {"/", `/x\9\04`, 2, nil},
		`31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755`:              {},
		`31 23 0:28 / /a\040-\040cgroup2 rw - ext4 /dev/sda rw`:                          {},
	} {
		m, ok, err := parseMount(line)
		if err != nil || ok != (want.version != 0) {
			t.Errorf("%s: %v, %v", line, ok, err)
		}
		if diff := cmp.Diff(want, m, cmp.AllowUnexported(mount{})); diff != "" {
			t.Error(diff)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, tt := range []struct{ root, dir, group, want string }{
		{"/", "/c", "/a/b", "/c/a/b"},
		{"/", "/c", "/", "/c"},
		{"/a", "/c", "/a/b", "/c/b"},
		{"/a", "/c", "/a", "/c"},
		{"/a", "/c", "/ab", ""},
		{"/a", "/c", "/", ""},
	} {
		if got, ok := (mount{root: tt.root, dir: tt.dir}).place(tt.group); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%+v: %q, %v", tt, got, ok)
		}
	}
}

func FuzzMount(f *testing.F) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f.Add(line)
	}
	f.Add(`1 2 0:1 /a\040b /c\134 rw - cgroup none name=x`)
	f.Fuzz(func(t *testing.T, line string) {
		m, ok, err := parseMount(line)
		if ok && (err != nil || m.version == 0 || m.root[0] != '/' || m.dir[0] != '/') {
			t.Errorf("%q: %+v, %v", line, m, err)
		}
	})
}

func FuzzEntry(f *testing.F) {
	for _, line := range []string{"0::/", "9:name=systemd:/user.slice", "4:cpu,cpuacct:/a:b", "x", "1::", "-1:cpu:/", "0::/../x"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		e, err := parseEntry(line)
		if err != nil {
			return
		}
		if tail := strings.Join(e.controllers, ",") + ":" + e.path; !strings.HasSuffix(line, ":"+tail) || e.path[0] != '/' {
			t.Errorf("%q: %+v", line, e)
		}
		m := mount{root: "/", dir: "/nowhere", version: 2}
		if g, ok := m.group(e, e.path); ok {
			t.Errorf("%q: found %+v", line, g)
		}
	})
}

func FuzzProcs(f *testing.F) {
	for _, text := range []string{"", "1\n2\n", "0", "-1", "99999999999", "1 2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pids, err := parseProcs(text)
		var back []string
		for _, pid := range pids {
			if pid < 1 {
				t.Errorf("%q: %v", text, pids)
			}
			back = append(back, fmt.Sprint(pid))
		}
		if again, errAgain := parseProcs(strings.Join(back, "\n")); err == nil && (errAgain != nil || cmp.Diff(pids, again) != "") {
			t.Errorf("%q: %v, then %v", text, pids, again)
		}
	})
}
