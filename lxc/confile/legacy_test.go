package confile

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsed reads a text that is right.
func parsed(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return c
}

// short writes entries as "key=value", a dropped one as "-key".
func short(entries []Entry) []string {
	var all []string
	for _, e := range entries {
		if e.Dropped {
			all = append(all, "-"+e.Key)
		} else {
			all = append(all, e.Key+"="+e.Value)
		}
	}
	return all
}

func TestEveryLegacyKeyHasItsSuccessor(t *testing.T) {
	successors := map[string]string{
		"lxc.rootfs=/srv/x": "lxc.rootfs.path=dir:/srv/x", "lxc.rootfs.backend=": "-lxc.rootfs.backend", "lxc.id_map=1": "lxc.idmap=1",
		"lxc.pts=1": "lxc.pty.max=1", "lxc.tty=1": "lxc.tty.max=1", "lxc.devttydir=1": "lxc.tty.dir=1",
		"lxc.aa_profile=1": "lxc.apparmor.profile=1", "lxc.aa_allow_incomplete=1": "lxc.apparmor.allow_incomplete=1",
		"lxc.se_context=1": "lxc.selinux.context=1", "lxc.mount=1": "lxc.mount.fstab=1", "lxc.utsname=1": "lxc.uts.name=1",
		"lxc.seccomp=1": "lxc.seccomp.profile=1", "lxc.console=1": "lxc.console.path=1", "lxc.pivotdir=1": "-lxc.pivotdir",
		"lxc.kmsg=1": "-lxc.kmsg", "lxc.haltsignal=1": "lxc.signal.halt=1", "lxc.rebootsignal=1": "lxc.signal.reboot=1",
		"lxc.stopsignal=1": "lxc.signal.stop=1", "lxc.syslog=1": "lxc.log.syslog=1", "lxc.loglevel=1": "lxc.log.level=1",
		"lxc.logfile=1": "lxc.log.file=1", "lxc.init_cmd=1": "lxc.init.cmd=1", "lxc.init_uid=1": "lxc.init.uid=1",
		"lxc.init_gid=1": "lxc.init.gid=1", "lxc.limit=": "lxc.prlimit=", "lxc.limit.nofile=1": "lxc.prlimit.nofile=1",
		"lxc.network=": "lxc.net=", "lxc.network.3.hwaddr=1": "lxc.net.3.hwaddr=1",
		"lxc.network.0.ipv4=1": "lxc.net.0.ipv4.address=1", "lxc.network.1.ipv6=1": "lxc.net.1.ipv6.address=1",
		"lxc.network.0.ipv4.gateway=1": "lxc.net.0.ipv4.gateway=1",
	}
	for old, want := range successors {
		c := parsed(t, old+"\n")
		if diff := cmp.Diff([]string{want}, short(c.Entries)); diff != "" {
			t.Errorf("%s: %s", old, diff)
		}
		if key, _, _ := strings.Cut(old, "="); len(c.Legacy()) != 1 || c.Entries[0].Written != key {
			t.Errorf("%s: not taken for a legacy key: %+v", old, c.Entries)
		}
		if len(c.Unknown()) != 0 {
			t.Errorf("%s: unknown to LXC: %+v", old, c.Unknown())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(renamed)) {
		if successors[key+"=1"]+successors[key+"="]+successors[key+"=/srv/x"] == "" {
			t.Errorf("%s is not in the table of this test", key)
		}
	}
}

func TestKeysOfTodayAreNotLegacy(t *testing.T) {
	for _, key := range append(known, "lxc.net.0.type", "lxc.cgroup.memory.limit_in_bytes", "lxc.cgroup2.pids.max", "lxc.limits", "lxc.tty.dirs", "lxc.networks") {
		if c := parsed(t, key+" = 1\n"); len(c.Legacy()) > 0 || c.Entries[0].Key != key {
			t.Errorf("%+v", c.Entries)
		}
	}
}

func TestLegacyNetworksAreNumbered(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"each type begins one", `type=veth|link=a|type=veth|link=b|ipv4=1/8|ipv6=::1|ipv4.gateway=2`,
			`0.type=veth|0.link=a|1.type=veth|1.link=b|1.ipv4.address=1/8|1.ipv6.address=::1|1.ipv4.gateway=2`},
		{"a number means the n-th", `type=veth|type=veth|0.ipv4=1`, `0.type=veth|1.type=veth|0.ipv4.address=1`},
		{"numbers of today are taken", `>lxc.net.0.type=phys|type=veth|link=a|0.ipv4=9`, `0.type=phys|1.type=veth|1.link=a|1.ipv4.address=9`},
		{"later ones too", `type=veth|link=a|>lxc.net.0.type=phys`, `1.type=veth|1.link=a|0.type=phys`},
		{"numbered types stay", `0.type=veth|0.link=a|1.type=veth|link=b|type=phys|0.name=x`, `0.type=veth|0.link=a|1.type=veth|1.link=b|2.type=phys|0.name=x`},
		{"a clear begins anew", `type=veth|>lxc.network=|type=phys|0.link=b`, `0.type=veth|=|0.type=phys|0.link=b`},
		{"a type without value clears all", `type=veth|type=|type=phys`, `0.type=veth|=|0.type=phys`},
		{"zeros in front", `>lxc.net.007.link=a`, `7.link=a`},
	} {
		var text strings.Builder
		for line := range strings.SplitSeq(c.text, "|") {
			if today, ok := strings.CutPrefix(line, ">"); ok {
				text.WriteString(today + "\n")
			} else {
				text.WriteString("lxc.network." + line + "\n")
			}
		}
		got := strings.Join(short(parsed(t, text.String()).Entries), "|")
		got = strings.ReplaceAll(strings.ReplaceAll(got, "lxc.net.", ""), "lxc.net", "")
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestALegacyNetworkKeyNeedsANetwork(t *testing.T) {
	_, err := Parse("f", []byte("lxc.network.type=veth\nlxc.network=\n  lxc.network.link = a\n"))
	if err == nil || err.Error() != "f:3:3: lxc.network.link has no network to belong to" {
		t.Errorf("%v", err)
	}
}

func TestRootfsAndBackendBecomeOnePath(t *testing.T) {
	dir := t.TempDir()
	image := dir + "/image"
	write(t, image, "x")
	for _, c := range []struct{ text, want string }{
		{"lxc.rootfs=" + dir, "dir:" + dir},
		{"lxc.rootfs=/srv/not there", "dir:/srv/not there"},
		{"lxc.rootfs=/srv/a:b", "dir:/srv/a:b"},
		{"lxc.rootfs=" + image, image},
		{"lxc.rootfs=/dev/no/such", "/dev/no/such"},
		{"lxc.rootfs=overlayfs:/a:/b", "overlayfs:/a:/b"},
		{"lxc.rootfs=dir:/a\nlxc.rootfs.backend=dir", "dir:/a"},
		{"lxc.rootfs=/a\nlxc.rootfs.backend=btrfs", "btrfs:/a"},
		{"lxc.rootfs.backend=zfs\nlxc.rootfs=tank/a\nlxc.rootfs.backend=lvm", "lvm:tank/a"},
		{"lxc.rootfs.backend=zfs\nlxc.rootfs=/a\nlxc.rootfs.backend=", "dir:/a"},
		{"lxc.rootfs='/a b'", "dir:/a b"},
		{"lxc.rootfs=", ""},
		{"lxc.rootfs.path=/a\nlxc.rootfs.backend=lvm", "/a"},
	} {
		if e, _ := parsed(t, c.text).Get("lxc.rootfs.path"); e.Value != c.want {
			t.Errorf("%q: %q, want %q", c.text, e.Value, c.want)
		}
	}
}
