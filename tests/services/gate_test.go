package services

import (
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
)

// gate is the service that the script itself is.
const gate = "guestrc"

// The script that no symlink names is the gate, and says what to do as long as
// there is no guest.
func TestScriptItself(t *testing.T) {
	under(t, "openrc", func(t *testing.T, h *host) {
		out, code := h.start(h.ctx, gate)
		if code != 0 || !strings.Contains(out, "guestrc enable qemu.NAME") || !strings.Contains(out, "lxc.NAME") || !strings.Contains(out, "net.NAME") {
			t.Errorf("start of guestrc itself: exit %d\n%s", code, out)
		}
		h.wants(gate, started)
		h.machine().Link("/etc/init.d/qemu.any", "guestrc")
		if out, code := h.restart(h.ctx, gate); code != 0 || strings.Contains(out, "NAME") {
			t.Errorf("restart of guestrc itself, with a guest: exit %d\n%s", code, out)
		}
		for _, verb := range []string{"plan", "forcestop"} {
			if out, code := h.act(h.ctx, gate, verb); code == 0 {
				t.Errorf("%s of guestrc itself: %s", verb, out)
			}
		}
	})
}

// An administrator who stops the gate stops no guest.
func TestStopOfTheGateLeavesGuestsAlone(t *testing.T) {
	under(t, "openrc", func(t *testing.T, h *host) {
		name := h.plain(h, "a")
		h.mustStart(name)
		h.mustStart(gate)
		out, code := h.stop(h.ctx, gate)
		if code != 0 || !strings.Contains(out, "Guests are left alone") {
			t.Errorf("exit %d\n%s", code, out)
		}
		h.wants(gate, stopped)
		h.wants(name, started)
		h.mustStop(name)
	})
}

// The first guest that is enabled brings the gate with it, started: only then is
// it stopped at a shutdown. The last one leaves it.
func TestEnableAddsTheGate(t *testing.T) {
	under(t, "openrc", func(t *testing.T, h *host) {
		name := h.plain(h, "a")
		inDefault := func() bool {
			return strings.Contains(h.machine().Must(h.ctx, "rc-update", "show", "default"), gate+" ")
		}
		out, errs, code := h.machine().Run(h.ctx, "guestrc", "enable", name)
		if code != 0 || !strings.Contains(out, "guestrc: added to the runlevel default") || !inDefault() {
			t.Errorf("enable: exit %d\n%s%s", code, out, errs)
		}
		h.wants(gate, started)
		h.machine().Must(h.ctx, "guestrc", "disable", name)
		if !inDefault() {
			t.Error("it went with the last guest")
		}
	})
}

// OpenRC's own order has the gate after all guests and after no bridge.
func TestGateIsOrderedAfterGuests(t *testing.T) {
	under(t, "openrc", func(t *testing.T, h *host) {
		h.machine().Install("/etc/conf.d/net.br0", "addresses=10.9.8.1/24\n", 0o644)
		for _, name := range []string{"lxc.one", "qemu.two", "net.br0"} {
			h.define(h.ctx, name)
		}
		text, err := h.machine().ReadFile("/run/openrc/deptree")
		if err != nil {
			t.Fatal(err)
		}
		_, own, _ := strings.Cut(text, "_service='guestrc'\n")
		own, _, _ = strings.Cut(own, "_service=")
		for word, want := range map[string]bool{"_iafter_0='lxc.one'": true, "_iafter_1='qemu.two'": true, "'net.br0'": false, "_keyword_0='-timeout'": true} {
			if strings.Contains(own, word) != want {
				t.Errorf("%s in what the gate says: %v\n%s", word, !want, own)
			}
		}
	})
}

// What is down after stop --all is stopped for OpenRC, too, which then runs
// nothing for it; and can be started again.
func TestOpenRCKnowsWhatIsDown(t *testing.T) {
	under(t, "openrc", func(t *testing.T, h *host) {
		name, other := h.plain(h, "a"), h.plain(h, "b")
		h.mustStart(name)
		h.mustStart(other)
		h.machine().Must(h.ctx, "guestrc", "stop", "--all")
		for _, n := range []string{name, other} {
			if _, _, code := h.machine().Run(h.ctx, "test", "-e", "/run/openrc/started/"+n); code == 0 {
				t.Errorf("OpenRC counts %s as started", n)
			}
		}
		h.mustStart(name)
		h.wants(name, started)
		h.wants(other, stopped)
		h.mustStop(name)
	})
}

// user is a service that is no guest, and says something about a guest.
func user(depend string) string {
	return "#!/sbin/openrc-run\ndepend() { " + depend + "; }\nstart() { :; }\nstop() { sleep 2; echo $RC_SVCNAME is gone; }\n"
}

// oneByOneOrParallel is a test of a machine that can be powered off, and that stops
// services one after the other or in parallel.
func oneByOneOrParallel(t *testing.T, test func(t *testing.T, h *host)) {
	t.Helper()
	need.Root(t)
	for _, c := range only(t, "openrc") {
		for _, parallel := range []string{"NO", "YES"} {
			t.Run(fmt.Sprintf("%s/parallel=%s", c, parallel), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "etc/rc.conf"), fmt.Appendf(nil, "rc_parallel=%q\n", parallel), 0o644); err != nil {
					t.Fatal(err)
				}
				test(t, newHost(t, func(t *testing.T, options ...lab.Option) system {
					return c.pid1(t, append(options, lab.Layer(dir))...)
				}, containers{}))
			})
		}
	}
}

// As the host goes down the gate is stopped before all guests, and stops them at
// the same time. One that a service uses waits for that service, and so does what
// it depends on itself.
func TestGateStopsAllGuests(t *testing.T) {
	oneByOneOrParallel(t, func(t *testing.T, h *host) {
		one, two := h.container(rootfs.Sysvinit, slowDown("4")), h.container(rootfs.Busybox, slowDown("4"))
		store, db := h.container(rootfs.Sysvinit), h.container(rootfs.Sysvinit)
		storeName, oneName, twoName := h.guest(store), h.guest(one), h.guest(two)
		dbName := h.guest(db, fmt.Sprintf("rc_need=%q", storeName))
		m := h.machine()
		m.Install("/etc/init.d/app", user("need "+dbName), 0o755)
		m.Install("/etc/init.d/late", user("after "+oneName), 0o755)
		for _, name := range []string{storeName, dbName, oneName, twoName} {
			m.Must(h.ctx, "guestrc", "enable", name)
			h.mustStart(name)
		}
		for _, name := range []string{"app", "late"} {
			h.mustStart(name)
		}
		if how, err := powerOff["openrc"](m, h.ctx); err != nil {
			t.Errorf("power off: %s, %v", how, err)
		}
		said := m.Console()
		first, second := down(t, h, one), down(t, h, two)
		if apart := first.Sub(second).Abs(); apart > 3*time.Second || !strings.Contains(said, "Stopping 2 guests") {
			t.Errorf("the gate did not stop them together: %v apart\n%s", apart, said)
		}
		if last := down(t, h, db); !strings.Contains(said, dbName+" is stopped in its turn: app uses it") || down(t, h, store).Before(last) {
			t.Errorf("the database was down at %v, its store at %v\n%s", last, down(t, h, store), said)
		}
		if _, after, _ := strings.Cut(said, "app is gone"); !strings.Contains(after, dbName+": down") {
			t.Errorf("the database went before what uses it:\n%s", said)
		}
		// In parallel OpenRC has their stops wait; else it need not run any.
		if strings.Contains(t.Name(), "YES") {
			said, _, _ = strings.Cut(said, "2 guests down after")
		}
		for _, name := range []string{oneName, twoName} {
			if strings.Contains(said, "Stopping "+name) {
				t.Errorf("%s was stopped by itself:\n%s", name, said)
			}
		}
	})
}

// A reboot is a shutdown, too.
func TestGateStopsGuestsAtAReboot(t *testing.T) {
	need.Root(t)
	for _, c := range only(t, "openrc") {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			h := newHost(t, c.pid1, containers{})
			one := h.container(rootfs.Sysvinit)
			name := h.guest(one)
			h.machine().Must(h.ctx, "guestrc", "enable", name)
			h.mustStart(name)
			h.machine().Must(h.ctx, "openrc-shutdown", "--reboot", "now")
			if how, err := h.machine().Wait(h.ctx); err != nil {
				t.Errorf("reboot: %s, %v", how, err)
			}
			if down(t, h, one); !strings.Contains(h.machine().Console(), "Stopping 1 guest") {
				t.Errorf("the gate did not stop it:\n%s", h.machine().Console())
			}
		})
	}
}

// A guest that powered itself off is no longer started for OpenRC once somebody
// has looked, by whatever command: so the next start starts it.
func TestALookPutsOpenRCRight(t *testing.T) {
	eachUnder(t, "openrc", func(t *testing.T, h *host) {
		name := h.leaving(h, "a")
		h.mustStart(name)
		link := "/run/openrc/started/" + name
		h.machine().Must(h.ctx, "test", "-e", link)
		for range 400 {
			if st := h.status(name); st.State == guest.Stopped {
				break
			}
			time.Sleep(50 * time.Millisecond) // nothing tells of it
		}
		if st := h.status(name); st.State != guest.Stopped || st.LastStop == nil || !st.LastStop.Own {
			t.Fatalf("it did not power itself off: %+v", st)
		}
		if _, _, code := h.machine().Run(h.ctx, "test", "-e", link); code == 0 {
			t.Error("OpenRC still has it as started")
		}
		h.mustStart(name)
		h.wants(name, started)
	})
}
