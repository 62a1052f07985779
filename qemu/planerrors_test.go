package qemu

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// TestPlanErrors: one mistake each, its place, what is said of it, and the fix.
func TestPlanErrors(t *testing.T) {
	for _, c := range []struct {
		conf, id, want, hint string
		host                 func(*fakeHost)
	}{
		{conf: "system_type=../../sh", id: "GR102", want: `1:1: system_type: "../../sh" is not an architecture`, hint: "x86_64"},
		{conf: "smp_cpus=0", id: "GR102", want: "1:1: smp_cpus: a guest has at least one CPU"},
		{conf: "smp_cpus=4\nsmp_cpus_max=2", want: "2:1: smp_cpus_max: 2 is less than smp_cpus, 4"},
		{conf: "smp_cpus=two", id: "GR102", want: `1:1: smp_cpus is "two"`, hint: "digits"},
		{conf: "memory=0", id: "GR102", want: "1:1: memory: a guest has at least 1M", hint: "memory=1G"},
		{conf: "memory=lots", id: "GR102", want: `1:1: memory is "lots"`},
		{conf: "memory=2G\nmemory_max=1G", want: "2:1: memory_max: it is less than memory"},
		{conf: "enable_kvm=perhaps", id: "GR102", want: `1:1: enable_kvm: "perhaps" is none of yes, no and auto`, hint: "yes, no or auto"},
		{conf: "enable_kvm=no\ncpu_model=host", want: `2:1: cpu_model: "host" needs KVM`, hint: "cpu_model=max"},
		{conf: "uuid=1234", id: "GR102", want: `1:1: uuid: "1234" is not a UUID`, hint: "uuidgen"},
		{conf: "cpu_affinity=a-b", id: "GR102", want: `1:1: cpu_affinity is "a-b"`},
		{conf: "vnc_display=60000", id: "GR102", want: "1:1: vnc_display: display 60000 has no TCP port"},
		{conf: "extra_args='-daemonize'", want: "1:1: extra_args: -daemonize cannot be given", hint: "leave it out"},
		{conf: "extra_args='-m 2G --pidfile /x'", want: "1:1: extra_args: -pidfile cannot be given", hint: "leave it out"},
		{conf: `extra_args='-append "a'`, id: "GR102", want: "1:1: extra_args is"},

		{conf: "firmware=coreboot", id: "GR102", want: `1:1: firmware: "coreboot" is none of bios, uefi, none and an absolute path`},
		{conf: "firmware=none", want: "1:1: firmware: without firmware a guest needs a kernel", hint: "kernel="},
		{conf: "uefi_vars=/srv/vars", want: "1:1: uefi_vars: firmware bios has no variables", hint: "firmware=uefi"},
		{conf: "firmware=uefi", id: "GR207", want: "1:1: firmware: cannot find UEFI firmware", hint: "ovmf", host: func(h *fakeHost) { h.uefi = nil }},
		{conf: "cmdline=quiet", want: "1:1: cmdline: it goes with a kernel, and there is none", hint: "kernel=/boot/vmlinuz"},
		{conf: "initrd=/i", want: "1:1: initrd: it goes with a kernel"},
		{conf: "kernel=vmlinuz", id: "GR102", want: `1:1: kernel is "vmlinuz"`},

		{conf: "disk0_cache=none", want: "1:1: disk0_cache: disk 0 has no file", hint: "disk0_file=/path"},
		{conf: "disk3_device=nvme", want: "1:1: disk3_device: disk 3 has no file"},
		{conf: "disk0_file=db.img", id: "GR102", want: `1:1: disk0_file: "db.img" is not an absolute path`, hint: "nbd://"},
		{conf: "disk0_file=/a\ndisk0_cache=none,aio=native", want: "2:1: disk0_cache: the value holds a second option", hint: "disk0_aio=…"},
		{conf: "disk256_file=/a", want: "1:1: disk256_file: a SCSI bus has no disk 256", hint: "diskN_device"},
		{conf: "disk0_file=/dev/vg/db", id: "GR203", want: "1:1: disk0_file: cannot tell the format of /dev/vg/db: it is a block device, but looks like qcow2",
			hint: "disk0_format=raw or disk0_format=qcow2", host: func(h *fakeHost) { h.images["/dev/vg/db"] = Image{Block: true, Format: "qcow2"} }},

		{conf: "net0=bridge\nnet0_br=a-bridge-of-17-by", id: "GR102", want: "2:1: net0_br: \"a-bridge-of-17-by\" has 17 bytes"},
		{conf: "net0=bridge\nnet0_ifname=a-name-with-16-b", id: "GR102", want: "2:1: net0_ifname: \"a-name-with-16-b\" has 16 bytes, and an interface's name at most 15"},
		{conf: "net0=bridge\nnet0_ifname=a/b", id: "GR102", want: `2:1: net0_ifname: "a/b" cannot be an interface's name`},
		{conf: "net0=tap", want: "1:1: net0: a tap needs net0_ifname or net0_script", hint: "net0=bridge"},
		{conf: "net0=user\nnet0_mac=52:54:00:00:00", id: "GR102", want: `2:1: net0_mac is "52:54:00:00:00"`},
		{conf: "net0=user\nnet0_mac=53:54:00:00:00:01", id: "GR304", want: `2:1: net0_mac is "53:54:00:00:00:01"`, hint: "even"},
		{conf: "net0=user\nnet1=user\nnet0_mac=52:54:00:00:00:01\nnet1_mac=52:54:00:00:00:01", id: "GR302", want: "4:1: net1_mac: 52:54:00:00:00:01 is the MAC address of net0 too"},

		{conf: "user=nobody-here", id: "GR410", want: `1:1: user: cannot find user "nobody-here"`, hint: "useradd -r nobody-here"},
		{conf: "", id: "GR410", want: `user: cannot find user "qemu"`, hint: "create the user", host: func(h *fakeHost) { delete(h.users, "qemu") }},
		{conf: "group=nobody-here", id: "GR410", want: `1:1: group: cannot find group "nobody-here"`, hint: "groupadd"},
		{conf: "user=4711", id: "GR410", want: `1:1: user: user "4711" has no entry`, hint: "group="},
		{conf: "nice=20", id: "GR102", want: "1:1: nice: 20 is not between -20 and 19"},
		{conf: "oom_score_adj=-1001", id: "GR102", want: "1:1: oom_score_adj: -1001 is not between"},
		{conf: "env='A=1 2B=3'", id: "GR102", want: `1:1: env: "2B=3" is not NAME=value`},
		{conf: "console=maybe", id: "GR102", want: `1:1: console: "maybe" is none of yes, no and an absolute path`},
		{conf: "agent=yes\nextra_args='-device virtserialport,chardev=c,name=org.qemu.guest_agent.0'", want: "1:1: agent: extra_args has org.qemu.guest_agent.0 too"},

		{conf: "ready=perhaps", id: "GR102", want: `1:1: ready is "perhaps"`},
		{conf: "ready=agent\nagent=no", want: "1:1: ready: ready=agent needs the agent's channel", hint: "agent=yes"},
		{conf: "ready=console:x\nconsole=no", want: "1:1: ready: ready=console needs the console's socket", hint: "console=yes"},
		{conf: "ready='console:['", id: "GR102", want: "1:1: ready: error parsing regexp", hint: "RE2"},
		{conf: "ready=tcp:ssh", id: "GR102", want: `1:1: ready: "ssh" is not a TCP port`},
		{conf: "ready=tcp:22\nnet0=user", want: "1:1: ready: ready=tcp:22 needs ready_address", hint: "ready_address="},
		{conf: "ready=vsock\nvsock_cid=2", id: "GR102", want: "2:1: vsock_cid: 2 is not between 3 and 2147483646"},
		{conf: "vsock_cid=2147483647", id: "GR102", want: "1:1: vsock_cid: 2147483647 is not between 3 and 2147483646"},
		{conf: "ready=vsock\nextra_args='-device vhost-vsock-pci,guest-cid=7'", want: "1:1: ready: extra_args has vhost-vsock too", hint: "take it out of extra_args"},
		{conf: "vsock_cid=8\nextra_args='-device vhost-vsock-pci,guest-cid=7'", want: "1:1: vsock_cid: extra_args has vhost-vsock too"},
		{conf: "ready_timeout=soon", id: "GR102", want: `1:1: ready_timeout is "soon"`},

		{conf: "stop_schedule=acpi/60/halt/3", id: "GR102", want: `1:1: stop_schedule: cannot read stop schedule "acpi/60/halt/3", column 9: unknown rung "halt"`, hint: "agent, acpi, ssh, quit"},
		{conf: "stop_schedule=acpi/60/ssh/3", want: "1:1: stop_schedule: it has the rung ssh, but ssh_target is not set", hint: "ssh_target="},
		{conf: "ssh_target=-oProxyCommand=x", id: "GR102", want: `1:1: ssh_target: "-oProxyCommand=x" is an option, not a host`},
		{conf: "acpi_resend=often", id: "GR102", want: `1:1: acpi_resend: "often" is neither`, hint: "10, once or double"},
		{conf: "acpi_resend=0", id: "GR102", want: `1:1: acpi_resend: "0" is neither`},
	} {
		host := newFakeHost()
		if c.host != nil {
			c.host(host)
		}
		name := mustName(t, "qemu.db")
		_, err := newMachine(guest.Layout{Root: "/"}, name, parseConf(t, name, c.conf), host)
		if err == nil {
			t.Errorf("%q: no error, want %q", c.conf, c.want)
			continue
		}
		errs := joined(err)
		if len(errs) != 1 {
			t.Errorf("%q: %d errors, want one: %v", c.conf, len(errs), err)
		}
		var e *confd.Error
		if !errors.As(err, &e) || !strings.HasPrefix(strings.TrimPrefix(e.Error(), "qemu.db:"), c.want) {
			t.Errorf("%q:\n got %v\nwant …%s…", c.conf, err, c.want)
		} else if !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%q: hint %q, want …%s…", c.conf, e.Hint, c.hint)
		} else if e.ID != c.id {
			t.Errorf("%q: id %q, want %q", c.conf, e.ID, c.id)
		}
	}
}

// TestPlanAllErrors: one run shows every mistake.
func TestPlanAllErrors(t *testing.T) {
	name := mustName(t, "qemu.db")
	cfg := parseConf(t, name, "memory=lots\nsmp_cpus=0\nnet0=tap\ncmdline=x\nstop_schedule=x/1\n")
	_, err := newMachine(guest.Layout{Root: "/"}, name, cfg, newFakeHost())
	lines := map[int]bool{}
	for _, err := range joined(err) {
		var e *confd.Error
		if !errors.As(err, &e) {
			t.Fatalf("%v is not positioned", err)
		}
		lines[e.Pos.Line] = true
	}
	for line := 1; line <= 5; line++ {
		if !lines[line] {
			t.Errorf("line %d is not complained of: %v", line, err)
		}
	}
}

// TestPlanWithoutQEMU: a plan can be made where QEMU is not installed.
func TestPlanWithoutQEMU(t *testing.T) {
	name, host := mustName(t, "qemu.db"), newFakeHost()
	host.noQEMU = true
	m, err := newMachine(guest.Layout{Root: "/"}, name, parseConf(t, name, ""), host)
	if err != nil || m.Binary != "/usr/bin/qemu-system-x86_64" {
		t.Fatalf("%v, %v", m, err)
	}
	var missing *guest.Error
	if err := m.preflight(host, nil); !errors.As(err, &missing) || missing.Status != guest.StatusNotInstalled || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("preflight: %v, want status %d", err, guest.StatusNotInstalled)
	}
}

// TestTapNames: two guests, or two interfaces, never get one name.
func TestTapNames(t *testing.T) {
	seen := map[string]string{}
	for _, instance := range []string{"db", "db-0", "db-1", "d", "0", "0-0", "a.b", "a_b", "twelve-bytes", "thirteen-byte", "a-very-long-name-1", "a-very-long-name-2"} {
		for _, n := range []int{0, 1, 10, 9999} {
			name := tapName(guest.Name{Kind: "qemu", Instance: instance}, n)
			if len(name) > maxIfname || !only(name, ifnameChars) {
				t.Errorf("%q is no name for an interface", name)
			}
			if other, ok := seen[name]; ok {
				t.Errorf("%s #%d and %s are both %q", instance, n, other, name)
			}
			seen[name] = instance
		}
	}
}

// TestSecretNotShown: the VNC password is in no argument and no error.
func TestSecretNotShown(t *testing.T) {
	name := mustName(t, "qemu.db")
	m, err := newMachine(guest.Layout{Root: "/"}, name, parseConf(t, name, "vnc_display=1\nvnc_password=hunter22"), newFakeHost())
	if err != nil {
		t.Fatal(err)
	}
	if m.VNCPassword != "hunter22" || strings.Contains(strings.Join(m.Args, " "), "hunter22") {
		t.Errorf("password %q, args %q", m.VNCPassword, m.Args)
	}
}

// joined takes apart what errors.Join put together, however deep.
func joined(err error) []error {
	if err == nil {
		return nil
	}
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range several.Unwrap() {
		all = append(all, joined(e)...)
	}
	return all
}
