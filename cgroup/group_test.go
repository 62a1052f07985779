package cgroup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), d)
	t.Cleanup(cancel)
	return ctx
}

// top gives the mount of a hierarchy: of a controller of version 1, or "" for
// version 2.
func top(t *testing.T, controller string) string {
	t.Helper()
	need.Root(t)
	all, err := mounts()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if controller == "" && m.version == 2 || controller != "" && m.version == 1 && slices.Contains(m.options, controller) {
			return m.dir
		}
	}
	need.Missing(t, "no control groups with %q are mounted", controller)
	return ""
}

// kinds are the hierarchies that tests need: one that has a freezer of version
// 1, and version 2.
var kinds = map[string]string{"version 1": "freezer", "version 2": ""}

// newGroup makes a group that is emptied and removed after the test.
func newGroup(t *testing.T, controller string) Group {
	t.Helper()
	dir := filepath.Join(top(t, controller), fmt.Sprintf("gr-cgroup-%d-%08x", os.Getpid(), rand.Uint32()))
	return mkdir(t, dir)
}

func mkdir(t *testing.T, dir string) Group {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	g := Group{Dir: dir}
	t.Cleanup(func() {
		if err := Kill(within(t, 20*time.Second), []Group{g}); err != nil {
			t.Error(err)
		}
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func enter(t *testing.T, pid int, groups ...Group) {
	t.Helper()
	for _, g := range groups {
		if err := os.WriteFile(g.Dir+"/cgroup.procs", []byte(strconv.Itoa(pid)), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// child is a shell that waits for a line before it runs the script.
type child struct {
	*lab.Process
	in   io.Writer
	out  *bufio.Reader
	r    *os.File
	said *int
}

func newChild(t *testing.T, script string, groups ...Group) child {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); hold.Close() })
	cmd := exec.Command("sh", "-c", "read go; "+script)
	cmd.Stdin, cmd.Stdout = in, w
	p := lab.Start(t, cmd)
	t.Cleanup(func() { // first of all: who is frozen does not die
		for _, g := range groups {
			if err := Kill(within(t, 20*time.Second), []Group{g}); err != nil {
				t.Error(err)
			}
		}
	})
	in.Close()
	w.Close()
	enter(t, p.Pid(), groups...)
	fmt.Fprintln(hold, "go")
	return child{p, hold, bufio.NewReader(r), r, new(int)}
}

// echoes reports whether the child, which runs cat, reacts in time.
func (c child) echoes(t *testing.T, d time.Duration) bool {
	t.Helper()
	*c.said++
	word := fmt.Sprintln("hello", *c.said)
	io.WriteString(c.in, word)
	c.r.SetReadDeadline(time.Now().Add(d))
	for {
		line, err := c.out.ReadString('\n')
		if line == word || errors.Is(err, os.ErrDeadlineExceeded) {
			return line == word
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (c child) lives() bool {
	select {
	case <-c.Done():
		return false
	default:
		return true
	}
}

func TestTheGroupsOfAProcessAreThoseItIsIn(t *testing.T) {
	v1, v2 := newGroup(t, "freezer"), newGroup(t, "")
	c := newChild(t, "exec cat", v1, v2)
	if !c.echoes(t, 10*time.Second) {
		t.Fatal("no echo")
	}
	groups, err := Of(c.Pid())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, g := range groups {
		if pids, err := g.Procs(); err != nil || !slices.Contains(pids, c.Pid()) {
			t.Errorf("%+v has %v (%v)", g, pids, err)
		}
		switch g.Dir {
		case v1.Dir:
			found++
			if diff := cmp.Diff(Group{v1.Dir, 1, []string{"freezer"}, "/" + filepath.Base(v1.Dir)}, g); diff != "" {
				t.Error(diff)
			}
		case v2.Dir:
			found++
			if g.Version != 2 || g.Path != "/"+filepath.Base(v2.Dir) {
				t.Errorf("%+v", g)
			}
		}
		if slices.ContainsFunc(g.Controllers, func(c string) bool { return strings.HasPrefix(c, "name=") }) {
			t.Errorf("%+v names a hierarchy among its controllers", g)
		}
	}
	lines, err := entries(c.Pid())
	if err != nil || found != 2 || len(groups) > len(lines) {
		t.Errorf("groups %+v for %+v (%v)", groups, lines, err)
	}
}

func TestNamedFindsGroupsThatExist(t *testing.T) {
	v1, v2 := newGroup(t, "freezer"), newGroup(t, "")
	names := []string{filepath.Base(v1.Dir), filepath.Base(v2.Dir), "gr-cgroup-absent"}
	groups, err := Named(names...)
	if err != nil || len(groups) != 2 || groups[0].Dir != v1.Dir || groups[1].Dir != v2.Dir {
		t.Errorf("%+v (%v)", groups, err)
	}
	own, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range own {
		if g.Path == "/" {
			continue
		}
		below := mkdir(t, filepath.Join(g.Dir, fmt.Sprintf("gr-cgroup-%d-%08x", os.Getpid(), rand.Uint32())))
		groups, err := Named(filepath.Base(below.Dir))
		if err != nil || len(groups) != 1 || groups[0].Dir != below.Dir {
			t.Errorf("%s: %+v (%v)", below.Dir, groups, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "a/b", "/", "a\nb"} {
		if groups, err := Named(bad); err == nil {
			t.Errorf("%q: %+v", bad, groups)
		}
	}
}

func TestAncestor(t *testing.T) {
	for _, tt := range []struct {
		path, dir, base string
		wantPath        string
		wantDir         string
	}{
		{"/lxc.payload.web", "/c/lxc.payload.web", "lxc.payload.web", "/lxc.payload.web", "/c/lxc.payload.web"},
		{"/lxc.payload.web/init.scope", "/c/lxc.payload.web/init.scope", "lxc.payload.web", "/lxc.payload.web", "/c/lxc.payload.web"},
		{"/a/lxc.payload.web-12/b/c", "/c/a/lxc.payload.web-12/b/c", "lxc.payload.web", "/a/lxc.payload.web-12", "/c/a/lxc.payload.web-12"},
		{"/a/lxc.payload.web/b", "/c/b", "lxc.payload.web", "/a/lxc.payload.web", "/c"}, // mounted from there
		{"/q/a/b", "/c/b", "q", "", ""}, // above the mount
		{"/lxc.payload.web1", "/c/lxc.payload.web1", "lxc.payload.web", "", ""},
		{"/lxc.payload.web-", "/c/lxc.payload.web-", "lxc.payload.web", "", ""},
		{"/lxc.payload.web-x", "/c/lxc.payload.web-x", "lxc.payload.web", "", ""},
		{"/lxc.payload.web-01", "/c/lxc.payload.web-01", "lxc.payload.web", "", ""},
		{"/", "/c", "lxc.payload.web", "", ""},
	} {
		g, ok := Group{Dir: tt.dir, Path: tt.path, Version: 2}.Ancestor(tt.base)
		if ok != (tt.wantPath != "") || g.Path != tt.wantPath || g.Dir != tt.wantDir {
			t.Errorf("%s of %s: %+v, %v", tt.base, tt.path, g, ok)
		}
	}
}

func TestOnlyGroupsAreTouched(t *testing.T) {
	g := newGroup(t, "")
	plain := t.TempDir()
	if err := os.Mkdir(plain+"/below", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(g.Dir, plain+"/link"); err != nil {
		t.Fatal(err)
	}
	c := newChild(t, "exec cat", g)
	for _, dir := range []string{plain, plain + "/below", plain + "/link", g.Dir + "/../" + filepath.Base(g.Dir), filepath.Base(g.Dir), ""} {
		other := Group{Dir: dir}
		for name, do := range map[string]func() error{
			"Procs":  func() error { _, err := other.Procs(); return err },
			"Frozen": func() error { _, err := other.Frozen(); return err },
			"Kill":   func() error { return Kill(within(t, time.Second), []Group{other}) },
			"Freeze": func() error { return Freeze(within(t, time.Second), []Group{other}) },
			"Thaw":   func() error { return Thaw(within(t, time.Second), []Group{other}) },
			"Remove": other.Remove,
		} {
			if err := do(); err == nil {
				t.Errorf("%s of %q: no error", name, dir)
			}
		}
	}
	if _, err := os.Stat(plain + "/below"); err != nil || !c.lives() {
		t.Errorf("%v, the child lives: %v", err, c.lives())
	}
}

func TestRemoveTakesEmptyGroupsOnly(t *testing.T) {
	for name, controller := range kinds {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, controller)
			inner := g.Dir + "/a/b/c"
			if err := os.MkdirAll(inner, 0o755); err != nil {
				t.Fatal(err)
			}
			c := newChild(t, "exec cat", Group{Dir: g.Dir + "/a/b"})
			if pids, err := g.Procs(); err != nil || !slices.Equal(pids, []int{c.Pid()}) {
				t.Errorf("%v (%v), not %d", pids, err, c.Pid())
			}
			err := g.Remove()
			if !errors.Is(err, unix.EBUSY) || !strings.Contains(fmt.Sprint(err), strconv.Itoa(c.Pid())) {
				t.Errorf("with a process in it: %v", err)
			}
			if _, err := os.Stat(inner); err != nil {
				t.Error(err)
			}
			c.Kill()
			for range 2 {
				if err := g.Remove(); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(g.Dir); !errors.Is(err, os.ErrNotExist) {
					t.Error(err)
				}
			}
		})
	}
}
