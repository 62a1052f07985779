package qemu

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/need"
)

// files makes a directory with things that a guest may name: a.img, b.img,
// link.img → a.img, dangling → nowhere, dir, fifo, vmlinuz.
func files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a.img", "b.img", "vmlinuz"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 4096), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(os.Symlink("a.img", filepath.Join(dir, "link.img")),
		os.Symlink("/nowhere/vmlinuz-6.1", filepath.Join(dir, "dangling")),
		os.Mkdir(filepath.Join(dir, "dir"), 0o755),
		unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// plan makes the machine of a conf.d text in which $D is dir.
func plan(t *testing.T, dir, conf string, host Host) *Machine {
	t.Helper()
	return planOf(t, "qemu.db", dir, conf, host)
}

func planOf(t *testing.T, guestName, dir, conf string, host Host) *Machine {
	t.Helper()
	name := mustName(t, guestName)
	cfg := parseConf(t, name, strings.ReplaceAll(conf, "$D", dir))
	m, err := newMachine(guest.Layout{Root: "/"}, name, cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	m.Binary = "/bin/sh" // a program, for want of a QEMU on every machine
	return m
}

// TestPreflight: one bad thing in the world each.
func TestPreflight(t *testing.T) {
	for _, c := range []struct {
		conf, id, want, hint string
		host                 func(*fakeHost)
		running              string // conf.d text of another guest that runs
	}{
		{conf: "disk0_file=$D/none.img disk0_format=raw", id: "GR201", want: "1:1: disk0_file: cannot use $D/none.img: no such file or directory", hint: "qemu-img create -f raw $D/none.img"},
		{conf: "disk0_file=$D/none.qcow2 disk0_format=qcow2", id: "GR201", want: "1:1: disk0_file: cannot use $D/none.qcow2", hint: "-f qcow2"},
		{conf: "disk0_file=$D/dir disk0_format=raw", id: "GR201", want: "1:1: disk0_file: cannot use $D/dir: it is a directory"},
		{conf: "disk0_file=$D/fifo disk0_format=raw", id: "GR201", want: "1:1: disk0_file: cannot use $D/fifo: neither a file nor a block device"},
		{conf: "disk0_file=/dev/null disk0_format=raw", id: "GR201", want: "1:1: disk0_file: cannot use /dev/null: neither a file nor a block device"},
		{conf: "disk0_file=$D/dangling disk0_format=raw", id: "GR201", want: "1:1: disk0_file: cannot use $D/dangling: it is a symlink to /nowhere/vmlinuz-6.1, which does not exist"},
		{conf: "cdrom0_file=$D/none.iso", id: "GR201", want: "1:1: cdrom0_file: cannot use $D/none.iso: no such file"},
		{conf: "disk0_file=$D/a.img disk0_format=raw\ndisk1_file=$D/link.img disk1_format=raw", id: "GR202", want: "2:1: disk1_file: $D/link.img is disk0_file too"},
		{conf: "disk0_file=$D/a.img disk0_format=raw\ncdrom0_file=$D/a.img", id: "GR202", want: "2:1: cdrom0_file: $D/a.img is disk0_file too"},
		{conf: "disk0_file=$D/link.img disk0_format=raw", id: "GR202", running: "disk5_file=$D/a.img disk5_format=raw",
			want: "1:1: disk0_file: $D/link.img is in use by the running guest qemu.web", hint: "stop qemu.web first"},

		{conf: "kernel=$D/none", id: "GR207", want: "1:1: kernel: cannot use $D/none: no such file", hint: "a symlink will do"},
		{conf: "kernel=$D/dangling", id: "GR207", want: "1:1: kernel: cannot use $D/dangling: it is a symlink to /nowhere/vmlinuz-6.1, which does not exist"},
		{conf: "kernel=$D/vmlinuz\ninitrd=$D/dir", id: "GR207", want: "2:1: initrd: cannot use $D/dir: not a regular file"},
		{conf: "kernel=$D/fifo", id: "GR207", want: "1:1: kernel: cannot use $D/fifo: not a regular file"},
		{conf: "firmware=$D/none", id: "GR207", want: "1:1: firmware: cannot use $D/none"},
		{conf: "firmware=$D/a.img\nuefi_vars=$D/none", id: "GR207", want: "2:1: uefi_vars: cannot use $D/none", hint: "OVMF_VARS.fd"},

		{conf: "memory=65G", id: "GR401", want: "1:1: memory: 66560M is more than the host has, which is 65536M"},
		{conf: "memory_hugepages=yes\nhugepages_path=$D/none", id: "GR403", want: "2:1: hugepages_path: cannot take memory from $D/none: no such file", hint: "mount -t hugetlbfs"},
		{conf: "memory_hugepages=yes\nhugepages_path=$D/a.img", id: "GR403", want: "2:1: hugepages_path: cannot take memory from $D/a.img: not a directory"},
		{conf: "cpu_affinity=0-20", id: "GR404", want: "1:1: cpu_affinity: the host has no CPU 4, 5, 6, 7, 8, 9, 10, 11, 9 more", hint: "/sys/devices/system/cpu/online"},
		{conf: "cpu_affinity=3-4", id: "GR404", want: "1:1: cpu_affinity: the host has no CPU 4", hint: "/sys/devices/system/cpu/online"},
		{conf: "enable_kvm=yes", id: "GR405", want: "1:1: enable_kvm: cannot open /dev/kvm", hint: "enable_kvm=auto", host: func(h *fakeHost) { h.kvm = errors.New("cannot open /dev/kvm: no such file") }},

		{conf: "net0=bridge", id: "GR301", want: "1:1: net0: cannot use bridge br0: there is no such interface", hint: "ip link add br0 type bridge", host: func(h *fakeHost) { delete(h.links, "br0") }},
		{conf: "net0=bridge\nnet0_br=br7", id: "GR301", want: "2:1: net0_br: cannot use bridge br7: there is no such interface"},
		{conf: "net0=bridge\nnet0_br=eth0", id: "GR301", want: "2:1: net0_br: cannot use eth0: it is not a bridge"},
		{conf: "net0=bridge", id: "GR306", want: "1:1: net0: cannot make tap qdb-0: an interface of that name exists", hint: "ip link del qdb-0", host: func(h *fakeHost) { h.links["qdb-0"] = "tun" }},
		{conf: "net0=bridge\nnet0_ifname=vm", id: "GR306", running: "net0=bridge\nnet0_ifname=vm", want: "2:1: net0_ifname: interface vm belongs to the running guest qemu.web"},
		{conf: "net0=tap\nnet0_ifname=tap9", id: "GR301", want: "2:1: net0_ifname: cannot use tap tap9: there is no such interface", hint: "ip tuntap add tap9 mode tap"},
		{conf: "net0=tap\nnet0_ifname=eth0", id: "GR301", want: "2:1: net0_ifname: cannot use eth0: it is not a tap"},
		{conf: "net0=tap\nnet0_ifname=tap0", id: "GR306", running: "net0=tap\nnet0_ifname=tap0", want: "2:1: net0_ifname: interface tap0 belongs to the running guest qemu.web"},
		{conf: "net0=user\nnet0_mac=52:54:00:00:00:01", id: "GR302", running: "net1=user\nnet1_mac=52-54-00-00-00-01", want: "2:1: net0_mac: 52:54:00:00:00:01 is the MAC address of the running guest qemu.web"},

		{conf: "vnc_display=3", id: "GR305", running: "vnc_display=3\nvnc_listen=0.0.0.0", want: "1:1: vnc_display: tcp:127.0.0.1:5903 is in use by the running guest qemu.web"},
		{conf: "vsock_cid=7", id: "GR307", running: "ready=vsock\nvsock_cid=7", want: "1:1: vsock_cid: vsock:7:2147483655 is in use by the running guest qemu.web"},
		{conf: "ready=vsock", id: "GR413", host: func(h *fakeHost) { h.vsock = fs.ErrNotExist }, want: "1:1: ready: cannot make a vsock device: ", hint: "modprobe vhost_vsock"},
		{conf: "net0=user\nnet0_hostfwd=tcp::2222-:22", id: "GR305", running: "net0=user\nnet0_hostfwd=tcp:127.0.0.1:2222-:22", want: "2:1: net0_hostfwd: tcp:0.0.0.0:2222 is in use by the running guest qemu.web"},
		{conf: "monitor_socket=/run/" + strings.Repeat("x", 104), id: "GR312", want: "1:1: monitor_socket: the socket's path has 109 bytes, of which 107 are possible"},
	} {
		dir, host := files(t), newFakeHost()
		var running []guest.Claim
		if c.running != "" {
			running = []guest.Claim{{Guest: "lxc.idle"}, planOf(t, "qemu.web", dir, c.running, host).Claim()}
		}
		m := plan(t, dir, c.conf, host)
		if c.host != nil {
			c.host(host)
		}
		err := m.preflight(host, running)
		want, hint := strings.ReplaceAll(c.want, "$D", dir), strings.ReplaceAll(c.hint, "$D", dir)
		var e *confd.Error
		if len(joined(err)) != 1 || !errors.As(err, &e) || !strings.HasPrefix(e.Error(), "qemu.db:"+want) || !strings.Contains(e.Hint, hint) {
			t.Errorf("%q:\n got %v\nwant %s (hint: %s)", c.conf, err, want, hint)
		} else if e.ID != c.id {
			t.Errorf("%q: id %q, want %q", c.conf, e.ID, c.id)
		}
	}
}

// TestPreflightUnreadable looks with the eyes of somebody who may not.
func TestPreflightUnreadable(t *testing.T) {
	dir := files(t)
	if err := os.Chmod(filepath.Join(dir, "a.img"), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "vmlinuz"), 0o000); err != nil {
		t.Fatal(err)
	}
	host := newFakeHost()
	m := plan(t, dir, "disk0_file=$D/a.img disk0_format=raw\nkernel=$D/vmlinuz\n", host)
	allowTraversal(t, dir)
	var err error
	asNobody(t, func() { err = m.preflight(host, nil) })
	for _, want := range []string{"disk0_file: cannot use " + dir + "/a.img: permission denied", "kernel: cannot use " + dir + "/vmlinuz: permission denied"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// allowTraversal lets everybody reach a directory below the temporary one.
func allowTraversal(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// asNobody calls f on a thread that has lost root's rights, and ends with f.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	done := make(chan unix.Errno)
	go func() {
		runtime.LockOSThread()
		const nobody = 65534
		var failed unix.Errno
		for _, call := range []uintptr{unix.SYS_SETRESGID, unix.SYS_SETRESUID} { // of this thread only
			if _, _, errno := unix.RawSyscall(call, nobody, nobody, nobody); errno != 0 {
				failed = errno
			}
		}
		if failed == 0 {
			f()
		}
		done <- failed
	}()
	if errno := <-done; errno != 0 {
		t.Fatal(errno)
	}
}

// TestPreflightGood: nothing is wrong with what is right.
func TestPreflightGood(t *testing.T) {
	dir, host := files(t), newFakeHost()
	for _, conf := range []string{
		"",
		"disk0_file=$D/link.img disk0_format=raw disk1_file=$D/b.img disk1_format=raw",
		"cdrom0_file=$D/a.img cdrom1_file=$D/a.img",
		"disk0_file=$D/a.img disk0_format=raw disk0_device=scsi-hd,share-rw=on disk1_file=$D/a.img disk1_format=raw disk1_device=scsi-hd,share-rw=on",
		"disk0_file=nbd://storage.example/db disk0_format=raw",
		"kernel=$D/vmlinuz initrd=$D/a.img cmdline=ro",
		"net0=bridge net1=tap net1_ifname=tap0 net2=tap net2_script=/etc/qemu-ifup net2_ifname=later",
		"memory=64G cpu_affinity=0-3",
		"firmware=$D/vmlinuz uefi_vars=$D/a.img",
	} {
		m := plan(t, dir, conf, host)
		own := m.Claim() // of a record that a crash left
		stranger := guest.Claim{Guest: "qemu.web", Disks: []guest.DevIno{{Dev: 1, Ino: 1}}, MACs: []string{"52:54:00:00:00:09"}, Ports: []string{"tcp:127.0.0.1:5999"}, Taps: []string{"qweb-0"}}
		if err := m.preflight(host, []guest.Claim{own, stranger}); err != nil {
			t.Errorf("%q: %v", conf, err)
		}
	}
}

// TestClaim: what a guest only reads or shares, it does not claim.
func TestClaim(t *testing.T) {
	dir, host := files(t), newFakeHost()
	m := plan(t, dir, `disk0_file=$D/link.img disk0_format=raw
disk1_file=$D/b.img disk1_format=raw disk1_snapshot=on
disk2_file=$D/vmlinuz disk2_format=raw disk2_device=scsi-hd,share-rw=on
cdrom0_file=$D/b.img
net0=bridge net1=user net1_hostfwd=udp:[::]:53-:53
vnc_display=7
`, host)
	c := m.Claim()
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "a.img"), &st); err != nil {
		t.Fatal(err)
	}
	if c.Guest != "qemu.db" || len(c.Disks) != 1 || c.Disks[0].Dev != uint64(st.Dev) || c.Disks[0].Ino != st.Ino {
		t.Errorf("%+v", c)
	}
	if len(c.MACs) != 2 || len(c.Taps) != 1 || c.Taps[0] != "qdb-0" {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(c.Ports, []string{"tcp:127.0.0.1:5907", "udp:[::]:53"}) {
		t.Errorf("ports %q", c.Ports)
	}
}

// TestClaimBlock: a block device is the same under whichever name.
func TestClaimBlock(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	dev := int(unix.Mkdev(7, 77)) // a loop device, which need not exist
	if err := errors.Join(unix.Mknod(a, unix.S_IFBLK|0o600, dev), unix.Mknod(b, unix.S_IFBLK|0o600, dev)); err != nil {
		t.Fatal(err)
	}
	one, _, err := devIno(a)
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := devIno(b)
	if err != nil || !sameDisk(one, two) || one.Dev != 0 || one.Ino != unix.Mkdev(7, 77) {
		t.Errorf("%+v and %+v (%v)", one, two, err)
	}
}

func TestSamePort(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"tcp:127.0.0.1:5900", "tcp:127.0.0.1:5900", true},
		{"tcp:127.0.0.1:5900", "tcp:127.0.0.1:5901", false},
		{"tcp:127.0.0.1:5900", "udp:127.0.0.1:5900", false},
		{"tcp:127.0.0.1:5900", "tcp:0.0.0.0:5900", true},
		{"tcp:[::]:5900", "tcp:127.0.0.1:5900", true},
		{"tcp:127.0.0.1:5900", "tcp:127.0.0.2:5900", false},
	} {
		if got := samePort(c.a, c.b); got != c.want {
			t.Errorf("samePort(%q, %q) = %v", c.a, c.b, got)
		}
	}
}
