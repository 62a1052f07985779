package guests

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// decoy is a process that must not be touched: a shell that reports every
// signal that a stop could send.
type decoy struct {
	cmd *exec.Cmd
	out bytes.Buffer
	in  interface{ Close() error }
}

func newDecoy(t *testing.T) *decoy {
	t.Helper()
	d := &decoy{cmd: exec.Command("sh", "-c", `for s in TERM INT HUP CONT USR1 USR2; do trap "echo got $s" $s; done; echo ready; while read -r line; do :; done; exit 0`)}
	d.cmd.Stdout = &d.out
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := d.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.in = in
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.cmd.Process.Kill(); d.cmd.Wait() })
	return d
}

func (d *decoy) pid() string { return strconv.Itoa(d.cmd.Process.Pid) }

// untouched ends the decoy by closing its input, and wants an orderly exit
// without a signal.
func (d *decoy) untouched(t *testing.T) {
	t.Helper()
	if err := d.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil || strings.Contains(d.out.String(), "got") {
		t.Errorf("the decoy was hit: %v, %q", err, d.out.String())
	}
}

// What can happen to a pidfile. The decoy survives and the guest is stopped,
// as the kernel says which process it is.
func TestPidfileTamperedWith(t *testing.T) {
	img := image(t, tinyguest.Options{})
	replace := func(make func(path string, d *decoy) error) func(string, *decoy) error {
		return func(path string, d *decoy) error {
			return errors.Join(os.Remove(path), make(path, d))
		}
	}
	cases := map[string]func(path string, d *decoy) error{
		"forged":         func(path string, d *decoy) error { return os.WriteFile(path, []byte(d.pid()+"\n"), 0o600) },
		"forged-to-1":    func(path string, d *decoy) error { return os.WriteFile(path, []byte("1\n"), 0o600) },
		"forged-to-all":  func(path string, d *decoy) error { return os.WriteFile(path, []byte("-1\n"), 0o600) },
		"emptied":        func(path string, d *decoy) error { return os.Truncate(path, 0) },
		"unlinked":       func(path string, d *decoy) error { return os.Remove(path) },
		"reused":         replace(func(path string, d *decoy) error { return os.WriteFile(path, []byte(d.pid()+"\n"), 0o600) }),
		"symlink":        replace(func(path string, d *decoy) error { return os.Symlink("/etc/hostname", path) }),
		"dangling":       replace(func(path string, d *decoy) error { return os.Symlink("/nonexistent", path) }),
		"fifo":           replace(func(path string, d *decoy) error { return unix.Mkfifo(path, 0o600) }),
		"world-writable": func(path string, d *decoy) error { return os.Chmod(path, 0o666) },
	}
	for name, tamper := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := w.guest("qemu.p", img, "")
			w.must("start", g)
			d := newDecoy(t)
			p := w.running(g)
			if err := tamper(filepath.Join(w.root, "run/guestrc", g, "pid"), d); err != nil {
				t.Fatal(err)
			}
			if st := w.status(g); st.State != guest.Running || st.PID != p.Pid() {
				t.Errorf("status: %+v, want pid %d", st, p.Pid())
			}
			if r := w.run("start", g); r.code != 0 || w.status(g).PID != p.Pid() {
				t.Errorf("another start: %s", r)
			}
			r := w.run("stop", g)
			if r.code != 0 || !strings.Contains(r.out, "by acpi") || !p.Ended() {
				t.Errorf("stop: %s", r)
			}
			d.untouched(t)
		})
	}
}

// Without a record, the lock that QEMU keeps on its pidfile says who it is;
// without a record and without a pidfile, the lease does.
func TestRecordLost(t *testing.T) {
	img := image(t, tinyguest.Options{})
	for name, lose := range map[string][]string{
		"record":             {"state.json"},
		"record-and-pidfile": {"state.json", "pid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := w.guest("qemu.l", img, "")
			w.must("start", g)
			p := w.running(g)
			for _, file := range lose {
				if err := os.Remove(filepath.Join(w.root, "run/guestrc", g, file)); err != nil {
					t.Fatal(err)
				}
			}
			if st := w.status(g); st.PID != p.Pid() {
				t.Errorf("status: %+v, want pid %d", st, p.Pid())
			}
			w.must("start", g) // adopts it
			if st := w.status(g); st.State != guest.Running || st.PID != p.Pid() {
				t.Errorf("after start: %+v, want pid %d", st, p.Pid())
			}
			if r := w.must("stop", g); !strings.Contains(r.last(), "by acpi") || !p.Ended() {
				t.Errorf("stop: %s", r)
			}
		})
	}
}

// A record of a guest that is gone, whose number a stranger has now.
func TestStaleRecordHitsNobody(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	g := w.guest("qemu.s", img, "", `ready="monitor"`)
	w.must("start", g)
	p := w.running(g)
	if err := errors.Join(p.Signal(unix.SIGKILL), p.Wait(t.Context())); err != nil {
		t.Fatal(err)
	}
	d := newDecoy(t)
	state := filepath.Join(w.root, "run/guestrc", g, "state.json")
	data, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	// The same record with the stranger's number, as if the kernel had given
	// it out again, and the number in the pidfile that the guest left.
	forged := bytes.Replace(data, []byte(`"pid":`+strconv.Itoa(p.Pid())), []byte(`"pid":`+d.pid()), 1)
	if bytes.Equal(forged, data) {
		t.Fatalf("the record holds no pid: %s", data)
	}
	if err := os.WriteFile(state, forged, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.root, "run/guestrc", g, "pid"), []byte(d.pid()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"status", "stop", "kill", "reset"} {
		r := w.run(verb, g)
		if r.code == 0 && verb == "status" || strings.Contains(r.out, "pid "+d.pid()) {
			t.Errorf("%s takes the stranger for the guest: %s", verb, r)
		}
	}
	d.untouched(t)
	// While the guest is a zombie, its handle contradicts the number, and
	// nothing is done; afterwards the record is merely stale.
	switch r := w.run("start", g); r.code {
	case 0:
		w.must("kill", g)
	case guest.StatusRefused:
		if !strings.Contains(r.err, "hint:") {
			t.Errorf("start on a record that contradicts itself: %s", r)
		}
	default:
		t.Errorf("start: %s", r)
	}
}

// A hung or stopped QEMU: status answers all the same, and says why it knows
// no more.
func TestStatusOfAHungGuest(t *testing.T) {
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	g := w.guest("qemu.h", img, "", `ready="monitor"`, `stop_schedule="acpi/3/quit/10/KILL/5"`)
	w.must("start", g)
	p := w.running(g)
	if err := p.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 1000 { // a process that is not scheduled stops when it is
		if stopped, err := p.Stopped(); err != nil || stopped {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	best := time.Hour
	for range 3 { // the machine is shared: the best of three is what it costs
		r := w.run("status", g)
		best = min(best, r.took)
		if r.code != 0 || !strings.Contains(r.out, "stopped") {
			t.Errorf("status: %s", r)
		}
	}
	if best > 300*time.Millisecond {
		t.Errorf("status took %v at best", best)
	}
	if err := p.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// Somebody else holds our monitor.
	c := w.hold(filepath.Join(w.root, "run/guestrc", g, "sock/qmp"))
	defer c.Close()
	if r := w.run("status", g); r.code != 0 || !strings.Contains(r.out, "another") {
		t.Errorf("status while another has the monitor: %s", r)
	}
	r := w.run("stop", g)
	if r.code != 0 || !strings.Contains(r.last(), "by quit (sent SIGTERM") || !strings.Contains(r.out, "acpi: failed") {
		t.Errorf("stop while another has the monitor: %s", r)
	}
}
