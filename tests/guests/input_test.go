package guests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// Bad input: one clear error with its place and a hint, exit 6, nothing
// started and nothing left behind.
func TestBadInput(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	disk := filepath.Join(w.root, "disk.img")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(w.root, "missing.qcow2")
	// Lines 12 and up are the case's own; see world.guest.
	const mac = `net0_mac="52:54:00:00:00:01"`
	user := []string{`net0="user"`, mac}
	running := w.guest("qemu.running", img, "", append(user, `ready="monitor"`, fmt.Sprintf("disk0_file=%q", disk), `disk0_format="raw"`, `vnc_display="77"`)...)
	w.must("start", running)

	cases := []struct {
		name  string
		lines []string
		place string
		text  string
		hint  bool
	}{
		{"wrong type", []string{`memory="lots"`}, ":12:", "lots", true},
		{"missing disk", []string{fmt.Sprintf("disk0_file=%q", missing)}, ":12:", missing, true},
		{"disk is a directory", []string{`disk0_file="/etc"`}, ":12:", "directory", false},
		{"missing kernel", []string{fmt.Sprintf("kernel=%q", missing)}, ":12:", missing, true},
		{"disk in use", []string{fmt.Sprintf("disk0_file=%q", disk), `disk0_format="raw"`}, ":12:", "in use by the running guest qemu.running", true},
		{"duplicate MAC", user, ":13:", "qemu.running", true},
		{"MAC twice", []string{`net0="user"`, `net1="user"`, `net0_mac="52:54:00:00:00:09"`, `net1_mac="52:54:00:00:00:09"`}, ":15:", "52:54:00:00:00:09", false},
		{"VNC display in use", []string{`vnc_display="77"`}, ":12:", "qemu.running", true},
		{"memory beyond the host", []string{`memory="900T"`}, ":12:", "more than the host has", false},
		{"CPU beyond the host", []string{`cpu_affinity="4000"`}, ":12:", "no CPU 4000", true},
		{"missing bridge", []string{`net0="bridge"`, `net0_br="nobridge0"`}, ":13:", "nobridge0", true},
		{"missing user", []string{`user="nosuchuser"`}, ":12:", "nosuchuser", true},
		{"bad schedule", []string{`stop_schedule="acpi/60/reboot/5"`}, ":12:", "reboot", true},
		{"command substitution", []string{`memory="$(id)"`}, ":12:9", "", true},
		{"syntax error", []string{`memory="1G`}, ":12:", "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			name := w.guest("qemu.bad", img, "", c.lines...)
			r := w.run("start", name)
			if r.code != guest.StatusNotConfigured {
				t.Errorf("exit %d, want 6", r.code)
			}
			if !strings.Contains(r.err, "qemu.bad"+c.place) || !strings.Contains(r.err, c.text) {
				t.Errorf("no %s or %q in: %s", c.place, c.text, r)
			}
			if c.hint != strings.Contains(r.err, "hint:") && c.hint {
				t.Errorf("no hint in: %s", r)
			}
			w.clean(name)
			if st := w.status(name); st.State != guest.Stopped {
				t.Errorf("status: %+v", st)
			}
		})
	}
	t.Run("unsafe file", func(t *testing.T) {
		name := w.guest("qemu.unsafe", img, "")
		if err := os.Chmod(filepath.Join(w.root, "etc/conf.d", name), 0o666); err != nil {
			t.Fatal(err)
		}
		if r := w.run("start", name); r.code != guest.StatusNotConfigured || !strings.Contains(r.err, "hint:") {
			t.Errorf("world-writable: %s", r)
		}
		if err := os.Chown(filepath.Join(w.root, "etc/conf.d", name), 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if r := w.run("start", name); r.code != guest.StatusNotConfigured {
			t.Errorf("foreign-owned: %s", r)
		}
	})
	t.Run("unknown variable is a warning", func(t *testing.T) {
		name := w.guest("qemu.warn", img, "", `ready="monitor"`, `memroy="1G"`, `helper="x"`, `cpu_model="${helper:+max}"`)
		r := w.run("start", name)
		if r.code != 0 || !strings.Contains(r.err, `did you mean "memory"`) || strings.Contains(r.err, "helper") {
			t.Errorf("start: %s", r)
		}
		w.must("kill", name)
	})
	t.Run("QEMU refuses", func(t *testing.T) {
		name := w.guest("qemu.refused", img, "", `extra_args="-device no-such-device"`)
		r := w.run("start", name)
		if r.code != guest.StatusFailed || !strings.Contains(r.err, "no-such-device") {
			t.Errorf("start: %s", r)
		}
		w.clean(name)
	})
	if st := w.status(running); st.State != guest.Running {
		t.Errorf("the running guest suffered: %+v", st)
	}
	w.must("kill", running)
}

// A VNC password is in no argv, log or JSON.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	const secret = "s3cr3tpw"
	name := w.guest("qemu.v", img, "", `ready="monitor"`, `vnc_display="78"`, fmt.Sprintf("vnc_password=%q", secret))
	var seen strings.Builder
	seen.WriteString(w.must("start", name).String())
	for _, args := range [][]string{{"plan", name}, {"plan", "--json", name}, {"status", "--json", name}, {"list", "--json"}} {
		seen.WriteString(w.must(args...).String())
	}
	p := w.running(name)
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	seen.Write(cmdline)
	for _, file := range []string{"run/guestrc/qemu.v/state.json", "var/log/guestrc/qemu.v.log"} {
		data, err := os.ReadFile(filepath.Join(w.root, file))
		if err != nil {
			t.Fatal(err)
		}
		seen.Write(data)
	}
	if strings.Contains(seen.String(), secret) {
		t.Error("the password can be read")
	}
	if !strings.Contains(string(cmdline), "password=on") {
		t.Error("VNC asks for no password")
	}
	seen.WriteString(w.must("kill", name).String())
}
