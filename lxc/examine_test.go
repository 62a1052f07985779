package lxc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/need"
)

const veth = "lxc.net.0.type = veth\n"

func TestExamineFindsWhatLXCFailsAt(t *testing.T) {
	for lines, want := range map[string]string{
		"": "",
		veth + "lxc.net.0.hwaddr = 00:16:3e:00:00:01":  "",
		veth + "lxc.net.0.hwaddr = 10:66:6A:00:00:01":  "",
		veth + "lxc.net.0.hwaddr = 00:16:3e:xx:xx:xx":  "",
		veth + "lxc.net.0.hwaddr = xx:xx:xx:xx:xx:xx":  "",
		veth + "lxc.net.0.hwaddr = 5x:54:00:00:00:01":  "",
		veth + "lxc.net.0.hwaddr = 52:54:00:00:00:01":  "",
		veth + "lxc.net.0.hwaddr = 00:1b:21:00:00:01":  "GR303 may be the address of a real device",
		veth + "lxc.net.0.hwaddr = 53:54:00:00:00:01":  "GR304 an address of a group",
		veth + "lxc.net.0.hwaddr = x1:54:00:00:00:01":  "GR304 an address of a group",
		veth + "lxc.net.0.hwaddr = 52:54:00:00:00":     "GR102 not a MAC address",
		veth + "lxc.net.0.hwaddr = 00:00:00:00:00:00":  "GR102 not a MAC address",
		veth + "lxc.net.0.hwaddr = 52:54:00:00:00:0g":  "GR102 not a MAC address",
		"lxc.net.0.type = empty\nlxc.net.0.hwaddr = 1": "",

		"lxc.mount.auto = proc:mixed sys:ro cgroup:rw:force cgroup2 shmounts:/a:/b": "",
		"lxc.mount.auto = proc:mixd": `GR102 "proc:mixd"`,

		"lxc.idmap = u 0 100000":                                                        "GR102 does not understand",
		"lxc.idmap = u 0 0 65536":                                                       "GR102 no line with g for root inside",
		"lxc.idmap = u 0 0 65536\nlxc.idmap = g 1 1 10":                                 "GR102 no line with g for root inside",
		"lxc.idmap = u 0 0 1000\nlxc.idmap = g 0 0 1000\nlxc.idmap = u 999 100000 1":    "GR102 ids that it has in another line",
		"lxc.idmap = u 0 0 1000\nlxc.idmap = g 0 0 1000\nlxc.idmap = g 1000 999 1":      "GR102 ids that it has in another line",
		"lxc.idmap = u 0 0 1000\nlxc.idmap = g 0 0 1000\nlxc.idmap = u 1000 1000 64536": "",
	} {
		c, _ := described(t, lines)
		found(t, lines, c.Examine(t.Context(), nil), want)
	}
}

func TestExamineFindsMountsThatFail(t *testing.T) {
	for _, c := range []struct{ entry, want string }{
		{"/srv srv none bind 0 0", "GR516 the rootfs has no /srv"},
		{"/srv srv none bind,create=dir 0 0", ""},
		{"/srv srv none bind,optional 0 0", ""},
		{"/srv srv none rbind,ro 0 0", "GR516 the rootfs has no /srv"},
		{"tmpfs srv tmpfs size=1m 0 0", "GR516 the rootfs has no /srv"},
		{"tmpfs there tmpfs size=1m 0 0", ""},
		{"tmpfs there tmpfs size=1m 0 0\nlxc.mount.entry = /srv there/more none bind 0 0", ""}, // who knows what is there then
		{"/srv dev/more none bind 0 0", ""},
		{"ROOT/rootfs/bin/sh there/file none bind 0 0", "GR516 the rootfs has no /there/file"},
		{"/srv there none bind 0 0", ""},
		{"/srv ROOT/rootfs/there none bind 0 0", ""},
		{"/srv there/ none bind 0 0", ""},
		{"/srv link none bind 0 0", "GR523 /link is a link"},
		{"/srv link/more none bind,create=dir 0 0", "GR523 /link is a link"},
		{"/srv bin/sh none bind 0 0", "GR523 cannot mount the directory /srv on /bin/sh"},
		{"ROOT/rootfs/bin/sh there none bind,create=file 0 0", "GR523 is a directory"},
		{"ROOT/rootfs/bin/sh bin/sh none bind 0 0", ""},
		{"/srv there none rw 0 0", `GR523 without the option bind`},
		{"/srv there bind rw 0 0", `GR523 without the option bind`},
		{"/srv there", "GR523 without the option bind"},
		{"/srv there bind bind 0 0", ""},
		{"/dev/sdz1 there ext4 rw 0 0", ""},
		{"/srv there none bind,ro,nosuid,rslave,idmap=container 0 0", ""},
		{"/srv there none bind,optinal 0 0", `GR103 the option "optinal"`},
		{"/srv there none bind,nofail 0 0", `GR103 the option "nofail"`},
		{"/srv there none bind,creat=dir 0 0", `GR103 the option "creat=dir"`},
		{"data there 9p trans=virtio 0 0", ""},
	} {
		ctr, root := described(t, "lxc.mount.entry = "+c.entry)
		if err := errors.Join(os.Mkdir(filepath.Join(root, "rootfs/there"), 0o755), os.Symlink("there", filepath.Join(root, "rootfs/link"))); err != nil {
			t.Fatal(err)
		}
		found(t, c.entry, ctr.Examine(t.Context(), nil), c.want)
	}
	ctr, _ := described(t, "lxc.mount.entry = /srv srv none bind 0 0\nlxc.hook.pre-start = /bin/true")
	found(t, "a hook may make it", ctr.Examine(t.Context(), nil), "")
}

const mappedIDs = "lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536"

// give gives a tree to a user.
func give(root string, uid int) error {
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, uid))
	})
}

func TestExamineFindsOwnersThatDoNotFit(t *testing.T) {
	need.Root(t)
	t.Setenv("PATH", "/nowhere") // without newuidmap
	for _, c := range []struct {
		lines string
		owner int
		want  string
	}{
		{"", 0, ""},
		{"", 100000, "GR517 without lxc.idmap the container's root is 0"},
		{mappedIDs, 0, "GR517 for which lxc.idmap has no number"},
		{mappedIDs, 100000, ""},
		{mappedIDs, 165536, "GR517 for which lxc.idmap has no number"},
		{mappedIDs + "\nlxc.rootfs.options = idmap=container", 0, ""},
		{mappedIDs + "\nlxc.namespace.share.user = other", 0, ""},
		{mappedIDs + "\nlxc.hook.pre-start = /bin/true", 0, ""},
	} {
		ctr, root := described(t, c.lines)
		rootfs := filepath.Join(root, "rootfs")
		if err := errors.Join(os.Mkdir(filepath.Join(rootfs, "etc"), 0o755), give(rootfs, c.owner), os.Chmod(filepath.Dir(root), 0o755)); err != nil {
			t.Fatal(err)
		}
		found(t, fmt.Sprintf("%q of %d", c.lines, c.owner), ctr.Examine(t.Context(), nil), c.want)
	}
}

func TestExamineFindsDirectoriesClosedToTheMappedRoot(t *testing.T) {
	need.Root(t)
	t.Setenv("PATH", "/nowhere")
	for _, c := range []struct {
		what, lines string
		prepare     func(root string) error
		want        string
	}{
		{"open", mappedIDs, nil, ""},
		{"lxcpath", mappedIDs, func(root string) error { return os.Chmod(filepath.Join(root, "var/lib/lxc"), 0o700) }, "GR519 may not pass"},
		{"above", mappedIDs, func(root string) error { return os.Chmod(filepath.Join(root, "var"), 0o700) }, "GR519 /var"},
		{"rootfs", mappedIDs, func(root string) error { return os.Chmod(filepath.Join(root, "rootfs"), 0o700) }, ""}, // its own
		{"its user's", mappedIDs, func(root string) error {
			return errors.Join(os.Chmod(filepath.Join(root, "var"), 0o700), os.Chown(filepath.Join(root, "var"), 100000, 0))
		}, ""},
		{"its group's", mappedIDs, func(root string) error {
			return errors.Join(os.Chmod(filepath.Join(root, "var"), 0o710), os.Chown(filepath.Join(root, "var"), 0, 100000))
		}, ""},
		{"not mapped", "", func(root string) error { return os.Chmod(filepath.Join(root, "var"), 0o700) }, ""},
	} {
		ctr, root := described(t, c.lines)
		err := errors.Join(os.Chmod(filepath.Dir(root), 0o755), give(filepath.Join(root, "rootfs"), map[bool]int{true: 100000}[c.lines != ""]))
		if c.prepare != nil {
			err = errors.Join(err, c.prepare(root))
		}
		if err != nil {
			t.Fatal(err)
		}
		found(t, c.what, ctr.Examine(t.Context(), nil), c.want)
	}
}

func TestExamineFindsWhatEverybodyCanRunAsRoot(t *testing.T) {
	need.Root(t)
	t.Setenv("PATH", "/nowhere")
	for _, c := range []struct {
		what, lines string
		above       fs.FileMode
		mode        fs.FileMode
		want        string
	}{
		{"setuid root", "", 0o755, 0o755 | fs.ModeSetuid, "GR518 rootfs/usr/bin/su"},
		{"closed", "", 0o700, 0o755 | fs.ModeSetuid, ""},
		{"not setuid", "", 0o755, 0o755, ""},
		{"not for others", "", 0o755, 0o750 | fs.ModeSetuid, ""},
		{"setuid for another than root", mappedIDs, 0o755, 0o755 | fs.ModeSetuid, ""},
	} {
		ctr, root := described(t, c.lines)
		su := filepath.Join(root, "rootfs/usr/bin/su")
		err := errors.Join(os.MkdirAll(filepath.Dir(su), 0o755), os.WriteFile(su, nil, 0o755),
			give(filepath.Join(root, "rootfs"), map[bool]int{true: 100000}[c.lines != ""]), os.Chmod(su, c.mode), os.Chmod(filepath.Dir(root), c.above))
		if err != nil {
			t.Fatal(err)
		}
		found(t, c.what, ctr.Examine(t.Context(), nil), c.want)
	}
}

func TestExamineReadsSubuid(t *testing.T) {
	need.Root(t)
	for _, c := range []struct {
		what, uids, gids string
		mode             fs.FileMode // of newuidmap
		lines, want      string
	}{
		{"given", "root:100000:65536\n", "0:100000:65536\n", 0o4755, mappedIDs, ""},
		{"not given", "other:100000:65536\n", "root:100000:65536\n", 0o4755, mappedIDs, "GR522 /etc/subuid does not give root the ids 100000 to 165535"},
		{"too few", "root:100000:65536\n", "root:100000:1000\n", 0o4755, mappedIDs, "GR522 /etc/subgid"},
		{"in two parts", "root:101000:64536\nroot:100000:1000\n", "root:1:4294967295\n", 0o4755, mappedIDs, ""},
		{"LXC maps by itself", "", "", 0o755, mappedIDs, ""},
		{"the host's root is mapped", "", "", 0o4755, "lxc.idmap = u 0 0 65536\nlxc.idmap = g 0 0 65536", ""},
	} {
		ctr, root := described(t, c.lines)
		bin := filepath.Join(root, "bin")
		owner := 100000
		if strings.Contains(c.lines, "u 0 0") {
			owner = 0
		}
		err := errors.Join(os.Mkdir(bin, 0o755), os.MkdirAll(filepath.Join(root, "etc"), 0o755), give(filepath.Join(root, "rootfs"), owner), os.Chmod(filepath.Dir(root), 0o755),
			os.WriteFile(filepath.Join(root, "etc/subuid"), []byte(c.uids), 0o644), os.WriteFile(filepath.Join(root, "etc/subgid"), []byte(c.gids), 0o644))
		for _, name := range []string{"newuidmap", "newgidmap"} {
			path := filepath.Join(bin, name)
			err = errors.Join(err, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755), unix.Chmod(path, uint32(c.mode)))
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin)
		found(t, c.what, ctr.Examine(t.Context(), nil), c.want)
	}
}

// TestExamineFindsSystemsForTheOtherCgroupVersion on a host that has version 2
// alone.
func TestExamineFindsSystemsForTheOtherCgroupVersion(t *testing.T) {
	for _, c := range []struct{ release, lines, link, want string }{
		{"ID=\"centos\"\nVERSION_ID=\"7\"\nPRETTY_NAME=\"CentOS Linux 7\"", "", "/lib/systemd/systemd", "GR521 CentOS Linux 7 has systemd 219"},
		{"ID=ubuntu\nVERSION_ID=\"16.04\"", "", "../lib/systemd/systemd", "GR521 systemd 229"},
		{"ID=ubuntu\nVERSION_ID=\"18.04\"", "", "/lib/systemd/systemd", ""},
		{"ID=centos\nVERSION_ID=7", "", "/bin/sh", ""},
		{"ID=centos\nVERSION_ID=7", "lxc.hook.mount = /usr/local/bin/v1", "/lib/systemd/systemd", ""},
		{"ID=centos\nVERSION_ID=7", "lxc.mount.entry = cgroup sys/fs/cgroup/systemd cgroup name=systemd 0 0", "/lib/systemd/systemd", ""},
		{"", "", "/lib/systemd/systemd", ""},
	} {
		ctr, root := described(t, c.lines)
		rootfs := filepath.Join(root, "rootfs")
		init := filepath.Join(rootfs, "sbin/init")
		err := errors.Join(os.MkdirAll(filepath.Join(rootfs, "lib/systemd"), 0o755), os.WriteFile(filepath.Join(rootfs, "lib/systemd/systemd"), nil, 0o755),
			os.Mkdir(filepath.Join(rootfs, "etc"), 0o755), os.WriteFile(filepath.Join(rootfs, "etc/os-release"), []byte(c.release), 0o644), os.Remove(init), os.Symlink(c.link, init))
		if err != nil {
			t.Fatal(err)
		}
		x := newExamination(ctr)
		x.legacySystem()
		x.Close()
		found(t, c.release+c.lines, x.found, c.want)
	}
}

// TestFilesThatCannotBeUsedAreNamed, wherever what is wrong stands.
func TestFilesThatCannotBeUsedAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"lxc.include = ROOT/none.conf":              "GR100 cannot include",
		"lxc.include = ROOT/none.d/":                "",
		"lxc.include = ROOT/var/lib/lxc/web/config": "GR100 an include in a circle",
		"lxc.include = none.conf":                   "GR100 LXC would look for it",
		"lxc.uts.name web":                          `GR100 has no "="`,
		"lxc.mount.fstab = ROOT/none":               "GR100 cannot read",
		"lxc.mount.fstab = fstab":                   "GR100 LXC would look for it",
		"lxc.mount.entry = /srv":                    "GR100 a mount without a target",
	} {
		l := files(t, map[string]string{"var/lib/lxc/web/config": text + "\n"})
		c, err := configured(t, l, "")
		if err == nil {
			err = c.Preflight(t.Context(), nil)
		}
		found(t, text, faults(t, err), want)
	}
	l := files(t, map[string]string{"var/lib/lxc/web/config": "", "etc/lxc/web.conf": ""})
	for conf, want := range map[string]string{
		"CONFIGFILE=ROOT/none":             "GR100 cannot read",
		"stop_schedule=dance/1":            "GR102 dance",
		"extra_args=-d":                    "GR102 guestrc's to say",
		"ready=tcp:0":                      "GR102 not a TCP port",
		"POWEROFF_SIGNAL=SIGNONE":          "GR102 signal",
		"TIMEOUT=7":                        "GR103 there is etc/lxc/web.conf too",
		"CONFIGFILE=ROOT/etc/lxc/web.conf": "",
		"CONFIGFILE=ROOT/etc/lxc/web.conf\nready_address=192.0.2.1":         "GR103 ignored",
		"CONFIGFILE=ROOT/etc/lxc/web.conf\nTIMEOUT=1\nstop_schedule=KILL/1": "GR103 ignored",
		"CONFIGFILE=ROOT/etc/lxc/web.conf\nTIMOUT=1":                        "GR101 TIMOUT",
		"CONFIGFILE=ROOT/etc/lxc/web.conf\nready_timeout=long":              "GR102 ready_timeout",
	} {
		want = strings.ReplaceAll(want, "etc/lxc", l.Root+"/etc/lxc")
		c, err := configured(t, l, conf)
		all := faults(t, err)
		if err == nil {
			all = c.Warnings()
		}
		found(t, conf, all, want)
	}
	_, err := configured(t, files(t, nil), "")
	found(t, "no file", faults(t, err), "GR100 cannot find LXC's configuration")
}

func TestHolds(t *testing.T) {
	c, root := described(t, `lxc.net.0.type = veth
lxc.net.0.hwaddr = 00:16:3E:00:00:01
lxc.net.0.veth.pair = vethweb
lxc.net.1.type = phys
lxc.net.1.link = eth7
lxc.net.2.type = macvlan
lxc.net.2.link = eth0
lxc.net.2.hwaddr = 00:16:3e:xx:xx:xx`)
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(root, "rootfs"), &st); err != nil {
		t.Fatal(err)
	}
	want := []string{"mac 00:16:3e:00:00:01 lxc.net.0.hwaddr", "link vethweb lxc.net.0.veth.pair", "link eth7 lxc.net.1.link", "host web lxc.uts.name",
		fmt.Sprintf("disk %d:%d lxc.rootfs.path", st.Dev, st.Ino)}
	var got []string
	for _, h := range c.Holds() {
		got = append(got, h.Sort+" "+h.Key+" "+h.Var)
		if h.Pos.Line == 0 || h.Shared {
			t.Errorf("%+v", h)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRootsInCommon: two containers may share what they do not write to.
func TestRootsInCommon(t *testing.T) {
	upper := func(lines string) (h guest.Hold) {
		c, _ := described(t, lines)
		for _, h = range c.Holds() {
			if h.Sort == guest.HoldDisk {
				return h
			}
		}
		return guest.Hold{}
	}
	if h := upper("lxc.rootfs.options = ro"); !h.Shared {
		t.Errorf("%+v", h)
	}
	if h := upper("lxc.rootfs.path = overlay:/:/tmp"); h.Text != "/tmp" || h.Shared {
		t.Errorf("of an overlay: %+v", h)
	}
	if h := upper("lxc.rootfs.path = dir:/nowhere"); h.Key != "" {
		t.Errorf("of nothing: %+v", h)
	}
}

func BenchmarkExamine(b *testing.B) {
	l := files(b, map[string]string{"var/lib/lxc/web/config": "lxc.rootfs.path = dir:ROOT/rootfs\n" + veth + "lxc.net.0.hwaddr = 52:54:00:00:00:01\n" +
		strings.Repeat("lxc.mount.entry = /srv srv none bind,create=dir 0 0\n", 20) + mappedIDs + "\n", "rootfs/etc/os-release": "ID=debian\n", "rootfs/srv/x": ""})
	for b.Loop() {
		conf, err := confd.Parse("conf", nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		i, err := Kind{}.Configure(b.Context(), l, web, conf)
		if err != nil {
			b.Fatal(err)
		}
		i.(*Container).Examine(b.Context(), nil)
	}
}

// TestAFaultInConfdHidesNoOther: of a container whose conf.d file cannot be used
// the rest is looked at, unless keys of LXC's may be in what is at fault.
func TestAFaultInConfdHidesNoOther(t *testing.T) {
	for conf, more := range map[string]bool{"stop_schedule=dance/1": true, "ready=perhaps\nready_address=192.0.2.1": true, `extra_args="-s 'x"`: false, "lxcpath=var/lib": false} {
		l := files(t, map[string]string{"var/lib/lxc/web/config": "lxc.uts.name = web\nlxc.rootfs.path = dir:/none/such\n", "etc/conf.d/lxc.web": conf + "\n"})
		house := &guest.House{Layout: l, Kinds: []guest.Kind{Kind{}}, Now: time.Now}
		x, err := house.Examiner()(t.Context(), web)
		if err != nil || len(faults(t, x.Err)) != 1 || len(x.Warnings) > 0 {
			t.Errorf("%q: %v, %v, %v", conf, x.Err, x.Warnings, err)
		}
		if rootfs := x.Refusal != nil && strings.Contains(x.Refusal.Error(), "/none/such"); rootfs != more || (len(x.Holds) > 0) != more {
			t.Errorf("%q: refused for %v, holds %v", conf, x.Refusal, x.Holds)
		}
	}
}
