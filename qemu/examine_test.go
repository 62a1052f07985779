package qemu

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/need"
)

// shelf makes a directory with disks of all sorts.
func shelf(t testing.TB) string {
	t.Helper()
	need.Programs(t, "qemu-img")
	dir := t.TempDir()
	put := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bios := make([]byte, 64<<10)
	copy(bios, "\xfa\x33\xc0GRUB ")
	bios[510], bios[511] = 0x55, 0xaa
	data := make([]byte, 64<<10)
	copy(data[512:], "LABELONE") // an LVM physical volume
	put("bios.img", bios)
	put("uefi.img", uefiDisk("BOOTX64 EFI", 0x8664))
	put("uefi2.img", uefiDisk("BOOTX64 EFI", 0x8664))
	put("arm.img", uefiDisk("BOOTAA64EFI", 0xaa64))
	put("data.img", data)
	put("empty.img", make([]byte, 128<<10))
	put("packed.img", append([]byte("\xfd7zXZ\x00"), make([]byte, 128<<10)...))
	put("bad.qcow2", []byte("QFI\xfb\x00\x00\x00\x03"))
	for _, args := range []string{
		"create -f qcow2 $D/disk.qcow2 1M",
		"create -f vmdk $D/disk.vmdk 1M",
		"convert -f raw -O qcow2 $D/bios.img $D/base.qcow2",
		"create -f qcow2 -b base.qcow2 -F qcow2 $D/over.qcow2",
		"create -f qcow2 -b over.qcow2 -F qcow2 $D/top.qcow2",
		"create -f qcow2 -u -b gone.qcow2 -F qcow2 $D/orphan.qcow2 1M",
		"create -f qcow2 -u -b base.qcow2 -F qcow2 $D/guess.qcow2 1M",
		"create -f qcow2 -u -b base.qcow2 -F raw $D/wrong.qcow2 1M",
		"create -f qcow2 -u -b circle.qcow2 -F qcow2 $D/circle.qcow2 1M",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), acceptTime)
		words := strings.Fields(strings.ReplaceAll(args, "$D", dir))
		if out, err := exec.CommandContext(ctx, "qemu-img", words...).CombinedOutput(); err != nil {
			t.Fatalf("qemu-img %s: %v: %s", args, err, out)
		}
		cancel()
	}
	guess, err := os.ReadFile(filepath.Join(dir, "guess.qcow2"))
	if err != nil {
		t.Fatal(err)
	}
	// qemu-img of today does not leave the format out, so its header extension is
	// made one of another sort (docs/interop/qcow2.txt).
	put("guess.qcow2", bytes.Replace(guess, []byte("\xe2\x79\x2a\xca"), []byte("GRC1"), 1))
	return dir
}

// uefiDisk is a FAT12 file system with one EFI program, EFI/BOOT/name, and the
// boot sector of dosfstools.
func uefiDisk(name string, machine uint16) []byte {
	const sector, clusters = 512, 100
	disk := make([]byte, (4+clusters)*sector)
	copy(disk, "\xeb\x3c\x90GUESTRC ")
	le := binary.LittleEndian
	le.PutUint16(disk[11:], sector)
	disk[13], disk[14], disk[16], disk[21] = 1, 1, 1, 0xf8 // sectors of a cluster, before the FAT; FATs; a hard disk
	le.PutUint16(disk[17:], 16)                            // entries of the root
	le.PutUint16(disk[19:], 4+clusters)
	le.PutUint16(disk[22:], 1) // sectors of a FAT
	copy(disk[62:], "This is not a bootable disk")
	disk[510], disk[511] = 0x55, 0xaa
	copy(disk[sector:], "\xf8\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff") // each file ends with its first cluster
	const root, first = 2 * sector, 3 * sector
	for n, e := range []struct {
		name string
		dir  bool
	}{{"EFI        ", true}, {"BOOT       ", true}, {name, false}} {
		at := root
		if n > 0 {
			at = first + (n-1)*sector
		}
		copy(disk[at:], e.name)
		disk[at+11] = map[bool]byte{true: 0x10, false: 0x20}[e.dir]
		le.PutUint16(disk[at+26:], uint16(n+2))
		if !e.dir {
			le.PutUint32(disk[at+28:], sector)
		}
	}
	program := disk[first+2*sector:]
	copy(program, "MZ")
	program[0x3c] = 0x80
	copy(program[0x80:], "PE\x00\x00")
	le.PutUint16(program[0x84:], machine)
	return disk
}

// examined gives what is found in the guest of a conf.d text: ids, and texts.
func examined(t *testing.T, dir, conf string, host Host, running bool) (ids string, found []*confd.Error) {
	t.Helper()
	found = plan(t, dir, conf, host).examine(t.Context(), host, running)
	for _, e := range found {
		ids = strings.TrimPrefix(ids+" "+e.ID, " ")
	}
	return ids, found
}

// bootable is a guest that has nothing to complain of by itself.
const bootable = "disk0_file=$D/bios.img disk0_format=raw\n"

// TestExamine: one fault each, or none where the guest is as it may well be meant.
func TestExamine(t *testing.T) {
	dir := shelf(t)
	for _, c := range []struct {
		conf, ids string
		says      string // of the first
		hint      string
		host      func(*fakeHost)
		running   bool
	}{
		{conf: bootable},

		// What QEMU is told, and what the bytes show.
		{conf: bootable + "disk1_file=$D/disk.qcow2\ndisk1_format=raw", ids: "GR203", says: "3:1: disk1_format: $D/disk.qcow2 is qcow2, and QEMU is told that it is raw", hint: "disk1_format=qcow2"},
		{conf: bootable + "disk1_file=$D/disk.vmdk disk1_format=raw", ids: "GR203", says: "is vmdk"},
		{conf: bootable + "disk1_file=$D/disk.vmdk disk1_driver=raw", ids: "GR203", says: "disk1_driver: "},
		{conf: bootable + "disk1_file=$D/disk.qcow2 disk1_format=raw", ids: "GR203", running: true},
		{conf: bootable + "disk1_file=$D/data.img disk1_format=qcow2", ids: "GR203", says: "data.img is raw, and QEMU is told that it is qcow2", hint: "disk1_format=raw"},
		{conf: bootable + "disk1_file=$D/disk.vmdk disk1_format=qcow2", ids: "GR203", says: "is vmdk, and QEMU is told that it is qcow2"},
		{conf: bootable + "cdrom0_file=$D/disk.qcow2", ids: "GR203", says: "2:1: cdrom0_file: $D/disk.qcow2 is qcow2, and a CD-ROM's image is raw", hint: "qemu-img convert"},
		{conf: bootable + "disk1_file=$D/disk.qcow2 disk1_format=qcow2\ndisk2_file=$D/disk.vmdk disk2_format=vmdk"},
		{conf: bootable + "disk1_file=$D/disk.qcow2"}, // QEMU guesses: the plan warns of that
		{conf: bootable + "disk1_file=$D/none.img disk1_format=raw"},
		{conf: bootable + "disk1_file=nbd://storage.example/db disk1_format=raw"},
		{conf: bootable + "disk1_file=$D/bad.qcow2 disk1_format=qcow2", ids: "GR201", says: "disk1_file: cannot use $D/bad.qcow2: "},

		// What an image stands on.
		{conf: "disk0_file=$D/top.qcow2 disk0_format=qcow2"},
		{conf: bootable + "disk1_file=$D/orphan.qcow2 disk1_format=qcow2", ids: "GR204", says: "2:1: disk1_file: $D/orphan.qcow2 stands on $D/gone.qcow2: no such file", hint: "rebase -u -b FILE"},
		{conf: bootable + "disk1_file=$D/wrong.qcow2 disk1_format=qcow2", ids: "GR204", says: "has on record that $D/base.qcow2, which it stands on, is raw; it is qcow2", hint: "-F qcow2 $D/wrong.qcow2"},
		{conf: bootable + "disk1_file=$D/circle.qcow2 disk1_format=qcow2", ids: "GR204", says: "circle"},
		{conf: bootable + "disk1_file=$D/guess.qcow2 disk1_format=qcow2", ids: "GR210", says: "has not on record of which format $D/base.qcow2 is", hint: "-b $D/base.qcow2 -F qcow2"},

		// What firmware finds.
		{conf: "disk0_file=$D/uefi.img disk0_format=raw", ids: "GR205", says: "1:1: disk0_file: $D/uefi.img boots by UEFI only: it has EFI/BOOT/BOOTX64.EFI", hint: "firmware=uefi"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw net0=bridge firmware=bios", ids: "GR205", says: "firmware: "},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\ndisk1_file=$D/uefi2.img disk1_format=raw", ids: "GR205", says: "disk0_file: "},
		{conf: "disk0_file=$D/disk.qcow2 disk0_format=raw", ids: "GR203"}, // and what a guest would see there is no matter
		{conf: "cdrom0_file=$D/uefi.img\ndisk0_file=$D/empty.img disk0_format=raw", ids: "GR205", says: "cdrom0_file: "},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw", running: true},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\ndisk1_file=$D/bios.img disk1_format=raw"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\ndisk1_file=$D/data.img disk1_format=raw", ids: "GR205"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\ndisk1_file=nbd://storage.example/db disk1_format=raw"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\nfirmware=uefi"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\nfirmware=$D/data.img"}, // whatever that is
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\nkernel=$D/data.img"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\nextra_args='-bios /x'"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\nextra_args='-drive file=/x,if=virtio'"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\nextra_args='-device vfio-pci,host=01:00.0'"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\nmachine=microvm"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw net0=bridge\nextra_args='-boot order=nc,menu=on'"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw net0=bridge\nextra_args='-boot n'"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw net0=bridge\nextra_args='-boot order=c,menu=on'", ids: "GR205"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw net0=bridge net0_device=virtio-net-pci,bootindex=0"},
		{conf: "disk0_file=$D/uefi.img disk0_format=raw\nextra_args='-device usb-tablet'", ids: "GR205"},
		{conf: "disk0_file=$D/bios.img disk0_format=raw\nfirmware=uefi", ids: "GR206", says: "2:1: firmware: $D/bios.img boots by BIOS only: the first sector has GRUB's boot program", hint: "firmware=bios"},
		{conf: "disk0_file=$D/top.qcow2 disk0_format=qcow2\nfirmware=uefi", ids: "GR206"},
		{conf: "disk0_file=$D/bios.img disk0_format=raw\nfirmware=$D/data.img\nuefi_vars=$D/data.img", ids: "GR206"},
		{conf: "", ids: "GR209", says: "disk0_file: there is no disk, no kernel, and no network to boot from"},
		{conf: "net0=bridge"},
		{conf: "net0=user", ids: "GR209"},
		{conf: "net0=user net0_tftp=/srv net0_bootfile=pxelinux.0"},
		{conf: "extra_args='-nic tap'"},
		{conf: "disk0_file=$D/data.img disk0_format=raw", ids: "GR209", says: "1:1: disk0_file: nothing to boot from on $D/data.img: the first sector has no boot signature"},
		{conf: "disk0_file=$D/data.img disk0_format=raw net0=tap net0_ifname=tap0"},
		{conf: "disk0_file=$D/empty.img disk0_format=raw", ids: "GR209", says: "the disk is empty", hint: "cdrom0_file="},
		{conf: "disk0_file=$D/packed.img disk0_format=raw", ids: "GR209", hint: "xz"},
		{conf: "disk0_file=$D/arm.img disk0_format=raw firmware=uefi", ids: "GR209", says: "EFI/BOOT/BOOTAA64.EFI is for another processor than x64"},
		{conf: "disk0_file=$D/arm.img disk0_format=raw firmware=uefi system_type=aarch64 enable_kvm=no"},
		{conf: "system_type=aarch64 enable_kvm=no"}, // without firmware, anything may be meant

		// Settings without effect.
		{conf: bootable + "hugepages_path=/dev/hugepages", ids: "GR103", says: "2:1: hugepages_path: it has no effect", hint: "memory_hugepages=yes"},
		{conf: bootable + "memory=1G\nmemory_slots=4", ids: "GR103"},
		{conf: bootable + "memory=1G\nmemory_max=2G\nmemory_slots=4"},
		{conf: bootable + "vnc_listen=127.0.0.1", ids: "GR103"},
		{conf: bootable + "vnc_listen=127.0.0.1 vnc_display=1"},
		{conf: bootable + "ssh_command=halt", ids: "GR103"},
		{conf: bootable + "ssh_command=halt ssh_target=root@db"},
		{conf: bootable + "respawn_max=3", ids: "GR103"},
		{conf: bootable + "respawn_max=3 respawn=always"},
		{conf: bootable + "net0=bridge net1_br=br1", ids: "GR103", says: "net1_br: it has no effect", hint: "net1=bridge"},
		{conf: bootable + "net0=bridge net0_br=br1"},
		{conf: bootable + "net1_br=br1\nnet0=bridge\nnet0_br=$net1_br"},

		// The host.
		{conf: bootable + "smp_cpus=4"},
		{conf: bootable + "smp_cpus=5", ids: "GR411", says: "2:1: smp_cpus: 5 virtual CPUs, and the host has 4", hint: "smp_cpus=4"},
		{conf: bootable + "smp_cpus=2 cpu_affinity=1", ids: "GR411", says: "cpu_affinity gives them 1"},
		{conf: bootable + "smp_cpus=2 cpu_affinity=1-3"},
		{conf: bootable + "system_type=aarch64", ids: "GR405", says: "system_type: KVM does not run aarch64 guests on amd64", hint: "enable_kvm=no"},
		{conf: bootable + "memory=1G memory_hugepages=yes", host: huge(2<<20, 512)},
		{conf: bootable + "memory=1G memory_hugepages=yes", ids: "GR403", host: huge(2<<20, 511), says: "memory: the guest needs 512 pages of 2M, and 511 are free"},
		{conf: bootable + "memory=1025M memory_hugepages=yes", ids: "GR403", host: huge(1<<30, 1)},
		{conf: bootable + "memory=1G memory_hugepages=yes", host: huge(2<<20, 0), running: true},
		{conf: bootable + "memory=1G memory_hugepages=yes", ids: "GR103", says: "memory_hugepages: /dev/hugepages is no hugetlbfs", host: huge(0, 0)},
		{conf: bootable + "smp_cpus=2 cpu_affinity=2-3 nice=-5", ids: "GR406", says: "the host runs its own work on CPU 2, 3, too", hint: "isolcpus=2,3"},
		{conf: bootable + "smp_cpus=2 cpu_affinity=2-3 extra_args='-overcommit mem-lock=on'", ids: "GR406", says: "on CPU 2, too", host: func(h *fakeHost) { h.quiet = []int{3} }},
		{conf: bootable + "smp_cpus=2 cpu_affinity=2-3 nice=-5", host: func(h *fakeHost) { h.quiet = []int{2, 3} }},
		{conf: bootable + "smp_cpus=2 cpu_affinity=2-3"},
		{conf: bootable + "smp_cpus=2 cpu_affinity=1-3 nice=-5"},

		// What others reach.
		{conf: bootable + "net0=bridge net0_mac=00:16:3e:00:00:01", ids: "GR303", says: "net0_mac: 00:16:3e:00:00:01 belongs to Xen"},
		{conf: bootable + "net0=bridge net0_mac=00:1b:21:00:00:01", ids: "GR303", says: "belongs to a maker of network cards"},
		{conf: bootable + "net0=bridge net0_mac=52:54:00:00:00:01\nnet1=bridge net1_mac=02:00:00:00:00:01\nnet2=bridge"},
		{conf: bootable + "vnc_display=1 vnc_listen=0.0.0.0", ids: "GR309", says: "vnc_listen: anybody who reaches 0.0.0.0"},
		{conf: bootable + "vnc_display=1 vnc_listen=::", ids: "GR309"},
		{conf: bootable + "vnc_display=1 vnc_listen=0.0.0.0 vnc_password=secret"},
		{conf: bootable + "vnc_display=1"},
		{conf: bootable + "vnc_display=1 vnc_listen=::1"},
		{conf: bootable + "extra_args='-vnc :1'", ids: "GR309", says: "extra_args: -vnc :1: "},
		{conf: bootable + "extra_args='-display vnc=192.0.2.1:1,websocket=on'", ids: "GR309"},
		{conf: bootable + "extra_args='-vnc 127.0.0.1:1 -vnc :2,password=on -vnc unix:/run/x -vnc none -display none'"},
		{conf: bootable + "extra_args='-monitor tcp::4444,server,nowait'", ids: "GR704", says: "-monitor tcp::4444,server,nowait: whoever connects"},
		{conf: bootable + "extra_args='-s -S'", ids: "GR704", says: "-s: "},
		{conf: bootable + "extra_args='-monitor unix:/run/x,server -gdb unix:/run/y -serial tcp::5555,server'"},
		{conf: bootable + "disk0_cache=writback", ids: "GR107", says: `disk0_cache: QEMU has no "writback" for it`, hint: "disk0_cache=writeback"},
		{conf: bootable + "disk0_cache=writethrough"},
		{conf: bootable + "vga=vitrio", ids: "GR107", says: "vga: ", hint: "vga=virtio"},
		{conf: bootable + "vga=bochs-display"},
		{conf: bootable + "net0=usr", ids: "GR107", says: "net0: ", hint: "net0=user"},
		{conf: bootable + "net0=af-xdp"},
		{conf: bootable + "net0=user net0_hostfwd='tcp::2222-:22 udp:127.0.0.1:53-10.0.2.15:53,hostfwd=:[::1]:80-:80 unix:/run/x-:1'"},
		{conf: bootable + "net0=user net0_hostfwd='tcp::99999-:22'", ids: "GR107", says: `net0_hostfwd: QEMU cannot forward by the rule "tcp::99999-:22"`},
		{conf: bootable + "net0=user net0_hostfwd='tcp::22 2222'", ids: "GR107 GR107"},
		{conf: bootable + "net0=user net0_hostfwd='tcp::0-:0'", ids: "GR107"},
	} {
		host := newFakeHost()
		host.uefi = &UEFI{Code: "/x", CodeFormat: "raw", Vars: "/y", VarsFormat: "raw"}
		if c.host != nil {
			c.host(host)
		}
		ids, found := examined(t, dir, c.conf, host, c.running)
		if ids != c.ids {
			t.Errorf("%q: %s, want %s: %v", c.conf, ids, c.ids, found)
			continue
		}
		if len(found) == 0 {
			continue
		}
		says, hint := strings.ReplaceAll(c.says, "$D", dir), strings.ReplaceAll(c.hint, "$D", dir)
		if e := found[0]; !strings.Contains(e.Error(), says) || !strings.Contains(e.Hint, hint) {
			t.Errorf("%q:\n got %v (hint: %s)\nwant %s (hint: %s)", c.conf, e, e.Hint, says, hint)
		}
	}
}

func huge(page, free uint64) func(*fakeHost) {
	return func(h *fakeHost) { h.huge = HugePages{page, free} }
}

// TestExamineFilesOfAll: what the file of all guests sets need not be of use to
// each of them.
func TestExamineFilesOfAll(t *testing.T) {
	dir := t.TempDir()
	all, own := filepath.Join(dir, "qemu"), filepath.Join(dir, "qemu.db")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(all, "net0_br=br1\nvnc_listen=127.0.0.1\n")
	name, host := mustName(t, "qemu.db"), newFakeHost()
	for text, want := range map[string]int{"net1=bridge": 0, "net1=bridge\nvnc_listen=127.0.0.1": 1} {
		write(own, text)
		cfg, err := confd.Load([]string{all, own}, preset(name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := newMachine(guest.Layout{Root: "/"}, name, cfg, host)
		if err != nil {
			t.Fatal(err)
		}
		if found := m.examine(t.Context(), host, false); len(found) != want {
			t.Errorf("%q: %v, want %d", text, found, want)
		}
	}
}

// TestExamineRecalled: of a guest whose files are not known nothing is said.
func TestExamineRecalled(t *testing.T) {
	m := &Machine{Name: mustName(t, "qemu.db"), Disks: []Disk{{Path: "/x"}}}
	if found, held := m.Examine(t.Context(), nil), m.Holds(); found != nil || held != nil {
		t.Errorf("%v, %v", found, held)
	}
}

// BenchmarkExamine is of a guest with two disks, one of which stands on others.
func BenchmarkExamine(b *testing.B) {
	dir := shelf(b)
	name := guest.Name{Kind: "qemu", Instance: "db"}
	text := strings.ReplaceAll("disk0_file=$D/top.qcow2 disk0_format=qcow2\ndisk1_file=$D/uefi.img disk1_format=raw\nnet0=bridge\n", "$D", dir)
	cfg, err := confd.Parse(name.String(), []byte(text), preset(name))
	if err != nil {
		b.Fatal(err)
	}
	layout := guest.Layout{Root: "/"}
	host := newHost(b.Context(), layout)
	for b.Loop() {
		m, err := newMachine(layout, name, cfg, newFakeHost())
		if err != nil {
			b.Fatal(err)
		}
		m.examine(b.Context(), host, false)
		m.Holds()
	}
}

// TestExaminerOnlyLooks: no virtual machine is run to try KVM, no program asked,
// and nothing written.
func TestExaminerOnlyLooks(t *testing.T) {
	root := t.TempDir()
	conf := filepath.Join(root, "etc/conf.d/qemu.db")
	err := errors.Join(os.MkdirAll(filepath.Dir(conf), 0o755), os.WriteFile(conf, []byte("enable_kvm=auto\nuser=root\nvnc_display=1\nvnc_listen=0.0.0.0\n"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	house := &guest.House{Layout: guest.Layout{Root: root}, Kinds: []guest.Kind{Kind{}}, Now: time.Now}
	began := time.Now()
	x, err := house.Examiner()(t.Context(), mustName(t, "qemu.db"))
	if err != nil || x.Err != nil || len(x.Holds) == 0 || !slices.ContainsFunc(x.Faults, func(e *confd.Error) bool { return e.ID == "GR309" && e.Pos.File == conf }) {
		t.Errorf("%+v, %v", x, err)
	}
	if took := time.Since(began); took > kvmTime/2 {
		t.Errorf("it took %v", took)
	}
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path != conf {
			t.Errorf("%s was made", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
