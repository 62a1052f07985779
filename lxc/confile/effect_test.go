package confile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func values(entries []Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Value)
	}
	return strings.Join(all, "|")
}

func TestWhatIsInEffect(t *testing.T) {
	for _, c := range []struct{ text, key, want string }{
		{"lxc.uts.name=a\nlxc.uts.name=b", "lxc.uts.name", "a|b"},
		{"lxc.uts.name=a\nlxc.uts.name=", "lxc.uts.name", ""},
		{"lxc.utsname=a\nlxc.uts.name=b", "lxc.uts.name", "a|b"},
		{"lxc.mount.entry=a\nlxc.mount.entry=\nlxc.mount.entry=b\nlxc.mount.entry=c", "lxc.mount.entry", "b|c"},
		{"lxc.hook.start=a\nlxc.hook.version=1\nlxc.hook=\nlxc.hook.start=b", "lxc.hook.start", "b"},
		{"lxc.hook.start=a\nlxc.hook.version=1\nlxc.hook=", "lxc.hook.version", "1"},
		{"lxc.cgroup.cpu.shares=1\nlxc.cgroup2.cpu.max=2\nlxc.cgroup=", "lxc.cgroup.cpu.shares", ""},
		{"lxc.cgroup.cpu.shares=1\nlxc.cgroup2.cpu.max=2\nlxc.cgroup=", "lxc.cgroup2.cpu.max", "2"},
		{"lxc.cgroup.dir=x\nlxc.cgroup=", "lxc.cgroup.dir", "x"},
		{"lxc.limit.nofile=1\nlxc.prlimit=", "lxc.prlimit.nofile", ""},
		{"lxc.cap.drop=a\nlxc.cap.keep=", "lxc.cap.drop", ""},
		{"lxc.net.0.link=a\nlxc.net.0.type=veth\nlxc.net.1.link=b", "lxc.net.0.link", ""},
		{"lxc.net.1.link=b\nlxc.net.0.type=veth", "lxc.net.1.link", "b"},
		{"lxc.net.10.link=b\nlxc.net.1=", "lxc.net.10.link", "b"},
		{"lxc.net.0.link=b\nlxc.net.0=", "lxc.net.0.link", ""},
		{"lxc.net.0.link=b\nlxc.net=", "lxc.net.0.link", ""},
		{"lxc.kmsg=1", "lxc.kmsg", ""},
	} {
		cfg := parsed(t, c.text)
		if got := values(cfg.All(c.key)); got != c.want {
			t.Errorf("%q: %s is %q, want %q", c.text, c.key, got, c.want)
		}
		if e, ok := cfg.Get(c.key); ok != (c.want != "") || !strings.HasSuffix(c.want, e.Value) {
			t.Errorf("%q: %s is %+v %v", c.text, c.key, e, ok)
		}
	}
}

func TestNetsAreThoseInEffectByNumber(t *testing.T) {
	c := parsed(t, `lxc.net.2.type = veth
lxc.net.2.link = br0
lxc.net.2.ipv4.address = 10.0.0.2/24
lxc.net.2.ipv4.address = 10.0.0.3/24
lxc.net.2.hwaddr = 00:16:3e:xx:xx:xx
lxc.net.2.veth.pair = vethx
lxc.net.0.link = lost
lxc.net.0.type = phys
lxc.net.0.mtu = 1500
lxc.net.0.mtu =
lxc.net.5.link = gone
lxc.net.5 =
lxc.net.6.link =
lxc.net.3.link = first
lxc.net.3.name = eth3
`)
	want := []Net{
		{Index: 0, Type: "phys", Pos: place("f", 8, 1)},
		{Index: 2, Type: "veth", Link: "br0", IPv4: []string{"10.0.0.2/24", "10.0.0.3/24"}, HWAddr: "00:16:3e:xx:xx:xx", VethPair: "vethx", Pos: place("f", 1, 1)},
		{Index: 3, Link: "first", Name: "eth3", Pos: place("f", 14, 1)},
	}
	if diff := cmp.Diff(want, c.Nets()); diff != "" {
		t.Error(diff)
	}
	if nets := parsed(t, "lxc.network.type=veth\nlxc.network=\n").Nets(); nets != nil {
		t.Errorf("%+v", nets)
	}
}

func TestDroppedCapabilities(t *testing.T) {
	for text, dropped := range map[string]bool{
		"": false, "lxc.cap.drop=mac_admin sys_boot": true, "lxc.cap.drop=mac_admin\tsys_time": false, "lxc.cap.drop=sys_boot\nlxc.cap.drop=mknod": true,
		"lxc.cap.drop=sys_boot\nlxc.cap.drop=": false, "lxc.cap.drop=sys_boot\nlxc.cap.keep=": false, "lxc.cap.drop=22": true, "lxc.cap.drop=23": false,
		"lxc.cap.keep=sys_boot": false, "lxc.cap.keep=chown": true, "lxc.cap.keep=none": true, "lxc.cap.keep=sys_boot none": true,
		"lxc.cap.keep=sys_boot\nlxc.cap.keep=none": true, "lxc.cap.keep=none\nlxc.cap.keep=sys_boot": false, "lxc.cap.keep=chown\nlxc.cap.keep=": false,
	} {
		if _, got := parsed(t, text).CapDropped("sys_boot"); got != dropped {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestMountsOfEntriesAndTheFstab(t *testing.T) {
	fstab := t.TempDir() + "/fstab"
	write(t, fstab, "# comment\n\n  /a\\040b\tc/d none bind,ro,optional 0 0\nproc proc proc\n")
	c := parsed(t, "lxc.mount="+fstab+"\nlxc.mount.entry=/x\\134y\\011 /z  auto  bind,create=dir\nlxc.mount.entry=# no\n")
	got, err := c.Mounts()
	want := []Mount{
		{"/a b", "c/d", "none", []string{"bind", "ro", "optional"}, place(fstab, 3, 3)},
		{"proc", "proc", "proc", nil, place(fstab, 4, 1)},
		{"/x\\y\t", "/z", "auto", []string{"bind", "create=dir"}, place("f", 2, 1)},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for text, want := range map[string]string{
		"lxc.mount.entry=/a\n": "f:1:1: a mount without a target", "lxc.mount.fstab=/no/such\n": "f:1:1: cannot read /no/such: no such file or directory",
		"lxc.mount.fstab=fstab\n": "f:1:1: cannot read fstab: LXC would look for it from wherever it is started", "lxc.mount.fstab=/dev/zero\n": "f:1:1: cannot read /dev/zero: it is not a regular file",
	} {
		if _, err := parsed(t, text).Mounts(); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}
