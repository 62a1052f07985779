package confile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/tests/need"
)

// migrated returns what Migrate makes of the files below dir, by name.
func migrated(t *testing.T, dir string) map[string]string {
	t.Helper()
	changes, err := Migrate(dir + "/config")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, c := range changes {
		name, err := filepath.Rel(dir, c.Path)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = strings.ReplaceAll(string(c.New), dir, "@")
	}
	return texts
}

func TestMigrationKeepsAllButLegacyKeys(t *testing.T) {
	for _, c := range []struct{ name, old, want string }{
		{"spacing, quotes, comments", " \tlxc.utsname\t=  'a'  \n\n# lxc.utsname = old\n#lxc.tty=1\nlxc.tty=4 # no comment\nnonsense\n",
			" \tlxc.uts.name\t=  'a'  \n\n# lxc.utsname = old\n#lxc.tty=1\nlxc.tty.max=4 # no comment\nnonsense\n"},
		{"line ends", "lxc.tty = 1\r\nlxc.kmsg = 0\r\nlxc.pts = 2\rlxc.pivotdir=x\rlxc.tty=3\nlxc.utsname = x", "lxc.tty.max = 1\r\nlxc.pty.max = 2\r\rlxc.tty.max=3\nlxc.uts.name = x"},
		{"keys without successor", "lxc.kmsg = 0\nlxc.autodev = 1\n  lxc.pivotdir = x\nlxc.rootfs.backend=btrfs", "lxc.autodev = 1\n"},
		{"rootfs", "lxc.rootfs.backend = overlayfs\nlxc.rootfs = \"/a b:/c\"\n", "lxc.rootfs.path = \"overlayfs:/a b:/c\"\n"},
		{"a rootfs with a prefix", "lxc.rootfs = lvm:/dev/a/b\n", "lxc.rootfs.path = lvm:/dev/a/b\n"},
		{"limits and numbers", "lxc.limit.nofile=1\nlxc.network.0.type = veth\nlxc.network.0.ipv4 = 1.2.3.4/8\n", "lxc.prlimit.nofile=1\nlxc.net.0.type = veth\nlxc.net.0.ipv4.address = 1.2.3.4/8\n"},
		{"a cleared network", "lxc.network.type = veth\nlxc.network.type =\nlxc.network = \"\"\n", "lxc.net.0.type = veth\nlxc.net =\nlxc.net = \"\"\n"},
	} {
		dir := tree(t, map[string]string{"config": c.old})
		got := migrated(t, dir)
		if diff := cmp.Diff(map[string]string{"config": c.want}, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		write(t, dir+"/config", got["config"])
		if again := migrated(t, dir); len(again) != 0 {
			t.Errorf("%s: migrated twice: %v", c.name, again)
		}
	}
}

func TestMigrationFollowsIncludes(t *testing.T) {
	dir := tree(t, map[string]string{
		"config":       "lxc.network.type = veth\nlxc.include = @/net.d\nlxc.network.type = phys\nlxc.include = @/new\nlxc.include = @/back\nlxc.include=@/link\nlxc.rootfs=/srv\n",
		"net.d/a":      "lxc.utsname = not included\n",
		"net.d/a.conf": "lxc.network.link = br0\nlxc.network.type = macvlan\n",
		"net.d/b.conf": "lxc.network.link = br1\n",
		"new":          "lxc.uts.name = x\n",
		"back":         "lxc.rootfs.backend = zfs\n",
		"real/file":    "lxc.tty = 1\n",
	})
	if err := os.Symlink("real/file", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"config":       "lxc.net.0.type = veth\nlxc.include = @/net.d\nlxc.net.2.type = phys\nlxc.include = @/new\nlxc.include = @/back\nlxc.include=@/link\nlxc.rootfs.path=zfs:/srv\n",
		"net.d/a.conf": "lxc.net.0.link = br0\nlxc.net.1.type = macvlan\n",
		"net.d/b.conf": "lxc.net.1.link = br1\n",
		"back":         "",
		"real/file":    "lxc.tty.max = 1\n",
	}
	if diff := cmp.Diff(want, migrated(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestAFileIncludedTwiceIsMigratedOnceOrRefused(t *testing.T) {
	dir := tree(t, map[string]string{"config": "lxc.include=@/a\nlxc.include=@/a\n", "a": "lxc.tty=1\nlxc.kmsg=1\nlxc.rootfs=/a\n"})
	if diff := cmp.Diff(map[string]string{"a": "lxc.tty.max=1\nlxc.rootfs.path=dir:/a\n"}, migrated(t, dir)); diff != "" {
		t.Error(diff)
	}
	write(t, dir+"/a", "lxc.tty=1\nlxc.network.type=veth\n")
	_, err := Migrate(dir + "/config")
	if want := dir + "/a:2: the file is included twice, and this line would need two numbers"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// longConfig has changes far apart, deleted lines, and no newline at its end.
func longConfig() string {
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "# %d\n", i)
		if i%7 == 3 || i%20 == 0 {
			text.WriteString("lxc.kmsg = 0\nlxc.tty = 4\r\n")
		}
	}
	return "lxc.pivotdir = x\n" + text.String() + "lxc.utsname = x"
}

func TestDiffIsOneThatPatchTakes(t *testing.T) {
	need.Programs(t, "patch")
	dir := tree(t, map[string]string{"config": longConfig(), "gone": ""})
	changes, err := Migrate(dir + "/config")
	if err != nil || len(changes) != 1 {
		t.Fatal(changes, err)
	}
	cmd := exec.CommandContext(t.Context(), "patch", "--binary", "--fuzz=0", "-s", dir+"/config")
	cmd.Stdin = strings.NewReader(changes[0].Diff())
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v %s\n%s", err, out, changes[0].Diff())
	}
	if diff := cmp.Diff(string(changes[0].New), read(t, dir+"/config")); diff != "" {
		t.Error(diff)
	}
	for _, l := range changes[0].Lines {
		if l.Deleted != (l.New == "") || strings.ContainsAny(l.Old+l.New, "\r\n") {
			t.Errorf("%+v", l)
		}
	}
}

func TestDiffOfOneLine(t *testing.T) {
	c := Change{Path: "/x", Old: []byte("a\nlxc.tty=1\n"), New: []byte("a\nlxc.tty.max=1\n"), Lines: []LineChange{{2, "lxc.tty=1", "lxc.tty.max=1", false}}}
	if got := c.Diff(); got != "--- /x\n+++ /x\n@@ -1,2 +1,2 @@\n a\n-lxc.tty=1\n+lxc.tty.max=1\n" {
		t.Error(got)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
