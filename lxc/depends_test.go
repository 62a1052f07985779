package lxc

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
)

// dependencies are those of lxc.web with these lines of conf.d; what they and
// inputs have of the root is left out.
func dependencies(tb testing.TB, l guest.Layout, conf string) (lines, inputs []string, err error) {
	tb.Helper()
	c, err := confd.Parse("conf", []byte(strings.ReplaceAll(conf, "ROOT", l.Root)), nil)
	if err != nil {
		tb.Fatal(err)
	}
	set, err := Kind{}.Depends(l, web, c)
	for _, d := range set.Dependencies {
		lines = append(lines, strings.ReplaceAll(told(d), l.Root+"/", ""))
	}
	for _, path := range set.Inputs {
		inputs = append(inputs, strings.TrimPrefix(path, l.Root+"/"))
	}
	return lines, inputs, err
}

// told is a dependency in one line: "need path /srv/a lxc.mount.entry config:1:1".
func told(d deps.Dependency) string {
	return fmt.Sprintf("%s %s %s %s %s", d.Relation, d.Sort, d.Name, d.Why, d.Pos)
}

func TestDependsFollowFromLXCsFile(t *testing.T) {
	const at = " var/lib/lxc/web/config:"
	for _, c := range []struct {
		conf, lxc string
		want      []string
	}{
		{"", "", nil},
		{"", "lxc.net.0.type = veth\nlxc.net.0.link = br0", []string{"want bridge br0 lxc.net.0.link" + at + "2:1"}},
		{"bridge_dep=need", "lxc.net.3.type = veth\nlxc.net.3.link = br0", []string{"need bridge br0 lxc.net.3.link" + at + "2:1"}},
		{"bridge_dep=none", "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.1.type = macvlan\nlxc.net.1.link = eth0",
			[]string{"use interface eth0 lxc.net.1.link" + at + "4:1"}},
		{"", "lxc.network.type = veth\nlxc.network.link = br0", []string{"want bridge br0 lxc.network.link" + at + "2:1"}},
		{"", "lxc.net.0.type = veth\nlxc.net.0.veth.mode = router\nlxc.net.0.link = eth0", []string{"use interface eth0 lxc.net.0.link" + at + "3:1"}},
		{"", "lxc.net.0.type = phys\nlxc.net.0.link = eth1\nlxc.net.1.type = none\nlxc.net.1.link = br1\nlxc.net.2.type = veth", []string{"use interface eth1 lxc.net.0.link" + at + "2:1"}},
		{"", "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.link = br1", []string{"want bridge br1 lxc.net.0.link" + at + "3:1"}},
		{"", "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.type = veth", nil},
		{"", "lxc.net.0.type = veth\nlxc.net.0.link = br0 sshd", nil},

		{"", "lxc.rootfs.path = /srv//web", []string{"need path /srv/web lxc.rootfs.path" + at + "1:1"}},
		{"", "lxc.rootfs = dir:/srv/web", []string{"need path /srv/web lxc.rootfs" + at + "1:1"}},
		{"", "lxc.rootfs.path = overlay:/srv/base:/srv/web", []string{"need path /srv/base lxc.rootfs.path" + at + "1:1", "need path /srv/web lxc.rootfs.path" + at + "1:1"}},
		{"", "lxc.rootfs.path = loop:/srv/web.img", []string{"need path /srv/web.img lxc.rootfs.path" + at + "1:1"}},
		{"", "lxc.rootfs.path = nbd:/srv/web.qcow2:1", []string{"need path /srv/web.qcow2 lxc.rootfs.path" + at + "1:1"}},
		{"", "lxc.rootfs.path = lvm:/dev/vg/web", []string{"need device /dev/vg/web lxc.rootfs.path" + at + "1:1"}},
		{"", "lxc.rootfs.path = /dev/vg/web", []string{"need device /dev/vg/web lxc.rootfs.path" + at + "1:1"}},
		{"", "lxc.rootfs.path = zfs:tank/web", nil},
		{"", "lxc.rootfs.path = /a\nlxc.rootfs.path =", nil},

		{"", "lxc.mount.entry = /srv/www srv none bind,ro 0 0\nlxc.mount.entry = /srv/more more none rbind,optional,create=dir",
			[]string{"need path /srv/www lxc.mount.entry" + at + "1:1", "use path /srv/more lxc.mount.entry" + at + "2:1"}},
		{"", "lxc.mount.entry = /dev/sdb1 data ext4 defaults", []string{"need device /dev/sdb1 lxc.mount.entry" + at + "1:1"}},
		{"", "lxc.mount.entry = /dev/mapper/vg-data data none bind 0 0\nlxc.mount.entry = /dev/vg/lv dev/lv none bind,optional,create=file\nlxc.mount.entry = /dev/sdb dev/sdb none rbind\nlxc.mount.entry = /dev/disk/by-id/x x none bind",
			[]string{"need device /dev/mapper/vg-data lxc.mount.entry" + at + "1:1", "use device /dev/vg/lv lxc.mount.entry" + at + "2:1", "need device /dev/sdb lxc.mount.entry" + at + "3:1", "need device /dev/disk/by-id/x lxc.mount.entry" + at + "4:1"}},
		{"", "lxc.mount.entry = /dev/net/tun dev/net/tun none bind,create=file\nlxc.mount.entry = /dev dev none rbind\nlxc.mount.entry = /dev/dri dev/dri none bind,optional,create=dir\n" +
			"lxc.mount.entry = /dev/video0 dev/video0 none bind\nlxc.mount.entry = /dev/shm/x x none bind\nlxc.mount.entry = /dev/./null null none bind\nlxc.mount.entry = /dev/loop0 dev/loop0 none bind", nil},
		{"", "lxc.mount.entry = /dev/loop0 data ext4 ro", []string{"need device /dev/loop0 lxc.mount.entry" + at + "1:1"}},
		{"", "lxc.mount.entry = /dev/fuse dev/fuse none bind,create=file\nlxc.mount.entry = /sys/fs/fuse/connections x none bind,optional\n" +
			"lxc.mount.entry = proc proc proc\nlxc.mount.entry = tmpfs tmp tmpfs\nlxc.mount.entry = /proc p none rbind\nlxc.mount.entry = host:/srv n nfs", nil},
		{"", "lxc.mount.fstab = ROOT/fstab", []string{"need path /srv/a lxc.mount.fstab fstab:2:1"}},
		{"", "lxc.mount = ROOT/fstab", []string{"need path /srv/a lxc.mount fstab:2:1"}},

		{"", "lxc.hook.version = 1\nlxc.hook.pre-start = /srv/hook a b\nlxc.hook.start = /inside\nlxc.hook.clone = /other\nlxc.hook.post-stop = true",
			[]string{"need path /srv/hook lxc.hook.pre-start" + at + "2:1"}},
		{"", "lxc.hook.mount = /srv/hook\nlxc.hook.mount =", nil},
		{"", "lxc.hook.stop = /srv/b\nlxc.hook.mount = /srv/a\nlxc.hook.mount = /srv/c", []string{"need path /srv/a lxc.hook.mount" + at + "2:1",
			"need path /srv/c lxc.hook.mount" + at + "3:1", "need path /srv/b lxc.hook.stop" + at + "1:1"}},

		{"", "lxc.namespace.share.net = db\nlxc.namespace.share.ipc = db\nlxc.namespace.share.pid = 42\nlxc.namespace.share.uts = /opt/c3\nlxc.namespace.share.mnt = web",
			[]string{"want service lxc.db lxc.namespace.share.net" + at + "1:1"}},

		{"\nextra_args='-s lxc.net.0.type=veth -s lxc.net.0.link=br7'", "", []string{"want bridge br7 lxc.net.0.link conf:2:1"}},
		{"", "lxc.include = ROOT/common", []string{"want bridge lan lxc.net.0.link common:3:2"}},
	} {
		l := files(t, map[string]string{"var/lib/lxc/web/config": c.lxc, "fstab": "# none\n/srv/a a none bind\n",
			"common": "# all\nlxc.net.0.type = veth\n lxc.net.0.link = lan\n"})
		lines, _, err := dependencies(t, l, c.conf)
		if diff := cmp.Diff(c.want, lines); diff != "" || err != nil {
			t.Errorf("%q, %q: %v (-want +got)\n%s", c.conf, c.lxc, err, diff)
		}
	}
}

func TestInputsAreWhatCanChangeDependencies(t *testing.T) {
	for _, c := range []struct {
		what  string
		files map[string]string
		conf  string
		want  []string
		fault string
	}{
		{"found in the first place", map[string]string{"var/lib/lxc/web.conf": "", "etc/lxc/web.conf": ""}, "",
			[]string{"etc/lxc/lxc.conf", "var/lib/lxc/web.conf"}, ""},
		{"found in the last place", map[string]string{"etc/lxc/web/config": ""}, "",
			[]string{"etc/lxc/lxc.conf", "var/lib/lxc/web.conf", "var/lib/lxc/web/config", "etc/lxc/web.conf", "etc/lxc/web/config"}, ""},
		{"found nowhere", nil, "",
			[]string{"etc/lxc/lxc.conf", "var/lib/lxc/web.conf", "var/lib/lxc/web/config", "etc/lxc/web.conf", "etc/lxc/web/config"}, "none of these exists"},
		{"lxcpath", map[string]string{"srv/web/config": ""}, "lxcpath=ROOT/srv", []string{"srv/web.conf", "srv/web/config"}, ""},
		{"CONFIGFILE", map[string]string{"a": ""}, "CONFIGFILE=ROOT/a", []string{"a"}, ""},
		{"CONFIGFILE that is missing", nil, "CONFIGFILE=ROOT/a", []string{"a"}, "no such file"},
		{"includes", map[string]string{"a": "lxc.include = ROOT/b\nlxc.include = ROOT/d/\nlxc.include = ROOT/none/\nlxc.include = ROOT/b\n", "b": "", "d/x.conf": ""},
			"CONFIGFILE=ROOT/a", []string{"a", "b", "d/x.conf", "d", "none"}, ""},
		{"fstab", map[string]string{"a": "lxc.mount.fstab = ROOT/fstab", "fstab": ""}, "CONFIGFILE=ROOT/a", []string{"a", "fstab"}, ""},
		{"fstab that is missing", map[string]string{"a": "lxc.mount.fstab = ROOT/fstab"}, "CONFIGFILE=ROOT/a", []string{"a", "fstab"}, "cannot read"},
		{"an include that is missing", map[string]string{"a": "lxc.include = ROOT/b\n"}, "CONFIGFILE=ROOT/a", []string{"a", "b"}, "a:1:1: cannot include"},
		{"an include with a fault", map[string]string{"a": "lxc.x\nlxc.include = ROOT/b\n", "b": "lxc.y\n"}, "CONFIGFILE=ROOT/a", []string{"a", "b"}, "b:1:1"},
	} {
		l := files(t, c.files)
		_, inputs, err := dependencies(t, l, c.conf)
		if diff := cmp.Diff(c.want, inputs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
		if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: error %v, want %q", c.what, err, c.fault)
		}
	}
}

// TestAFaultyFstabLeavesTheRest: what does not depend on it is told.
func TestAFaultyFstabLeavesTheRest(t *testing.T) {
	l := files(t, map[string]string{"var/lib/lxc/web/config": "lxc.mount.fstab = ROOT/fstab\nlxc.mount.entry = /srv/a a none bind\nlxc.rootfs.path = /srv/web\n"})
	lines, _, err := dependencies(t, l, "")
	want := []string{"need path /srv/web lxc.rootfs.path var/lib/lxc/web/config:3:1", "need path /srv/a lxc.mount.entry var/lib/lxc/web/config:2:1"}
	if diff := cmp.Diff(want, lines); diff != "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// TestALongConfigurationTakesNoTimeWorthMentioning: it is read in each boot.
func TestALongConfigurationTakesNoTimeWorthMentioning(t *testing.T) {
	const most = 500 * time.Millisecond
	for what, line := range map[string]string{
		"hooks":      "lxc.hook.pre-start = /srv/hook%[1]d\n",
		"networks":   "lxc.net.%[1]d.type = veth\nlxc.net.%[1]d.link = br%[1]d\n",
		"namespaces": "lxc.namespace.share.net = c%[1]d\n",
		"mounts":     "lxc.mount.entry = /srv/%[1]d srv none bind\n",
	} {
		var text strings.Builder
		for i := range 2000 {
			fmt.Fprintf(&text, line, i)
		}
		l := files(t, map[string]string{"var/lib/lxc/web/config": text.String()})
		began := time.Now()
		lines, _, err := dependencies(t, l, "")
		if took := time.Since(began); took > most || err != nil || len(lines) == 0 {
			t.Errorf("%s: %d dependencies, %v, %v", what, len(lines), took, err)
		}
	}
}

// BenchmarkDepends is one container of many, its files read anew.
func BenchmarkDepends(b *testing.B) {
	conf := "lxc.include = ROOT/common.conf\nlxc.rootfs.path = dir:/var/lib/lxc/web/rootfs\nlxc.net.0.type = veth\nlxc.net.0.link = br0\n" +
		"lxc.net.0.flags = up\nlxc.mount.entry = /srv/www srv/www none bind,ro 0 0\nlxc.cgroup2.memory.max = 1G\n"
	l := files(b, map[string]string{"var/lib/lxc/web/config": conf, "common.conf": strings.Repeat("# allow\nlxc.cgroup2.devices.allow = c 1:3 rwm\n", 40)})
	c, err := confd.Parse("conf", nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := (Kind{}).Depends(l, web, c); err != nil {
			b.Fatal(err)
		}
	}
}
