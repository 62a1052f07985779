package lxc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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

func TestReviewFindsWhatIsRisky(t *testing.T) {
	for lines, want := range map[string]string{
		"":                                               "",
		"lxc.uts.name = other":                           `host name is "other", while the guest is called "web"`,
		"lxc.cap.drop = mknod sys_boot":                  "no CAP_SYS_BOOT",
		"lxc.cap.drop = mknod":                           "",
		"lxc.cap.keep = chown":                           "no CAP_SYS_BOOT",
		"lxc.cap.keep = chown sys_boot":                  "",
		"lxc.net.0.type = none":                          "shares the host's net namespace",
		"lxc.net.0.type = empty":                         "",
		"lxc.namespace.keep = pid ipc":                   "shares the host's pid namespace",
		"lxc.namespace.share.net = 1":                    "shares the host's net namespace",
		"lxc.namespace.share.net = other":                "",
		"lxc.mount.entry = /run run none bind 0 0":       "the host's /run is visible inside",
		"lxc.mount.entry = /run/ run none rbind 0 0":     "the host's /run/ is visible inside",
		"lxc.mount.entry = /dev dev none bind 0 0":       "the host's /dev is visible inside",
		"lxc.mount.entry = / mnt none rbind 0 0":         "the host's / is visible inside",
		"lxc.mount.entry = /run/initctl x none bind 0 0": "the host's /run/initctl is visible inside",
		"lxc.mount.entry = /srv srv none bind 0 0":       "",
		"lxc.mount.entry = tmpfs run tmpfs rw 0 0":       "",
		"lxc.uts.nmae = web":                             `unknown key "lxc.uts.nmae"`,
	} {
		c, _ := described(t, lines)
		if said := warned(c); !strings.Contains(said, want) || want == "" && said != "" {
			t.Errorf("%s: warnings %q, want %q", lines, said, want)
		}
		for _, w := range c.Warnings() {
			if !strings.HasSuffix(w.Pos.File, "web/config") || w.Pos.Line == 0 {
				t.Errorf("%s: no place: %v", lines, w)
			}
		}
	}
}

func TestPreflight(t *testing.T) {
	taken := []guest.Claim{{Guest: "qemu.db", MACs: []string{"52:54:00:00:00:01"}, Taps: []string{"vethdb"}}}
	for lines, want := range map[string]string{
		"":                               "",
		"lxc.rootfs.path = dir:/nowhere": "cannot use the rootfs /nowhere",
		"lxc.rootfs.path = overlay:/nowhere:/neither":                               "cannot use the rootfs /neither",
		"lxc.init.cmd = /sbin/other":                                                "cannot use /sbin/other in the rootfs as init",
		"lxc.init.cmd = /sbin/other --x\nlxc.mount.entry = /usr sbin none bind 0 0": "",
		"lxc.mount.entry = /tmp /srv none bind 0 0":                                 "/srv lies outside the rootfs",
		"lxc.mount.entry = /tmp a/../../b none bind 0 0":                            "a/../../b lies outside the rootfs",
		"lxc.mount.entry = /tmp /usr/lib/lxc/rootfs/srv none bind 0 0":              "",
		"lxc.mount.entry = /none srv none bind 0 0":                                 "cannot mount /none",
		"lxc.mount.entry = /none srv none bind,optional 0 0":                        "",
		"lxc.net.0.type = veth\nlxc.net.0.link = none0":                             "there is no bridge none0",
		"lxc.net.0.type = veth\nlxc.net.0.link = lo":                                "lo is not a bridge",
		"lxc.net.0.type = macvlan\nlxc.net.0.link = none0":                          "there is no network interface none0",
		"lxc.net.0.type = veth\nlxc.net.0.hwaddr = 52:54:00:00:00:01":               "belongs to the running guest qemu.db",
		"lxc.net.0.type = veth\nlxc.net.0.veth.pair = vethdb":                       "belongs to the running guest qemu.db",
		"lxc.utsname = web":  "lxc.utsname is a key of LXC 2, now spelt lxc.uts.name",
		"lxc.pivotdir = mnt": "lxc.pivotdir is a key of LXC 2 that has no successor",
	} {
		c, _ := described(t, lines)
		err := c.Preflight(t.Context(), taken)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", lines, err, want)
		}
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
