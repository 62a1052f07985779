package lxc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// described is a container with a directory as its root and these lines of
// LXC's configuration.
func described(t *testing.T, lines string) (*Container, string) {
	t.Helper()
	l := files(t, map[string]string{
		"var/lib/lxc/web/config": "lxc.uts.name = web\nlxc.rootfs.path = dir:ROOT/rootfs\n" + lines + "\n",
		"rootfs/sbin/init":       "#!/bin/sh\n", "rootfs/bin/sh": "\x7fELF",
	})
	shell, err := os.ReadFile("/bin/sh")
	if err == nil {
		err = os.WriteFile(filepath.Join(l.Root, "rootfs/bin/sh"), shell, 0o755)
	}
	for _, program := range []string{"rootfs/sbin/init", "rootfs/bin/sh"} {
		if err == nil {
			err = os.Chmod(filepath.Join(l.Root, program), 0o755)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := configured(t, l, "")
	if err != nil {
		t.Fatal(err)
	}
	return c, l.Root
}

// found wants one fault with the id that want begins with, and with the words
// after it; or no fault.
func found(t *testing.T, what string, all []*confd.Error, want string) {
	t.Helper()
	id, text, _ := strings.Cut(want, " ")
	if len(all) == 0 && want == "" || len(all) == 1 && all[0].ID == id && strings.Contains(all[0].Msg, text) {
		return
	}
	t.Errorf("%s: found %d, want %q", what, len(all), want)
	for _, e := range all {
		t.Logf("%s %v", e.ID, e)
	}
}

// faults takes a joined error apart.
func faults(t *testing.T, err error) (all []*confd.Error) {
	t.Helper()
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range several.Unwrap() {
			all = append(all, faults(t, e)...)
		}
		return all
	}
	var at *confd.Error
	var bare *guest.Error
	switch {
	case err == nil:
	case errors.As(err, &at):
		all = append(all, at)
	case errors.As(err, &bare):
		all = append(all, &confd.Error{Msg: bare.Error(), ID: bare.ID})
	default:
		t.Errorf("a fault without an id: %v", err)
	}
	return all
}

func TestReviewFindsWhatIsRisky(t *testing.T) {
	for lines, want := range map[string]string{
		"":                                               "",
		"lxc.uts.name = other":                           `GR515 host name is "other", while the guest is called "web"`,
		"lxc.cap.drop = mknod sys_boot":                  "GR507 no CAP_SYS_BOOT",
		"lxc.cap.drop = mknod":                           "",
		"lxc.cap.keep = chown":                           "GR507 no CAP_SYS_BOOT",
		"lxc.cap.keep = chown sys_boot":                  "",
		"lxc.net.0.type = none":                          "GR508 shares the host's net namespace",
		"lxc.net.0.type = empty":                         "",
		"lxc.namespace.keep = pid":                       "GR508 shares the host's pid namespace",
		"lxc.namespace.share.net = 1":                    "GR508 shares the host's net namespace",
		"lxc.namespace.share.net = other":                "",
		"lxc.mount.entry = /run run none bind 0 0":       "GR509 the host's /run is visible inside",
		"lxc.mount.entry = /run/ run none rbind 0 0":     "GR509 the host's /run/ is visible inside",
		"lxc.mount.entry = /dev dev none bind 0 0":       "GR509 the host's /dev is visible inside",
		"lxc.mount.entry = / mnt none rbind 0 0":         "GR509 the host's / is visible inside",
		"lxc.mount.entry = /run/initctl x none bind 0 0": "GR509 the host's /run/initctl is visible inside",
		"lxc.mount.entry = /srv srv none bind 0 0":       "",
		"lxc.mount.entry = tmpfs run tmpfs rw 0 0":       "",
		"lxc.uts.nmae = web":                             `GR502 unknown key "lxc.uts.nmae"`,
	} {
		c, _ := described(t, lines)
		found(t, lines, c.Warnings(), want)
		for _, w := range c.Warnings() {
			if !strings.HasSuffix(w.Pos.File, "web/config") || w.Pos.Line == 0 {
				t.Errorf("%s: no place: %v", lines, w)
			}
		}
	}
}

// TestAFileThatIsNoneOfLXCs is told of in few words.
func TestAFileThatIsNoneOfLXCs(t *testing.T) {
	c, _ := described(t, strings.Repeat("lxc.no.such.key = 1\n", 100))
	all := c.Warnings()
	if last := all[len(all)-1]; len(all) != 21 || !strings.HasPrefix(last.Msg, "and 80 more keys") || last.ID != "GR502" {
		t.Errorf("%d: %v", len(all), last)
	}
}

// TestLimitsOfTheOtherCgroupVersion are without effect, unless there are some of
// the right one, too.
func TestLimitsOfTheOtherCgroupVersion(t *testing.T) {
	common := filepath.Join(t.TempDir(), "common.conf") // as distributions have it
	if err := os.WriteFile(common, []byte("lxc.cgroup.devices.deny = a\nlxc.cgroup2.devices.deny = a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const one, two = "lxc.cgroup.memory.limit_in_bytes = 1G\n", "lxc.cgroup2.memory.max = 1G\n"
	for _, c := range []struct {
		lines  string
		v1, v2 bool
		want   string
	}{
		{one, true, false, ""},
		{one, false, true, "GR506 lxc.cgroup.memory.limit_in_bytes is without effect"},
		{two, false, true, ""},
		{two, true, false, "GR506 lxc.cgroup2.memory.max is without effect"},
		{one + two, true, false, ""},
		{one + "lxc.include = " + common + "\n", false, true, "GR506 lxc.cgroup.memory.limit_in_bytes is without effect"},
		{two + "lxc.include = " + common + "\n", false, true, ""},
		{"lxc.include = " + common + "\nlxc.cgroup.devices.allow = c 10:200 rwm\n", false, true, "GR506 lxc.cgroup.devices.allow is without effect"},
		{"lxc.cgroup.blkio.weight = 10\nlxc.cgroup2.io.weight = 10\n", false, true, ""},
		{"lxc.cgroup.memory.limit_in_bytes =\n", false, true, ""},
		{two, true, true, ""},
		{"lxc.cgroup.dir = x\nlxc.cgroup.relative = 1\n", false, true, ""},
	} {
		ctr, _ := described(t, c.lines)
		r := &reviewer{c: ctr}
		r.limits(c.v1, c.v2)
		found(t, c.lines, r.found, c.want)
	}
}

func TestPreflight(t *testing.T) {
	taken := []guest.Claim{{Guest: "qemu.db", MACs: []string{"52:54:00:00:00:01"}, Taps: []string{"vethdb"}}}
	for lines, want := range map[string]string{
		"":                                     "",
		"lxc.rootfs.path = dir:/nowhere":       "GR510 cannot use the rootfs /nowhere",
		"lxc.rootfs.path = /dev/null":          "GR510 it is no directory, image or block device",
		"lxc.rootfs.path = overlay:/:/neither": "GR510 cannot use the rootfs /neither",
		"lxc.init.cmd = /sbin/other":           "GR511 cannot use /sbin/other in the rootfs as init",
		"lxc.init.cmd = /sbin/other --x\nlxc.mount.entry = /usr sbin none bind 0 0": "",
		"lxc.mount.entry = /tmp /srv none bind 0 0":                                 "GR503 /srv lies outside the rootfs",
		"lxc.mount.entry = /tmp a/../../b none bind 0 0":                            "GR503 a/../../b lies outside the rootfs",
		"lxc.mount.entry = /tmp /usr/lib/lxc/rootfs/srv none bind 0 0":              "",
		"lxc.mount.entry = /none srv none bind 0 0":                                 "GR504 cannot mount /none",
		"lxc.mount.entry = /none srv none bind,optional 0 0":                        "",
		"lxc.net.0.type = veth\nlxc.net.0.link = none0":                             "GR301 there is no bridge none0",
		"lxc.net.0.type = veth\nlxc.net.0.link = lo":                                "GR301 lo is not a bridge",
		"lxc.net.0.type = macvlan\nlxc.net.0.link = none0":                          "GR301 there is no network interface none0",
		"lxc.net.0.type = veth\nlxc.net.0.hwaddr = 52:54:00:00:00:01":               "GR302 belongs to the running guest qemu.db",
		"lxc.net.0.type = veth\nlxc.net.0.veth.pair = vethdb":                       "GR306 belongs to the running guest qemu.db",
		"lxc.cap.drop = mac_admin\nlxc.cap.keep = sys_boot":                         "GR100 lxc.cap.keep beside lxc.cap.drop",
		"lxc.cap.keep = chown sys_boot\nlxc.cap.keep = kill\nlxc.cap.drop = kill":   "GR100 lxc.cap.drop beside lxc.cap.keep",
		"lxc.cap.drop = mac_admin\nlxc.cap.drop =\nlxc.cap.keep = sys_boot":         "",
		"lxc.utsname = web":             "GR501 lxc.utsname is a key of LXC 2, now spelt lxc.uts.name",
		"lxc.namespace.keep = user mnt": "GR512 LXC would replace the host's root",
		"lxc.pivotdir = mnt":            "GR501 lxc.pivotdir is a key of LXC 2 that has no successor",
	} {
		c, _ := described(t, lines)
		found(t, lines, faults(t, c.Preflight(t.Context(), taken)), want)
	}
}

// TestHostileInit: what the root has in place of an init is looked at without
// effect, and nothing of the host is taken for it.
func TestHostileInit(t *testing.T) {
	for what, make := range map[string]func(path string) error{
		"a link to the host":   func(path string) error { return os.Symlink("/proc/self/exe", path) },
		"a link to nowhere":    func(path string) error { return os.Symlink("/none", path) },
		"a directory":          func(path string) error { return os.Mkdir(path, 0o755) },
		"no program":           func(path string) error { return os.WriteFile(path, []byte("text"), 0o755) },
		"not to be executed":   func(path string) error { return os.WriteFile(path, []byte("\x7fELF"), 0o644) },
		"a link out of itself": func(path string) error { return os.Symlink("../../../../../../bin/busybox-of-host", path) },
	} {
		c, root := described(t, "")
		path := filepath.Join(root, "rootfs/sbin/init")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if err := c.Preflight(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "/sbin/init") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
