package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
)

// told is a dependency in one line: "need path /srv/a disk0_file 1:1".
func told(d deps.Dependency) string {
	place := "default"
	if d.Pos.Line > 0 {
		place = fmt.Sprintf("%d:%d", d.Pos.Line, d.Pos.Col)
	}
	return fmt.Sprintf("%s %s %s %s %s", d.Relation, d.Sort, d.Name, d.Why, place)
}

func TestDependsFollowFromTheFiles(t *testing.T) {
	for _, c := range []struct{ conf, want, fault string }{
		{conf: "", want: ""},
		{conf: "net0=bridge", want: "want bridge br0 net0_br default"},
		{conf: "net0=bridge\nnet0_br=lan", want: "want bridge lan net0_br 2:1"},
		{conf: "net0=bridge\nnet0_helper=/usr/lib/qemu/qemu-bridge-helper", want: "want bridge br0 net0_br default"},
		{conf: "net0=bridge\nnet3=bridge\nnet3_br=dmz\nbridge_dep=need", want: "need bridge br0 net0_br default\nneed bridge dmz net3_br 3:1"},
		{conf: "net0=bridge\nnet1=bridge", want: "want bridge br0 net0_br default"},
		{conf: "net0=bridge\nbridge_dep=none", want: ""},
		{conf: "net0=bridge\nbridge_dep=perhaps", want: "want bridge br0 net0_br default"},
		{conf: "net0=\nnet0_br=lan\nnet1=user\nnet00=bridge", want: ""},
		{conf: "net0=bridge\nnet0_br='br0 sshd'\nnet1=bridge", want: "want bridge br0 net1_br default", fault: `2:1: net0_br: "br0 sshd" cannot be an interface's name`},
		{conf: "net0=tap\nnet0_ifname=tap0", want: "use interface tap0 net0_ifname 2:1"},
		{conf: "net0=tap\nnet0_ifname=tap0\nnet0_script=/etc/qemu-ifup", want: ""},

		{conf: "disk0_file=/srv//db/../db.img\ndisk0_format=raw", want: "need path /srv/db.img disk0_file 1:1"},
		{conf: "disk7_file=/dev/vg/db\ncdrom0_file=/dev/sr0", want: "need device /dev/vg/db disk7_file 1:1\nneed device /dev/sr0 cdrom0_file 2:1"},
		{conf: "disk0_file=/dev/shm/a\ncdrom1_file=file:/srv/a.iso", want: "need path /dev/shm/a disk0_file 1:1\nneed path /srv/a.iso cdrom1_file 2:1"},
		{conf: "disk0_file=/dev/sg3\ndisk0_device=scsi-generic,bootindex=1", want: "need path /dev/sg3 disk0_file 1:1"},
		{conf: "disk0_file=nbd://host/a\ndisk1_driver=null-co\ndisk2_file=\ndisk3_file='json:{\"driver\":\"file\"}'", want: ""},
		{conf: "disk0_file=db.img\ndisk1_file=/srv/a", want: "need path /srv/a disk1_file 2:1", fault: `1:1: disk0_file: "db.img" is not an absolute path`},

		{conf: "kernel=/boot/vmlinuz\ninitrd=/boot/initrd", want: "need path /boot/vmlinuz kernel 1:1\nneed path /boot/initrd initrd 2:1"},
		{conf: "kernel=vmlinuz", want: ""}, // for the table to tell
		{conf: "firmware=bios", want: ""},
		{conf: "firmware=/fw", want: "need path /fw firmware 1:1"},
		{conf: "firmware=/fw\nuefi_vars=/vars", want: "need path /fw firmware 1:1\nneed path /vars uefi_vars 2:1"},
		{conf: "firmware=uefi", want: "need path /srv/root/var/lib/guestrc/qemu.db/OVMF_VARS.fd uefi_vars default"},
		{conf: "firmware=uefi\nuefi_vars=/dev/vg/vars", want: "need device /dev/vg/vars uefi_vars 2:1"},
		{conf: "memory_hugepages=yes", want: "need path /dev/hugepages hugepages_path default"},
		{conf: "memory_hugepages=yes\nhugepages_path=/mnt/huge", want: "need path /mnt/huge hugepages_path 2:1"},
		{conf: "memory_hugepages=no\nhugepages_path=/mnt/huge", want: ""},
		{conf: "extra_args='-drive file=/srv/b'", want: ""},
	} {
		name := mustName(t, "qemu.db")
		set, err := Kind{}.Depends(guest.Layout{Root: "/srv/root"}, name, parseConf(t, name, c.conf))
		var lines []string
		for _, d := range set.Dependencies {
			lines = append(lines, told(d))
		}
		if diff := cmp.Diff(c.want, strings.Join(lines, "\n")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.conf, diff)
		}
		if (err == nil) != (c.fault == "") || err != nil && !strings.HasSuffix(err.Error(), c.fault) {
			t.Errorf("%q: error %v, want %q", c.conf, err, c.fault)
		}
		if len(set.Inputs) > 0 {
			t.Errorf("%q: inputs %q", c.conf, set.Inputs)
		}
	}
}

// TestDependsNamesWhatAPlanUses: bridges and local files of the planner's cases
// are among the dependencies, and nothing else is.
func TestDependsNamesWhatAPlanUses(t *testing.T) {
	for _, c := range planCases(t) {
		cfg := c.config(t, nil)
		layout := guest.Layout{Root: "/"}
		m, err := newMachine(layout, c.name, cfg, c.host)
		if err != nil {
			t.Fatalf("%s: %v", c.file, err)
		}
		want := map[string]bool{}
		for _, nic := range m.NICs {
			want[nic.Bridge] = true
			if nic.Type == "tap" && !nic.Scripted {
				want[nic.Ifname] = true
			}
		}
		for _, d := range m.Disks {
			want[d.Path] = true
		}
		for _, f := range m.Files {
			want[f.Path] = f.Role != "firmware" || f.Path == cfgText(cfg, "firmware")
		}
		want[m.Hugepages] = true
		got := map[string]bool{}
		set, err := Kind{}.Depends(layout, c.name, cfg)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
		}
		for _, d := range set.Dependencies {
			got[d.Name] = true
		}
		for path, used := range want {
			if path == "" || !used {
				delete(want, path)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-plan +depends):\n%s", c.file, diff)
		}
	}
}

func cfgText(c *confd.Config, name string) string {
	v, _ := c.Get(name)
	return v.Text
}

// BenchmarkDepends is one guest of many, without and with the reading of its
// files.
func BenchmarkDepends(b *testing.B) {
	dir := b.TempDir()
	files := []string{filepath.Join(dir, "qemu"), filepath.Join(dir, "qemu.db")}
	conf := `
memory=4G
smp_cpus=4
disk0_file=/srv/guests/db.qcow2
disk0_format=qcow2
disk1_file=/dev/vg0/db
net0=bridge
net0_br=br0
net1=bridge
net1_br=br1
kernel=/boot/vmlinuz
initrd=/boot/initrd
cmdline="root=/dev/vda ro"
vnc_display=1
rc_need="lxc.web"
bridge_dep=need
stop_schedule="agent/10/acpi/60/quit/10/KILL/5"
`
	if err := os.WriteFile(files[1], []byte(conf), 0o644); err != nil {
		b.Fatal(err)
	}
	name, layout := guest.Name{Kind: "qemu", Instance: "db"}, guest.Layout{Root: "/"}
	c, err := confd.Load(files, preset(name))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			if _, err := (Kind{}).Depends(layout, name, c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("with files", func(b *testing.B) {
		for b.Loop() {
			c, err := confd.Load(files, preset(name))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := (Kind{}).Depends(layout, name, c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
