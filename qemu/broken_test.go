package qemu

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// whole is a guest that nothing is wrong with, one variable a line.
const whole = `system_type=x86_64
enable_kvm=yes
uuid=6f1c6e9e-8b6f-4b7e-9c5a-0d1b2c3d4e5f
extra_args='-device virtio-keyboard-pci'
cpu_model=host
smp_cpus=1
smp_cpus_max=4
cpu_affinity=1
memory=1G
memory_max=2G
memory_slots=3
memory_hugepages=yes
hugepages_path=$D
firmware=$D/CODE.fd
uefi_vars=$D/VARS.fd
kernel=$D/vmlinuz
initrd=$D/initrd
disk0_file=$D/disk.img
disk0_format=raw
cdrom0_file=$D/cd.iso
net0=bridge
net0_br=br1
net0_mac=52:54:00:11:22:33
net0_ifname=vm0
net1=user
net1_mac=52:54:00:11:22:34
net1_hostfwd=tcp:127.0.0.1:2222-:22
vnc_display=7
vnc_listen=127.0.0.1
vnc_password=sesame
console=yes
monitor_socket=/run/m
user=qemu
nice=0
oom_score_adj=-500
logfile=/var/log/vm
ready=tcp:22
ready_address=192.0.2.1
vsock_cid=77
ready_timeout=60
stop_schedule=acpi/60/KILL/5
acpi_resend=10
agent=yes
ssh_target=root@192.0.2.7
ssh_command=poweroff
ssh_options='-p 2222'
respawn=on-crash
respawn_delay=1
stop_last=no
`

// TestABrokenVariableIsToldOnce: of one that cannot be used nothing follows,
// neither for the guest itself nor for another with the same fault.
func TestABrokenVariableIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"CODE.fd", "VARS.fd", "vmlinuz", "initrd", "disk.img", "cd.iso"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("LABELONE"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.ReplaceAll(whole, "$D", dir), "\n")
	name, host := mustName(t, "qemu.db"), newFakeHost()
	host.huge = HugePages{2 << 20, 4096}
	host.quiet = []int{1}
	faults := func(text string) (told []*confd.Error, m *Machine) {
		m, err := newMachine(guest.Layout{Root: "/"}, name, parseConf(t, name, text), host)
		if m.Binary != "" {
			m.Binary = "/bin/sh"
		}
		all := append(joined(err), joined(m.preflight(host, nil))...)
		for _, e := range append(m.warnings, m.examine(t.Context(), host, false)...) {
			all = append(all, e)
		}
		for _, err := range all {
			var e *confd.Error
			if !errors.As(err, &e) {
				t.Errorf("%v is at no line", err)
				continue
			}
			told = append(told, e)
		}
		return told, m
	}
	usual, _ := faults(strings.Join(lines, "\n"))
	if len(usual) > 0 {
		t.Fatal(usual)
	}
	for n, line := range lines[:len(lines)-1] {
		variable, value, _ := strings.Cut(line, "=")
		for _, bad := range []string{"no!sense", "-1x", "relative/x", "99999999999999999999", `"'x"`} {
			text := strings.Join(append(append([]string{}, lines[:n]...), append([]string{variable + "=" + bad}, lines[n+1:]...)...), "\n")
			told, m := faults(text)
			broken := 0
			for _, e := range told {
				if e.Pos.Line == n+1 {
					broken++
				} else if e.ID != "GR405" { // a sort of processor may be one, and none that KVM runs
					t.Errorf("%s=%s in place of %s: %v", variable, bad, value, e)
				}
			}
			if broken > 1 {
				t.Errorf("%s=%s is told %d times: %v", variable, bad, broken, told)
			}
			for _, h := range m.Holds() {
				if h.Sort != guest.HoldMemory && (h.Key == "" || broken > 0 && h.Pos.Line == n+1) {
					t.Errorf("%s=%s holds %s %q", variable, bad, h.Sort, h.Key)
				}
			}
		}
	}
}
