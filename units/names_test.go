package units

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// host makes a root with unit files ("path", or "path\ntext"), links ("path ->
// target") and directories ("path/"), and scans it.
func host(t *testing.T, paths ...string) *Files {
	t.Helper()
	root := t.TempDir()
	for _, p := range paths {
		p, text, given := strings.Cut(p, "\n")
		if !given {
			text = "[Unit]\n"
		}
		p, target, link := strings.Cut(p, " -> ")
		err := os.MkdirAll(filepath.Dir(filepath.Join(root, p+"x")), 0o755)
		switch {
		case err != nil || strings.HasSuffix(p, "/"):
		case link:
			err = os.Symlink(target, filepath.Join(root, p))
		default:
			err = os.WriteFile(filepath.Join(root, p), []byte(text), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := Scan(root)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCounterpart(t *testing.T) {
	f := host(t,
		"usr/lib/systemd/system/ssh.service", "usr/lib/systemd/system/nftables.service", "usr/lib/systemd/system/ufw.service",
		"etc/systemd/system/multi-user.target.wants/ufw.service -> /usr/lib/systemd/system/ufw.service",
		"etc/systemd/system/mariadb.service -> /dev/null", "usr/lib/systemd/system/mariadb.service",
		"usr/local/lib/systemd/system/mysqld.service", "lib/systemd/system/openvpn@.service",
		"run/systemd/system/postgresql.service", "usr/lib/systemd/system/docker.socket", "usr/lib/systemd/system/docker.service",
		"usr/lib/systemd/system/systemd-sysctl.service",
		"usr/lib/systemd/system-generators/systemd-sysv-generator", "etc/init.d/oldd", "etc/init.d/older.sh", "etc/init.d/qemu.db -> guestrc")
	for service, want := range map[string]*Counterpart{
		"net":           {Units: []string{"network-online.target"}, Order: []string{"network.target"}},
		"localmount":    {Order: []string{"local-fs.target"}},
		"netmount":      {Units: []string{"remote-fs.target"}},
		"dns":           {Order: []string{"nss-lookup.target"}},
		"hostname":      {},
		"cgroups":       {},
		"logger":        {},
		"net.lo":        {},
		"firewall":      {Units: []string{"ufw.service"}, Order: []string{"nftables.service", "ufw.service"}},
		"sshd":          {Units: []string{"ssh.service"}},
		"mysql":         {Units: []string{"mysqld.service"}}, // mariadb is masked
		"mariadb":       nil,
		"ntpd":          {Order: []string{"time-sync.target"}},
		"postgresql-15": {Units: []string{"postgresql.service"}},
		"openvpn.home":  {Units: []string{"openvpn@home.service"}},
		"openvpn@home":  {Units: []string{"openvpn@home.service"}},
		"openvpn":       nil,
		"docker":        {Units: []string{"docker.service"}},
		"docker.socket": {Units: []string{"docker.socket"}},
		"sysctl":        {Units: []string{"systemd-sysctl.service"}},
		"modules":       nil,
		"oldd":          {Units: []string{"oldd.service"}},
		"older":         {Units: []string{"older.service"}},
		"qemu.db":       nil, // a link of ours is no script of its own
		"nothing":       nil,
		"":              nil,
		"../x":          nil,
	} {
		got, ok := f.Counterpart(service)
		if (want != nil) != ok {
			t.Errorf("%q: %v, %t", service, got, ok)
		} else if ok {
			if diff := cmp.Diff(*want, got); diff != "" {
				t.Errorf("%q: %s", service, diff)
			}
		}
	}
}

func TestInitScriptsAreUnitsOnlyWhereSystemdMakesThem(t *testing.T) {
	if f := host(t, "etc/init.d/oldd"); f.Exists("oldd.service") {
		t.Error("a host without systemd-sysv-generator has a unit for an init script")
	}
}

func TestMaskedUnitsAreNotThere(t *testing.T) {
	var paths, units []string
	for _, masked := range []string{"null.service -> /dev/null", "empty.service\n", "link.service -> /opt/empty", "beside.service -> empty.service", "of@.service\n", "of@one.service -> /dev/null"} {
		unit, _, _ := strings.Cut(strings.Fields(masked)[0], "\n")
		units = append(units, unit)
		paths = append(paths, "etc/systemd/system/"+masked, "usr/lib/systemd/system/"+unit)
	}
	f := host(t, append(paths, "opt/empty\n", "opt/full", "etc/systemd/system/full.service -> /opt/full")...)
	for _, unit := range append(units, "of@two.service") {
		if f.Exists(unit) {
			t.Errorf("%s is not masked", unit)
		}
	}
	if !f.Exists("full.service") {
		t.Error("a link to a file masks")
	}
}

func TestNoFirewallIsPulledInThatIsNotEnabled(t *testing.T) {
	c, ok := host(t, "usr/lib/systemd/system/nftables.service").Counterpart("firewall")
	if !ok || len(c.Units) > 0 || !slices.Equal(c.Ordering(), []string{"nftables.service"}) {
		t.Errorf("%+v, %t", c, ok)
	}
	if _, ok := host(t).Counterpart("firewall"); ok {
		t.Error("no firewall, and yet a counterpart")
	}
}

// Every name of a unit in the table can be one, and no name is in both tables.
func TestAliases(t *testing.T) {
	for service, a := range aliases {
		for _, unit := range slices.Concat(a.pull, a.order, a.first, a.all) {
			if !isUnit(unit) {
				t.Errorf("%s: %q is no unit's name", service, unit)
			}
		}
		if slices.Contains(satisfied, service) {
			t.Errorf("%s is an alias, and satisfied", service)
		}
	}
}

func TestUnknown(t *testing.T) {
	for service, want := range map[string]string{"foo": "foo.service", "my-foo.x": "my-foo.x.service", "a/b c%": `a\x2fb\x20c\x25.service`} {
		if got := Unknown(service); got != want || !isUnit(got) {
			t.Errorf("%q: %q, want %q", service, got, want)
		}
	}
}

func TestInstances(t *testing.T) {
	wants := "etc/systemd/system/multi-user.target.wants/"
	f := host(t, wants+"guestrc-lxc@web.service -> /usr/lib/systemd/system/guestrc-lxc@.service",
		"run/systemd/system/x.target.requires/guestrc-qemu@a.b-c.service -> /gone",
		wants+"guestrc-lxc@.service", wants+"guestrc-@x.service", wants+"lxc@web.service", wants+"guestrc-lxc@web.target",
		"usr/lib/systemd/system/x.target.wants/guestrc-lxc@vendor.service")
	if diff := cmp.Diff([]string{"lxc.web", "qemu.a.b-c"}, f.Instances()); diff != "" {
		t.Error(diff)
	}
}

func TestDevicesHaveUnitsWhereUdevRuns(t *testing.T) {
	udev := "usr/lib/systemd/system/systemd-udevd.service"
	if !host(t, udev, "sys/").Devices() {
		t.Error("none, with a udev and a writable /sys")
	}
	if host(t, "sys/").Devices() || host(t, udev).Devices() {
		t.Error("some, without udev or without /sys")
	}
	root := t.TempDir()
	if err := os.Symlink("/proc/self/nothing", filepath.Join(root, "sys")); err != nil {
		t.Fatal(err)
	}
	if writable(filepath.Join(root, "sys")) {
		t.Error("a /sys that leads nowhere is writable")
	}
}

func TestScanTellsWhatItCannotRead(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr/lib/systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"usr/lib/systemd/system/a.service", "run"} {
		if err := os.WriteFile(filepath.Join(root, path), []byte("[Unit]\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Scan(root)
	if err == nil || !f.Exists("a.service") {
		t.Errorf("%v; a.service: %t", err, f.Exists("a.service"))
	}
}
