package confile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/tests/debs"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

// lxcInfo asks LXC for a key of the container "c" below dir. It is not ok when
// LXC refuses the configuration.
func lxcInfo(t *testing.T, dir, key string) (value string, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "lxc-info", "-P", dir, "-n", "c", "-c", key).Output()
	var failed *exec.ExitError
	if err != nil && (!errors.As(err, &failed) || !failed.Exited()) {
		t.Fatalf("lxc-info: %v", err)
	}
	text, found := strings.CutPrefix(string(out), key+" =")
	return strings.TrimSpace(text), err == nil && found
}

// accepted says whether we take LXC to accept the configuration.
func accepted(path string) (*Config, bool) {
	c, err := Load(path)
	return c, err == nil && len(c.Unknown())+len(c.Legacy()) == 0
}

// TestWeReadWhatLXCReads: what LXC refuses is refused, and the rest has the same
// values. @ stands for the directory above the container's, with files to
// include. What values mean is LXC's affair, so all here are good ones.
func TestWeReadWhatLXCReads(t *testing.T) {
	need.Programs(t, "lxc-info")
	dir := tree(t, map[string]string{
		"c/one": "lxc.tty.max = 7\nlxc.include = @/c/two\n", "c/two": "lxc.pty.max = 8\n", "c/bad": "lxc.uts.name\n",
		"c/d.d/a.conf": "lxc.tty.max = 5\n", "c/d.d/.h.conf": "lxc.pty.max = 6\n", "c/d.d/.conf": "lxc.bad\n", "c/d.d/bconf": "lxc.bad\n",
		"c/dir.d/x.conf/file": "", "c/bad.d/a.conf": "lxc.bad = 1\n",
	})
	const key = "lxc.uts.name"
	write(t, dir+"/c/config", "lxc.cgroup.a.b = 1\n")
	_, groupV1 := lxcInfo(t, dir, key) // LXC 7 has no such keys
	const net, link = "lxc.net.0.type = veth\nlxc.net.0.link = br0\n", "lxc.net.0.link"
	for _, c := range []struct{ text, key string }{
		{"", key}, {"lxc.uts.name = a\n", key}, {"lxc.uts.name=a", key}, {" \tlxc.uts.name\t=\ta \t\r\n", key},
		{"lxc.uts.name = 'a'\n", key}, {"lxc.uts.name = \"a'\n", key}, {"lxc.uts.name = \"\n", key}, {"lxc.uts.name = ''a''\n", key},
		{"lxc.uts.name = a # b\n", key}, {"lxc.uts.name = a=b\n", key}, {"# lxc.uts.name\nlxc.uts.name = a\n", key}, {"  # lxc.bad\n", key},
		{"lxc.uts.name = a\nlxc.uts.name = b\n", key}, {"lxc.uts.name = a\nlxc.uts.name =\n", key}, {"lxc.uts.name = a\nlxc.uts.name = \"\"\n", key},
		{"lxc.uts.name = a\rlxc.pty.max = 1\n", key}, {"lxc.uts.name = a \\\nb\n", key}, {"lxc.uts.name = a\x0c\n", key},
		{"nonsense\nuts.name = a\n", key}, {"lxc.uts.name\n", key}, {"lxc.\n", key}, {"lxc\n", key}, {"lxc. = a\n", key}, {"LXC.uts.name = a\n", key},
		{"\ufefflxc.uts.name = a\n", key}, {"\v lxc.uts.name = a\n", key}, {"\u00a0lxc.uts.name = a\n", key},
		{"lxc.uts.nam = a\n", key}, {"lxc.utsname = a\n", key}, {"lxc.kmsg = 0\n", key}, {"lxc.network.type = empty\n", key}, {"lxc.limit.nofile = 1\n", key},
		{"lxc.uts.name.x = a\n", key}, {"lxc.cgroup.foo.bar = 1\n", "lxc.cgroup.foo.bar"}, {"lxc.cgroup2.foo = 1\nlxc.cgroup2 =\n", "lxc.cgroup2.foo"},
		{"lxc.cgroup. = 1\n", key}, {"lxc.cgroupx = 1\n", key}, {"lxc.cgroup = 1\n", key}, {"lxc.cgroup =\n", key}, {"lxc.cgroup.foo = 1\nlxc.cgroup.foo =\nlxc.cgroup.foo = 2\n", "lxc.cgroup.foo"},
		{"lxc.prlimit.nofile = 5\n", "lxc.prlimit.nofile"}, {"lxc.prlimits.nofile = 5\n", key}, {"lxc.sysctl.a.b = 5\n", "lxc.sysctl.a.b"}, {"lxc.sysctl. = 5\n", key},
		{"lxc.proc.oom_score_adj = 5\n", "lxc.proc.oom_score_adj"}, {"lxc.namespace.share.net = 1\n", "lxc.namespace.share.net"}, {"lxc.namespace.share.no = 1\n", key},
		{"lxc.hook.start = a\nlxc.hook.start = b\n", "lxc.hook.start"}, {"lxc.hook.start = a\nlxc.hook =\nlxc.hook.start = c\n", "lxc.hook.start"}, {"lxc.hook = a\n", key},
		{"lxc.hook.version = 1\nlxc.hook =\n", "lxc.hook.version"}, {"lxc.hook.start-host = a\n", "lxc.hook.start-host"}, {"lxc.hook.bad = a\n", key},
		{"lxc.cap.drop = sys_boot chown\nlxc.cap.drop = kill\n", "lxc.cap.drop"}, {"lxc.cap.drop = kill\nlxc.cap.keep =\nlxc.cap.keep = chown kill\n", "lxc.cap.keep"}, {"lxc.cap.drop = chown\nlxc.cap.keep =\nlxc.cap.drop = kill\n", "lxc.cap.drop"},
		{"lxc.mount.entry = a b\nlxc.mount.entry =\nlxc.mount.entry = c d\nlxc.mount.entry = e f\n", "lxc.mount.entry"}, {"lxc.mount.fstab =\n", key}, {"lxc.mount.fstab = /x\n", "lxc.mount.fstab"},
		{net, link}, {"lxc.net.0.link = br0\nlxc.net.0.type = veth\n", link}, {net + "lxc.net.0.type = phys\n", link}, {net + "lxc.net.0.link =\n", link},
		{net + "lxc.net.00.link = br1\n", link}, {net + "lxc.net.0x.link = br1\n", key}, {net + "lxc.net.0.lnk = br1\n", key}, {net + "lxc.net.x.link = br1\n", key},
		{net + "lxc.net = 1\n", key}, {net + "lxc.net.0 = 1\n", key}, {net + "lxc.net.0.ipv4 = 10.0.0.1/8\n", key}, {net + "lxc.net. = 1\n", key}, {net + "lxc.net.2147483647.link = a\n", key},
		{net + "lxc.net.0.ipv4.address = 10.0.0.1/8 10.255.255.255\n", link}, {net + "lxc.net.0.veth.pair = xy\n", "lxc.net.0.veth.pair"}, {net + "lxc.net.2147483646.link = a\n", link},
		{net + "lxc.net =\nlxc.net.0.link = br2\n", link}, {net + "lxc.net.0 =\nlxc.net.0.link = br2\n", link},
		{"lxc.include = @/c/one\n", "lxc.tty.max"}, {"lxc.include = '@/c/one'\nlxc.pty.max = 9\n", "lxc.pty.max"}, {"lxc.pty.max = 9\nlxc.include = @/c/one\n", "lxc.pty.max"},
		{"lxc.include = @/c/d.d\n", "lxc.tty.max"}, {"lxc.include = @/c/d.d/\n", "lxc.pty.max"}, {"lxc.include = @/c/none\n", key}, {"lxc.include = @/c/none/\n", key},
		{"lxc.include = @/c/bad\n", key}, {"lxc.include = @/c/bad.d\n", key}, {"lxc.include = @/c/dir.d\n", key}, {"lxc.include = @/c/one/\n", key}, {"lxc.include =\n", key}, {"lxc.include\n", key},
	} {
		write(t, dir+"/c/config", strings.ReplaceAll(c.text, "@", dir))
		value, theirs := lxcInfo(t, dir, c.key)
		config, ours := accepted(dir + "/c/config")
		if strings.HasPrefix(c.text, "lxc.cgroup") && !strings.HasPrefix(c.text, "lxc.cgroup2") && !groupV1 {
			continue
		}
		if ours != theirs {
			t.Errorf("%q: accepted by LXC: %v, by us: %v", c.text, theirs, ours)
		} else if ours && !reported(config, c.key, value) {
			t.Errorf("%q: %s is %q to LXC, %q to us", c.text, c.key, value, values(config.All(c.key)))
		}
	}
}

// reported compares what LXC says of a key: all its values, or the last where
// there can be one only.
func reported(c *Config, key, value string) bool {
	all := c.All(key)
	one, many := all[max(0, len(all)-1):], strings.Fields(strings.ReplaceAll(values(all), "|", " "))
	return strings.TrimSpace(values(one)) == value || slices.Equal(many, strings.Fields(value))
}

func TestLXCDropsTheSameCapabilities(t *testing.T) {
	need.Programs(t, "lxc-info")
	dir := t.TempDir()
	for _, text := range []string{
		"lxc.cap.drop = kill chown\n", "lxc.cap.drop = chown\n", "lxc.cap.drop = kill\nlxc.cap.drop =\nlxc.cap.drop = chown\n", "lxc.cap.drop = kill\nlxc.cap.keep =\nlxc.cap.keep = chown\n",
		"lxc.cap.keep = kill\n", "lxc.cap.keep = chown\n", "lxc.cap.keep = kill none chown\n", "lxc.cap.keep = none kill\n", "lxc.cap.keep = kill\nlxc.cap.keep = none chown\n",
	} {
		write(t, dir+"/c/config", text)
		list, ok := lxcInfo(t, dir, "lxc.cap.drop") // that of lxc.cap.keep too
		if !ok {
			t.Fatalf("%q: refused by LXC", text)
		}
		lines := strings.Split(strings.TrimSpace(text), "\n")
		keep := strings.HasPrefix(lines[len(lines)-1], "lxc.cap.keep")
		want := slices.Contains(strings.Fields(list), "kill") != keep
		if _, got := parsed(t, text).CapDropped("kill"); got != want {
			t.Errorf("%q: %v, want %v (LXC lists %q)", text, got, want, list)
		}
	}
}

// old is a configuration in keys of LXC 2 alone, with values that LXC accepts.
const old = `# Template used to create this container
lxc.include = @/net
lxc.rootfs = @/rootfs
lxc.rootfs.backend = dir
lxc.utsname = old
lxc.arch = x86_64
lxc.tty = 1
lxc.pts = 64
lxc.devttydir = lxc
lxc.kmsg = 0
lxc.pivotdir = mnt
lxc.loglevel = 3
lxc.logfile = @/log
lxc.haltsignal = SIGTERM
lxc.rebootsignal = SIGINT
lxc.stopsignal = SIGKILL
lxc.init_cmd = /init
lxc.init_uid = 0
lxc.init_gid = 0
lxc.mount = @/fstab
lxc.aa_profile = unconfined
lxc.aa_allow_incomplete = 1
lxc.seccomp = @/seccomp
lxc.console = none
lxc.syslog = daemon
lxc.limit.nofile = 512
lxc.cap.drop = sys_module sys_time
lxc.mount.entry = @/shared\040files shared none bind,create=dir 0 0
lxc.network.1.ipv4 = 10.9.8.7/24
lxc.network.hwaddr = 00:16:3e:00:00:01
`

// network begins two networks: the second is what later keys belong to.
const network = `lxc.network.type = empty
lxc.network.type = veth
lxc.network.link = br0
lxc.network.flags = up
`

func oldTree(t *testing.T, config string) string {
	return tree(t, map[string]string{"c/config": config, "net": network, "log": "", "fstab": "", "seccomp": "2\nallowlist\n"})
}

func TestLXCAcceptsWhatWasMigrated(t *testing.T) {
	need.Programs(t, "lxc-info")
	dir := oldTree(t, old)
	config := dir + "/c/config"
	if _, ok := lxcInfo(t, dir, "lxc.uts.name"); ok {
		t.Fatal("LXC reads old keys: nothing to migrate")
	}
	before, err := Load(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(plan(t, config)); err != nil {
		t.Fatal(err)
	}
	after, ok := accepted(config)
	if !ok || len(plan(t, config)) > 0 {
		t.Fatalf("still old: %+v", after)
	}
	if diff := cmp.Diff(short(without(before.Entries)), short(after.Entries)); diff != "" {
		t.Errorf("the migrated files say something else: %s", diff)
	}
	for key, want := range map[string]string{
		"lxc.uts.name": "old", "lxc.rootfs.path": dir + "/rootfs", "lxc.tty.max": "1", "lxc.pty.max": "64", "lxc.tty.dir": "lxc", "lxc.signal.halt": "15",
		"lxc.signal.reboot": "2", "lxc.signal.stop": "9", "lxc.init.cmd": "/init", "lxc.mount.fstab": dir + "/fstab", "lxc.seccomp.profile": dir + "/seccomp",
		"lxc.console.path": "none", "lxc.prlimit.nofile": "512", "lxc.net.0.type": "empty", "lxc.net.1.type": "veth", "lxc.net.1.link": "br0",
		"lxc.net.1.ipv4.address": "10.9.8.7/24", "lxc.net.1.hwaddr": "00:16:3e:00:00:01", "lxc.log.file": dir + "/log", "lxc.log.syslog": "daemon",
	} {
		got, ok := lxcInfo(t, dir, key)
		if key == "lxc.signal.halt" || key == "lxc.signal.reboot" || key == "lxc.signal.stop" || key == "lxc.log.syslog" {
			got = "accepted" // LXC shows its own numbers
			want = "accepted"
		}
		if !ok || got != want {
			t.Errorf("%s: %q %v, want %q", key, got, ok, want)
		}
	}
}

func without(entries []Entry) (kept []Entry) {
	for _, e := range entries {
		if !e.Dropped {
			kept = append(kept, e)
		}
	}
	return kept
}

// TestMigrationDoesWhatLXCsOwnToolDoes: for what lxc-update-config(1) does
// right, which is one file, no lxc.limit.*, no numbered ipv4 and no backend.
func TestMigrationDoesWhatLXCsOwnToolDoes(t *testing.T) {
	need.Programs(t, "lxc-update-config")
	text := strings.Replace(old, "lxc.include = @/net\n", network, 1)
	text = strings.Replace(text, "lxc.limit.nofile = 512\n", "", 1)           // it forgets lxc.limit.*
	text = strings.Replace(text, "lxc.network.1.ipv4 = 10.9.8.7/24\n", "", 1) // and there the .address
	text = strings.Replace(text, "lxc.rootfs.backend = dir\n", "", 1) + "lxc.network.ipv4 = 10.9.8.7/24\nlxc.network.ipv6.gateway = auto\n"
	dir := oldTree(t, text)
	changes := plan(t, dir+"/c/config")
	if len(changes) != 1 {
		t.Fatalf("%+v", changes)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "lxc-update-config", "-c", dir+"/c/config")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if diff := cmp.Diff(read(t, dir+"/c/config"), string(changes[0].New)); diff != "" {
		t.Error(diff)
	}
}

// TestAMigratedContainerStarts: its init writes down what it sees.
func TestAMigratedContainerStarts(t *testing.T) {
	need.Root(t)
	need.Programs(t, "lxc-start", "apt-get", "dpkg")
	name := fmt.Sprintf("confile-%d", os.Getpid())
	text := strings.Replace(old, "lxc.include = @/net\n", "lxc.network.type = empty\n", 1)
	for _, line := range []string{"lxc.network.1.ipv4 = 10.9.8.7/24\n", "lxc.network.hwaddr = 00:16:3e:00:00:01\n", "lxc.devttydir = lxc\n"} {
		text = strings.Replace(text, line, "", 1) // for veth, and for a /dev that is a file system of its own
	}
	dir := oldTree(t, text)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+"/c", dir+"/"+name); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/shared files/there", "")
	for _, d := range []string{"proc", "dev", "sys", "bin", "mnt"} {
		if err := os.MkdirAll(filepath.Join(dir, "rootfs", d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	unpacked, err := debs.UnpackWithLibraries(t.Context(), "busybox-static") // the host's may want libraries
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/rootfs/bin/busybox", read(t, filepath.Join(unpacked, "usr/bin/busybox")))
	write(t, dir+"/rootfs/init", "#!/bin/busybox sh\nbusybox=/bin/busybox\n{ $busybox hostname; $busybox ls /shared; ulimit -n; $busybox ls /sys/class/net; } >/seen 2>&1\n")
	for _, program := range []string{"/rootfs/bin/busybox", "/rootfs/init"} {
		if err := os.Chmod(dir+program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir+"/seccomp", "2\ndenylist\n")
	write(t, dir+"/fstab", "sysfs sys sysfs ro 0 0\n")
	config := filepath.Join(dir, name, "config")
	if err := Write(plan(t, config)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out strings.Builder
	cmd := exec.CommandContext(ctx, "lxc-start", "-F", "-P", dir, "-n", name, "-f", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := lab.Start(t, cmd).Wait(ctx); err != nil {
		t.Fatalf("%v %s\n%s", err, &out, read(t, dir+"/log"))
	}
	if got := read(t, dir+"/rootfs/seen"); got != "old\nthere\n512\nlo\n" {
		t.Errorf("inside is seen: %q\n%s", got, &out)
	}
}
