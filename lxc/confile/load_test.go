package confile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree writes files below a new directory; @ in a text stands for it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), strings.ReplaceAll(text, "@", dir))
	}
	return dir
}

func TestIncludesStandWhereTheyAreIncluded(t *testing.T) {
	dir := tree(t, map[string]string{
		"config":        "lxc.uts.name=a\nlxc.include = '@/one'\nlxc.include=@/d.d\nlxc.include=@/none/\nlxc.include=\nlxc.tty.max=9\n",
		"one":           "lxc.tty.max=1\nlxc.include=@/two\n",
		"two":           "lxc.tty.max=2\n",
		"d.d/b.conf":    "lxc.tty.max=4\n",
		"d.d/a.conf":    "lxc.tty.max=3\n",
		"d.d/.h.conf":   "lxc.tty.max=h\n",
		"d.d/.conf":     "lxc.tty.max=no\n",
		"d.d/README":    "lxc.\n",
		"d.d/x.conf.bk": "lxc.\n",
	})
	c, err := Load(dir + "/config")
	if err != nil {
		t.Fatal(err)
	}
	if got := values(c.All("lxc.tty.max")); got != "1|2|h|3|4|9" {
		t.Errorf("order: %s", got)
	}
	at := func(names ...string) (paths []string) {
		for _, name := range names {
			paths = append(paths, dir+name)
		}
		return paths
	}
	if diff := cmp.Diff(at("/config", "/one", "/two", "/d.d/.h.conf", "/d.d/a.conf", "/d.d/b.conf"), c.Files); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(at("/d.d", "/none/"), c.Dirs); diff != "" {
		t.Error(diff)
	}
	if e, _ := c.Get("lxc.tty.max"); e.Pos.String() != dir+"/config:6:1" {
		t.Errorf("%v", e.Pos)
	}
}

func TestParseDoesNotFollowIncludes(t *testing.T) {
	c := parsed(t, "lxc.include = /no/such\n")
	if len(c.Files) != 0 || values(c.All("lxc.include")) != "/no/such" {
		t.Errorf("%+v", c)
	}
}

func TestWhatCannotBeIncluded(t *testing.T) {
	dir := tree(t, map[string]string{
		"self": "\n  lxc.include=@/self\n", "ring": "lxc.include=@/ring2\n", "ring2": "lxc.include=@/link\n",
		"dirring": "lxc.include=@/ring.d\n", "ring.d/a.conf": "lxc.include=@/ring.d/\n", "huge": strings.Repeat("x", maxFile+1), "file": "",
		"fifo.d/a.conf/file": "", "long": "lxc.uts.name=" + strings.Repeat("x", 10<<20),
	})
	if err := errors.Join(os.Symlink("ring", dir+"/link"), unix.Mkfifo(dir+"/fifo", 0o600), unix.Mkfifo(dir+"/fifo.d/x.conf", 0o600), os.Symlink("no/such", dir+"/dangling")); err != nil {
		t.Fatal(err)
	}
	for i := range maxDepth + 2 {
		write(t, fmt.Sprintf("%s/deep%d", dir, i), fmt.Sprintf("lxc.include=%s/deep%d\n", dir, i+1))
	}
	write(t, dir+"/bomb0", "lxc.tty.max=1\n")
	for i := range 12 {
		write(t, fmt.Sprintf("%s/bomb%d", dir, i+1), strings.Repeat(fmt.Sprintf("lxc.include=%s/bomb%d\n", dir, i), 10))
	}
	for name, want := range map[string]string{
		"self": "self:2:3: cannot include @/self: an include in a circle", "ring": "ring2:1:1: cannot include @/link: an include in a circle",
		"dirring": "ring.d/a.conf:1:1: cannot include @/ring.d/a.conf: an include in a circle",
		"fifo":    "cannot read @/fifo: it is not a regular file", "dangling": "cannot read @/dangling: no such file or directory",
		"huge": "cannot read @/huge: it has more than 1048576 bytes", "long": "cannot read @/long: it has more than 1048576 bytes",
		"deep0": fmt.Sprintf("deep%d:1:1: cannot include @/deep%d: more than 16 files deep", maxDepth, maxDepth+1),
		"":      "cannot read @/: it is a directory", "/../../../../../dev/zero": "cannot read /dev/zero: it is not a regular file",
		"bomb12": "more than 512 files in all",
	} {
		_, err := Load(filepath.Clean(dir+"/"+name) + map[bool]string{true: "/"}[name == ""])
		if want = strings.ReplaceAll(want, "@", dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", name, err, want)
		}
	}
	for value, want := range map[string]string{
		dir + "/none": "cannot include @/none: no such file or directory", "relative": "cannot include relative: LXC would look for it from wherever it is started",
		dir + "/fifo": "cannot read @/fifo: it is not a regular file", dir + "/file/": "cannot include @/file/: not a directory",
		dir + "/fifo.d": "cannot read @/fifo.d/x.conf: it is not a regular file", "/dev/null": "cannot read /dev/null: it is not a regular file",
	} {
		write(t, dir+"/config", "lxc.tty.max=1\nlxc.include = "+value+"\n")
		_, err := Load(dir + "/config")
		if want = dir + "/config:2:1: " + strings.ReplaceAll(want, "@", dir); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", value, err, want)
		}
	}
	if _, err := Load(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not recognised as missing: %v", err)
	}
}

func TestAFileMayBeIncludedTwice(t *testing.T) {
	dir := tree(t, map[string]string{"config": "lxc.include=@/a\nlxc.include=@/a\n", "a": "lxc.mount.entry=x y\n"})
	c, err := Load(dir + "/config")
	if err != nil || values(c.All("lxc.mount.entry")) != "x y|x y" {
		t.Errorf("%+v %v", c, err)
	}
}

// TestAFileIsReadWhole: also one that grew or shrank since it was looked at.
func TestAFileIsReadWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, c := range []struct{ has, had, want int }{{0, 0, 0}, {5, 5, 5}, {5, 0, 5}, {5, 9, 5}, {4000, 1, 4000}, {70000, 70000, 70000},
		{maxFile, maxFile, maxFile}, {maxFile, 0, maxFile}, {maxFile + 9, maxFile + 1, maxFile + 1}, {maxFile + 9, 0, maxFile + 1}} {
		whole := bytes.Repeat([]byte("lxc\n"), c.has/4+1)[:c.has]
		write(t, path, string(whole))
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err := readAll(int(f.Fd()), c.had)
		if err != nil || !bytes.Equal(got, whole[:c.want]) {
			t.Errorf("%d bytes that were %d: %d are read, %v", c.has, c.had, len(got), err)
		}
	}
}

func TestManyNetworksTakeNoTimeWorthMentioning(t *testing.T) {
	var text bytes.Buffer
	for i := range 20000 {
		fmt.Fprintf(&text, "lxc.net.%d.a=\nlxc.network.type=\nlxc.network.type=x\n", i)
	}
	c, err := Parse("f", text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if nets := c.Nets(); len(nets) != 1 || nets[0].Index != 20000 {
		t.Errorf("%+v", nets)
	}
}
