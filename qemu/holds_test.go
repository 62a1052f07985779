package qemu

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHolds: what is the guest's own, where the files say so, and what it shares.
func TestHolds(t *testing.T) {
	dir := shelf(t)
	key := func(name string) string {
		id, _, err := devIno(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d:%d", id.Dev, id.Ino)
	}
	host := newFakeHost()
	host.uefi = &UEFI{Code: "/x", CodeFormat: "raw", Vars: "/y", VarsFormat: "raw"}
	m := plan(t, dir, `disk0_file=$D/over.qcow2 disk0_format=qcow2
disk1_file=$D/none.img disk1_format=raw
disk2_file=nbd://storage.example/db disk2_format=raw
disk3_file=$D/bios.img disk3_format=raw disk3_device=scsi-hd,share-rw=on
cdrom0_file=$D/data.img
firmware=uefi uefi_vars=$D/vars.fd
net0=bridge net1=user net1_mac=02:00:00:00:00:AA net1_hostfwd=tcp:127.0.0.1:2222-:22
vnc_display=7
vsock_cid=9
uuid=6F1C6E9E-8B6F-4B7E-9C5A-0D1B2C3D4E5F
smp_cpus=2 cpu_affinity=1-2
memory=1536
monitor_socket=/run/m/../x
console=/run/c logfile=/var/log/all.log
`, host)
	var got []string
	for _, h := range m.Holds() {
		text := fmt.Sprintf("%d %s %s %s", h.Pos.Line, h.Var, h.Sort, h.Key)
		if h.Shared {
			text += " shared"
		}
		if h.Amount != 0 {
			text += fmt.Sprintf(" %d", h.Amount)
		}
		got = append(got, text)
	}
	want := strings.Split(strings.NewReplacer("$D", dir, "$over", key("over.qcow2"), "$base", key("base.qcow2"), "$bios", key("bios.img"), "$data", key("data.img"), "$mac", m.NICs[0].MAC).Replace(
		`1 disk0_file disk $over
1 disk0_file disk $base shared
2 disk1_file disk $D/none.img
4 disk3_file disk $bios shared
5 cdrom0_file disk $data shared
6 uefi_vars disk $D/vars.fd
7 net0 mac $mac
7 net0 link qdb-0
7 net1_mac mac 02:00:00:00:00:aa
8 vnc_display port tcp:127.0.0.1:5907
7 net1_hostfwd port tcp:127.0.0.1:2222
9 vsock_cid cid 9
11 cpu_affinity cpu 1
11 cpu_affinity cpu 2
12 memory memory  1610612736
10 uuid uuid 6f1c6e9e-8b6f-4b7e-9c5a-0d1b2c3d4e5f
13 monitor_socket socket /run/x
14 console socket /run/c
14 logfile socket /var/log/all.log shared`), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestHoldsByDefault: what nobody chose has no line, and no two guests have it.
func TestHoldsByDefault(t *testing.T) {
	dir, host := t.TempDir(), newFakeHost()
	seen := map[string]string{}
	for _, name := range []string{"qemu.db", "qemu.web"} {
		for _, h := range planOf(t, name, dir, "net0=bridge net1=user\nready=vsock\ncpu_affinity=0-3\nmemory_hugepages=yes", host).Holds() {
			if h.Sort == "memory" && h.Key == "/dev/hugepages" && h.Pos.Line == 0 || h.Sort == "cpu" && h.Shared {
				continue // shared out
			}
			if other, ok := seen[h.Sort+h.Key]; ok {
				t.Errorf("%s and %s have %s %s", other, name, h.Sort, h.Key)
			}
			seen[h.Sort+h.Key] = name
		}
	}
	if len(seen) != 8 { // two addresses, a tap and an identifier each
		t.Errorf("%v", seen)
	}
}
