package qemu

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// theirVars are the variables of qemu-openrc 0.12: those that its script gives
// a default, and those that its sample file explains.
var theirVars = []string{
	"user", "group", "pidfile", "logfile", "start_wait", "shutdown_timeout", "system_type", "enable_kvm", "cpu_model",
	"smp_cpus", "smp_cpus_max", "memory", "memory_max", "memory_slots", "memory_hugepages", "hugepages_path", "rtc_base",
	"vga", "vnc_listen", "vnc_display", "vnc_password", "monitor_socket", "extra_args", "rc_need", "rc_use",
	"net0", "net9", "net0_br", "net0_mac", "net0_device", "net0_queues", "disk0_file", "disk0_format", "disk9_cache", "disk0_aio", "cdrom0_file",
}

func TestTheirVarsKnown(t *testing.T) {
	for _, name := range theirVars {
		if v, _, _, ok := Vars.Lookup(name); !ok || !v.Theirs {
			t.Errorf("%s is not known as one of qemu-openrc's", name)
		}
	}
}

// TestVarsTable: what the sample file and the man page are made from reads well.
func TestVarsTable(t *testing.T) {
	seen, groups, last := map[string]bool{}, map[string]bool{}, ""
	for _, v := range Vars {
		if seen[v.Name] {
			t.Errorf("%s is there twice", v.Name)
		}
		seen[v.Name] = true
		if v.Group != last && groups[v.Group] {
			t.Errorf("%s: the group %q is in two places", v.Name, v.Group)
		}
		last = v.Group
		groups[v.Group] = true
		if v.Group == "" || !strings.HasSuffix(v.Help, ".") || strings.ToUpper(v.Help[:1]) != v.Help[:1] {
			t.Errorf("%s: group %q, help %q", v.Name, v.Group, v.Help)
		}
		if strings.Contains(v.Help, "  ") || strings.Contains(v.Help, "\n") {
			t.Errorf("%s: odd blanks in %q", v.Name, v.Help)
		}
		if (v.Type == confd.Enum) != (len(v.Choices) > 0) {
			t.Errorf("%s: type %s with choices %q", v.Name, v.Type, v.Choices)
		}
	}
}

// TestDefaultsAreValid: writing a default down changes nothing.
func TestDefaultsAreValid(t *testing.T) {
	name, layout := mustName(t, "qemu.db"), guest.Layout{Root: "/"}
	var conf strings.Builder
	for _, v := range Vars {
		if v.Default != "" && v.Name != "uefi_vars" && !strings.Contains(v.Name, "N_") {
			fmt.Fprintf(&conf, "%s=\"%s\"\n", v.Name, v.Default)
		}
	}
	want, err := newMachine(layout, name, parseConf(t, name, ""), newFakeHost())
	if err != nil {
		t.Fatal(err)
	}
	got, err := newMachine(layout, name, parseConf(t, name, conf.String()), newFakeHost())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
		t.Errorf("defaults written down (-without +with):\n%s", diff)
	}
	if diff := cmp.Diff(warningTexts(want), warningTexts(got)); diff != "" {
		t.Errorf("warnings (-without +with):\n%s", diff)
	}
}

// samples are a value for every variable that is not the default, and what
// must be set besides.
var samples = map[string]string{
	"system_type": "i386", "machine": "q35", "enable_kvm": "no", "uuid": "6b0f2b68-3a0e-4c22-8d3b-2f6d7d0d0c11", "rtc_base": "localtime",
	"vga": "none", "extra_args": "-snapshot", "cpu_model": "qemu64", "smp_cpus": "2", "smp_cpus_max": "2", "cpu_affinity": "1",
	"memory": "2G", "memory_max": "2G", "memory_slots": "3\nmemory_max=2G", "memory_hugepages": "yes", "hugepages_path": "/x\nmemory_hugepages=yes",
	"firmware": "/fw", "uefi_vars": "/v\nfirmware=uefi", "kernel": "/k", "initrd": "/i\nkernel=/k", "cmdline": "ro\nkernel=/k",
	"diskN_file": "/d", "diskN_format": "raw", "diskN_cache": "none", "diskN_device": "nvme", "diskN_*": "unmap", "cdromN_file": "/c",
	"netN": "user", "netN_br": "br1", "netN_mac": "52:54:00:00:00:01", "netN_device": "e1000", "netN_ifname": "x", "netN_helper": "/h",
	"netN_script": "/s", "netN_downscript": "/s", "netN_hostfwd": "tcp::1-:1", "netN_*": "on",
	"vnc_display": "1", "vnc_listen": "::1\nvnc_display=1", "vnc_password": "p\nvnc_display=1", "console": "no", "monitor_socket": "/m",
	"user": "root", "group": "kvm", "sandbox": "off", "env": "A=b", "nice": "1", "oom_score_adj": "1", "logfile": "/l",
	"ready": "none", "ready_address": "192.0.2.1\nready=tcp:22\nready_address=192.0.2.9", "ready_timeout": "5", "vsock_cid": "7",
	"stop_schedule": "acpi/1", "shutdown_timeout": "3", "acpi_resend": "once", "agent": "no", "ssh_target": "root@g",
	"ssh_command": "halt\nssh_target=g", "ssh_options": "-4",
}

// around is what a numbered variable needs around it.
func around(variable string) string {
	switch {
	case variable == "netN_hostfwd" || variable == "netN":
		return "net0=user\n"
	case variable == "netN_script" || variable == "netN_downscript":
		return "net0=tap\nnet0_ifname=tap0\n"
	case strings.HasPrefix(variable, "netN_"):
		return "net0=bridge\n"
	case strings.HasPrefix(variable, "diskN_"):
		return "disk0_file=/disk\ndisk0_format=qcow2\n"
	}
	return ""
}

// TestEveryVariableCounts: each does something, but for those that say they
// are ignored or are about the service alone.
func TestEveryVariableCounts(t *testing.T) {
	name, layout := mustName(t, "qemu.db"), guest.Layout{Root: "/"}
	for _, v := range Vars {
		if strings.HasPrefix(v.Name, "rc_") || v.Name == "bridge_dep" || v.Group == "Service" || strings.HasPrefix(v.Help, "Ignored") {
			continue
		}
		sample, ok := samples[v.Name]
		if !ok {
			t.Errorf("%s has no sample here", v.Name)
			continue
		}
		value, others, _ := strings.Cut(sample, "\n")
		without := around(v.Name) + others + "\n"
		if v.Name == "netN" {
			without = ""
		}
		variable := strings.NewReplacer("diskN", "disk0", "netN", "net0", "cdromN", "cdrom0", "_*", "_discard").Replace(v.Name)
		with := without + variable + "=" + value + "\n"
		a, err := newMachine(layout, name, parseConf(t, name, without), newFakeHost())
		if err != nil {
			t.Errorf("%q: %v", without, err)
			continue
		}
		b, err := newMachine(layout, name, parseConf(t, name, with), newFakeHost())
		if err != nil {
			t.Errorf("%q: %v", with, err)
			continue
		}
		if asJSON(t, a) == asJSON(t, b) && a.VNCPassword == b.VNCPassword {
			t.Errorf("%s=%q changes nothing", variable, value)
		}
	}
}

func asJSON(t *testing.T, m *Machine) string {
	t.Helper()
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
