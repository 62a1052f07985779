package services

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/rootfs"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// site is a host's configuration before it boots: a bridge, a database in a
// virtual machine, and a container that needs it.
type site struct {
	t     *testing.T
	dir   string   // laid over the machine's root
	binds []string // of the host, that the machine sees as they are
	web   *rootfs.Container
}

const database = "qemu.db"

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), web: rootfs.Make(t, rootfs.Sysvinit, rootfs.Net("br0", "10.77.0.3/24"))}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	img := newMachines(t).img
	s.binds = []string{filepath.Dir(s.web.LXCPath)}
	s.conf(database, `user="root"`, `enable_kvm="no"`, `machine="q35"`, `memory="256M"`, `vga="none"`,
		fmt.Sprintf("kernel=%q", img.Kernel), fmt.Sprintf("initrd=%q", img.Initrd),
		fmt.Sprintf("cmdline=%q", tinyguest.Cmdline("ip=10.77.0.2/24 gr.late=1000")),
		`net0="bridge"`, `net0_br="br0"`, `console="yes"`, `ready="console:guestrc: up"`, `ready_timeout="240"`, `stop_schedule="acpi/60/KILL/5"`)
	s.conf(s.guest(), "CONFIGFILE="+s.web.Config, "lxcpath="+s.web.LXCPath, `rc_need="qemu.db"`)
	for _, kind := range []string{"qemu", "lxc", "net"} {
		s.file("etc/systemd/system/guestrc-"+kind+"@.service.d/witness.conf",
			"[Service]\nExecStopPost=/bin/sh -c 'echo %n $SERVICE_RESULT >> "+s.witness()+"'\n")
	}
	return s
}

// witness is where systemd's units note their ends.
func (s *site) witness() string { return filepath.Join(filepath.Dir(s.web.LXCPath), "ends") }

func (s *site) guest() string { return "lxc." + s.web.Name }

func (s *site) conf(name string, lines ...string) {
	s.t.Helper()
	s.file("etc/conf.d/"+name, strings.Join(lines, "\n")+"\n")
}

func (s *site) file(path, text string) {
	s.t.Helper()
	path = filepath.Join(s.dir, path)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) link(path, target string) {
	s.t.Helper()
	path = filepath.Join(s.dir, path)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.Symlink(target, path)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// enable has everything start with the host, under either init system. The
// bridge is not enabled: its guests want it.
func (s *site) enable(names ...string) {
	s.t.Helper()
	for _, name := range append(names, "net.br0") {
		s.link("etc/init.d/"+name, "guestrc")
	}
	for _, name := range names {
		s.link("etc/runlevels/default/"+name, "/etc/init.d/"+name)
		s.link("etc/systemd/system/multi-user.target.wants/"+unit(name), "/usr/lib/systemd/system/"+unit(name[:strings.Index(name, ".")]+"."))
	}
}

// boot returns once the boot is over: whatever is enabled was started, or failed.
func (s *site) boot(c combination) *host {
	s.t.Helper()
	h := &host{system: c.pid1(s.t, lab.Layer(s.dir), lab.Bind(s.binds...)), t: s.t, ctx: within(s.t, 8*time.Minute)}
	return h
}

// The last words of a boot are those of OpenRC's own service, or systemd's
// READY=1, so everything has a status now.
func (s *site) states(h *host, names ...string) map[string]guest.Status {
	s.t.Helper()
	out, errs, _ := h.machine().Run(h.ctx, "guestrc", append([]string{"status", "--json"}, names...)...)
	var report struct{ Guests []guest.Status }
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Guests) != len(names) {
		s.t.Fatalf("status: %v: %s%s", err, out, errs)
	}
	all := map[string]guest.Status{}
	for _, st := range report.Guests {
		all[st.Guest] = st
	}
	return all
}

// boots are the combinations with the init system as PID 1, and OpenRC's also
// with services in parallel.
func boots(t *testing.T, test func(t *testing.T, s *site, c combination)) {
	t.Helper()
	need.Root(t)
	for _, c := range combinations(t) {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			test(t, newSite(t), c)
		})
		if c.init == "openrc" {
			t.Run(c.String()+"-parallel", func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				s.file("etc/rc.conf", "rc_parallel=\"YES\"\n")
				test(t, s, c)
			})
		}
	}
}

// A host boots its bridge, then the database, and once that is ready, what needs
// it; and goes down in the reverse order.
func TestBootOrder(t *testing.T) {
	boots(t, func(t *testing.T, s *site, c combination) {
		s.conf("net.br0", `addresses="10.77.0.1/24"`)
		s.enable(database, s.guest())
		h := s.boot(c)
		h.eventually(s.guest(), started)
		h.wants("net.br0", started)
		st := s.states(h, database, s.guest(), "net.br0")
		db, web := st[database], st[s.guest()]
		if db.State != guest.Running || web.State != guest.Running || st["net.br0"].State != guest.Running {
			t.Fatalf("after the boot: %+v\nhost:\n%s", st, h.machine().Console())
		}
		if db.ReadyAt.IsZero() || web.StartedAt.Before(db.ReadyAt) {
			t.Errorf("the database was ready at %v, the container was started at %v", db.ReadyAt, web.StartedAt)
		}
		newNetwork(t, h).reach("after the boot", vmAddress, containerAddress)

		if how, err := powerOff[c.init](h.machine(), h.ctx); err != nil {
			t.Errorf("power off: %s, %v", how, err)
		}
		console := h.machine().Console()
		s.inOrder(console, c.init)
		if clean, err := s.web.Clean(); err != nil || !clean {
			t.Errorf("the container was not shut down (%v)\nhost:\n%s", err, console)
		}
	})
}

// inOrder looks at what was said on the way down: on OpenRC's console, and by
// systemd's units to a file that outlives the machine.
func (s *site) inOrder(console, init string) {
	s.t.Helper()
	words := []string{s.guest() + ": down", database + ": down", "net.br0 is removed"}
	if init == "systemd" {
		words = []string{unit(s.guest()) + " success", unit(database) + " success", unit("net.br0") + " success"}
		text, err := os.ReadFile(s.witness())
		if err != nil {
			s.t.Error(err)
		}
		console = string(text)
	}
	rest := console
	for _, word := range words {
		_, after, ok := strings.Cut(rest, word)
		if !ok {
			s.t.Errorf("the console does not say %q in its turn:\n%s", word, console)
			return
		}
		rest = after
	}
}

// A bridge that cannot be made is tried once at boot, and each of its guests
// says in one line what it lacks.
func TestBootWithAFailingBridge(t *testing.T) {
	boots(t, func(t *testing.T, s *site, c combination) {
		s.conf("net.br0", `ports="absent0"`)
		other := rootfs.Make(t, rootfs.Sysvinit, rootfs.Net("br0", "10.77.0.4/24"))
		alone := "lxc." + other.Name
		s.conf(alone, "CONFIGFILE="+other.Config, "lxcpath="+other.LXCPath)
		s.binds = append(s.binds, filepath.Dir(other.LXCPath))
		s.enable(database, s.guest(), alone)
		h := s.boot(c)
		for _, name := range []string{database, s.guest(), alone} {
			if st := h.status(name); st.State != guest.Stopped {
				t.Errorf("%s: %+v", name, st)
			}
		}
		said := h.machine().Console()
		if c.init == "systemd" {
			said, _, _ = h.machine().Run(h.ctx, "journalctl", "--no-pager", "--boot")
		}
		for words, times := range map[string]int{
			"cannot plug absent0 into br0":    1, // the bridge
			"cannot start " + database + ":":  1,
			"cannot start " + alone + ":":     1,
			"cannot start " + s.guest() + ":": 0, // what it needs failed
			"cannot start net.br0:":           1,
		} {
			if n := strings.Count(said, words); n != times {
				t.Errorf("%q was said %d times, want %d\n%s", words, n, times, said)
			}
		}
	})
}
