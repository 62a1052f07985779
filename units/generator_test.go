package units

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWrite(t *testing.T) {
	for name, c := range map[string]struct {
		service Service
		unit    string
		text    string
	}{
		"everything": {
			Service{Kind: "qemu", Instance: "web", Source: "/etc/conf.d/qemu.web",
				Requires: []string{Name("qemu", "db")}, Wants: []string{Name("qemu", "log")},
				After: []string{Name("qemu", "ntp"), "chrony.service"}, Before: []string{Name("qemu", "lb")},
				Mounts: []string{"/srv/vm/", "/srv/a b/100%"}, Devices: []string{"/dev/disk/by-id/wwn-0x5"}, Interfaces: []string{"eth0"},
				Start: 160 * time.Second, Stop: 85 * time.Second},
			"guestrc-qemu@web.service", `# made by guestrc-generator from /etc/conf.d
[Unit]
SourcePath=/etc/conf.d/qemu.web
RequiresMountsFor="/srv/a b/100%%"
RequiresMountsFor=/srv/vm
Requires=guestrc-qemu@db.service
Wants=dev-disk-by\x2did-wwn\x2d0x5.device
Wants=guestrc-qemu@log.service
Wants=sys-subsystem-net-devices-eth0.device
After=chrony.service
After=dev-disk-by\x2did-wwn\x2d0x5.device
After=guestrc-qemu@db.service
After=guestrc-qemu@log.service
After=guestrc-qemu@ntp.service
After=sys-subsystem-net-devices-eth0.device
Before=guestrc-qemu@lb.service
[Service]
TimeoutStartSec=190
TimeoutStopSec=115
`},
		"for ever": {
			Service{Kind: "qemu", Instance: "stays", Start: time.Minute, Stop: math.MaxInt64},
			"guestrc-qemu@stays.service", "# made by guestrc-generator from /etc/conf.d\n[Unit]\n[Service]\nTimeoutStartSec=90\nTimeoutStopSec=infinity\n"},
		"faulty files": {
			Service{Kind: "lxc", Instance: "bad", Problem: "/etc/conf.d/lxc.bad:1:3: no\n[Service]\nExecStart=x\\"},
			"guestrc-lxc@bad.service", "# made by guestrc-generator from /etc/conf.d\n# faulty: /etc/conf.d/lxc.bad:1:3: no [Service] ExecStart=x\n[Unit]\n"},
		"each once": {
			Service{Kind: "qemu", Instance: "a", Requires: []string{"b.service", "b.service"}, Wants: []string{"b.service", "a.service"},
				After: []string{"b.service", Name("qemu", "a")}, Mounts: []string{"/a/", "/a"}},
			"guestrc-qemu@a.service", `# made by guestrc-generator from /etc/conf.d
[Unit]
RequiresMountsFor=/a
Requires=b.service
Wants=a.service
After=a.service
After=b.service
`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := c.service.Write(dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, c.unit+".d", "50-guestrc.conf")
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.text, string(got)); diff != "" {
				t.Error(diff)
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

// What cannot be said is left out, and told; what can be is there.
func TestWriteLeavesOutWhatNoUnitFileHolds(t *testing.T) {
	for says, s := range map[string]Service{
		"names the path":                      {Mounts: []string{"/a\nb"}},
		`names the path "/\xff"`:              {Mounts: []string{"/\xff"}},
		`"srv" is not absolute`:               {Mounts: []string{"srv"}},
		`"/dev/../x" is not absolute, or has`: {Devices: []string{"/dev/../x"}},
		"too long":                            {Devices: []string{"/dev/" + strings.Repeat("x", 250)}},
		"no interface's name":                 {Interfaces: []string{"a/b"}},
		`"b" is no unit's name`:               {Requires: []string{"b"}},
		`"b c.service" is no unit's`:          {Wants: []string{"b c.service"}},
		`"%b.service" is no`:                  {After: []string{"%b.service"}},
		`"b.service\nX=y" is no`:              {Before: []string{"b.service\nX=y"}},
	} {
		dir := t.TempDir()
		s.Kind, s.Instance, s.Requires = "qemu", "a", append(s.Requires, "good.service")
		err := s.Write(dir)
		if err == nil || !strings.Contains(strings.Replace(err.Error(), "cannot name", "names", 1), says) {
			t.Errorf("%+v: %v, want %q", s, err, says)
		}
		got, err := os.ReadFile(filepath.Join(dir, Name("qemu", "a")+".d", "50-guestrc.conf"))
		want := "# made by guestrc-generator from /etc/conf.d\n[Unit]\nRequires=good.service\nAfter=good.service\n"
		if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v%s", says, err, diff)
		}
	}
}

func TestWriteTellsWhatItCannotWrite(t *testing.T) {
	if err := (Service{Kind: "qemu", Instance: "a"}).Write("/proc/nowhere"); err == nil {
		t.Error("no error for a directory that cannot be made")
	}
}

// order is held against the templates themselves.
func TestTemplatesOrder(t *testing.T) {
	for kind, o := range order {
		text, err := os.ReadFile("guestrc-" + kind + "@.service")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			known := map[string][]string{"After": o.after, "Before": append(o.before, "shutdown.target")}[key]
			for _, unit := range strings.Fields(value) {
				if known != nil && len(without([]string{unit}, known)) > 0 {
					t.Errorf("%s: %s=%s is not in order", kind, key, unit)
				}
			}
		}
	}
}
