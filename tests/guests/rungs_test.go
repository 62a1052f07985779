package guests

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// agentGuest is an image with the real qemu-ga.
func agentGuest(t *testing.T) tinyguest.Image {
	t.Helper()
	programs, err := tinyguest.Agent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return image(t, tinyguest.Options{Programs: programs})
}

// Each rung × works, ignored, absent, hangs. A rung that does not help must
// cost its own time at the most, and the next one must then end the guest.
func TestRungs(t *testing.T) {
	plain := image(t, tinyguest.Options{})
	withAgent := agentGuest(t)
	cases := []struct {
		name     string
		img      tinyguest.Image
		words    string
		schedule string
		wait     time.Duration // for what the guest does by itself, before the stop
		freeze   bool          // QEMU is stopped by SIGSTOP before the stop
		more     string        // one more line of conf.d
		by       string        // the rung that ends it
		text     string        // part of the last line
		least    time.Duration
		most     time.Duration
	}{
		{name: "agent-works", img: withAgent, words: tinyguest.StartAgent + " gr.acpi=ignore", schedule: "agent/60/KILL/5", more: `ready="agent"`,
			by: "agent", text: "by agent", most: 30 * time.Second},
		{name: "agent-ignored", img: withAgent, words: tinyguest.StartAgent + " gr.agent=ignore", schedule: "agent/4/acpi/60/KILL/5", more: `ready="agent"`,
			by: "acpi", text: "by acpi", least: 4 * time.Second, most: 40 * time.Second},
		{name: "agent-absent", img: plain, schedule: "agent/60/acpi/60/KILL/5",
			by: "acpi", text: "by acpi", most: 20 * time.Second},
		{name: "agent-hangs", img: withAgent, words: tinyguest.StartAgent + " gr.boot=hang gr.after=6000", schedule: "agent/60/acpi/1/KILL/5",
			more: `ready="agent"`, wait: 8 * time.Second, by: "KILL", text: "agent absent, acpi ignored", least: 4 * time.Second, most: 15 * time.Second},
		{name: "agent-turned-off", img: plain, schedule: "agent/60/acpi/60/KILL/5", more: `agent="no"`,
			by: "acpi", text: "by acpi", most: 20 * time.Second},

		{name: "acpi-works", img: plain, schedule: "acpi/60/KILL/5", by: "acpi", text: "by acpi", most: 20 * time.Second},
		{name: "acpi-slow", img: plain, words: "gr.slowdown=3000", schedule: "acpi/60/KILL/5",
			by: "acpi", text: "by acpi", least: 3 * time.Second, most: 30 * time.Second},
		{name: "acpi-ignored", img: plain, words: "gr.acpi=ignore", schedule: "acpi/3/KILL/5",
			by: "KILL", text: "killed after 3.0 s: acpi ignored", least: 3 * time.Second, most: 8 * time.Second},
		{name: "acpi-wants-two", img: plain, words: "gr.acpi=second", schedule: "acpi/60/KILL/5", more: `acpi_resend="2"`,
			by: "acpi", text: "by acpi (2nd press)", least: 2 * time.Second, most: 20 * time.Second},
		{name: "acpi-double", img: plain, words: "gr.acpi=second", schedule: "acpi/60/KILL/5", more: `acpi_resend="double"`,
			by: "acpi", text: "2nd press", most: 20 * time.Second},
		{name: "acpi-once-for-illumos", img: plain, words: "gr.acpi=cancel gr.slowdown=4000", schedule: "acpi/60/KILL/5", more: `acpi_resend="once"`,
			by: "acpi", text: "by acpi", least: 4 * time.Second, most: 30 * time.Second},
		{name: "acpi-qemu-frozen", img: plain, schedule: "acpi/60/KILL/5", freeze: true,
			by: "acpi", text: "by acpi", most: 20 * time.Second},

		{name: "quit-works", img: plain, words: "gr.acpi=ignore", schedule: "acpi/2/quit/10/KILL/5",
			by: "quit", text: "by quit", least: 2 * time.Second, most: 10 * time.Second},
		{name: "TERM-works", img: plain, words: "gr.acpi=ignore", schedule: "TERM/10/KILL/5", by: "TERM", text: "by TERM", most: 5 * time.Second},
		{name: "KILL-works", img: plain, words: "gr.acpi=ignore", schedule: "KILL/5", by: "KILL", text: "killed after", most: 5 * time.Second},
		{name: "HUP-then-forever", img: plain, words: "gr.acpi=ignore gr.boot=poweroff gr.after=6000", schedule: "acpi/1/forever",
			by: "forever", text: "by forever", least: time.Second, most: 30 * time.Second},
		{name: "nothing-works", img: plain, words: "gr.acpi=ignore", schedule: "acpi/1/CONT/1",
			by: "", text: "still running after 2.1 s: acpi ignored, CONT ignored", most: 10 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			name := w.guest("qemu.g", c.img, c.words, fmt.Sprintf("stop_schedule=%q", c.schedule), c.more)
			w.must("start", name)
			p := w.running(name)
			time.Sleep(c.wait)
			if c.freeze {
				if err := p.Signal(unix.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			r := w.run("stop", name)
			if !strings.Contains(r.out+r.err, c.text) {
				t.Errorf("stop said nothing of %q: %s", c.text, r)
			}
			if r.took < c.least || r.took > c.most {
				t.Errorf("stop took %v, want %v to %v: %s", r.took, c.least, c.most, r)
			}
			if c.by == "" {
				if r.code != 1 || p.Ended() {
					t.Errorf("the guest outlived its schedule, but: %s", r)
				}
				w.must("kill", name)
				return
			}
			if r.code != 0 {
				t.Errorf("stop: %s", r)
			}
			w.ended(name, c.by)
		})
	}
}

// ssh × works, ignored, hangs: a real sshd in the guest, through user
// networking on a loopback interface of the test's own.
func TestSSHRung(t *testing.T) {
	need.Programs(t, "ssh", "ssh-keygen")
	server, err := tinyguest.NewSSH(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	img := image(t, server.Options)
	if !lab.NetNS(t) {
		return
	}
	const words = tinyguest.StartSSH + " gr.acpi=ignore ip=10.0.2.15/24,10.0.2.2"
	ssh := func(port int, target string) []string {
		return []string{
			`net0="user"`, fmt.Sprintf(`net0_hostfwd="tcp:127.0.0.1:%d-:22"`, port), `net0_restrict="on"`,
			fmt.Sprintf("ssh_target=%q", target), fmt.Sprintf("ssh_options=%q", strings.Join(server.ClientOptions(port), " ")),
			`stop_schedule="ssh/20/KILL/5"`, `ready="tcp:22"`,
		}
	}
	t.Run("works", func(t *testing.T) {
		w := newWorld(t)
		name := w.guest("qemu.s", img, words, ssh(2201, "root@127.0.0.1")...)
		w.must("start", name)
		if r := w.must("stop", name); !strings.Contains(r.last(), "by ssh") {
			t.Errorf("stop: %s", r)
		}
		w.ended(name, "ssh")
	})
	t.Run("ignored", func(t *testing.T) {
		w := newWorld(t)
		lines := append(ssh(2202, "root@127.0.0.1"), `ssh_command="true"`, `stop_schedule="ssh/5/KILL/5"`)
		name := w.guest("qemu.s", img, words, lines...)
		w.must("start", name)
		if r := w.must("stop", name); !strings.Contains(r.last(), "killed after 5.") || !strings.Contains(r.last(), "ssh ignored") {
			t.Errorf("stop: %s", r)
		}
	})
	t.Run("hangs", func(t *testing.T) {
		w := newWorld(t)
		silent, err := net.Listen("tcp", "127.0.0.1:2210") // accepts, and says nothing
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		lines := append(ssh(2203, "root@127.0.0.1"), `ssh_options="-p 2210"`, `stop_schedule="ssh/4/KILL/5"`)
		name := w.guest("qemu.s", img, words, lines...)
		w.must("start", name)
		r := w.must("stop", name)
		if !strings.Contains(r.last(), "killed after") || r.took > 12*time.Second {
			t.Errorf("stop: %s after %v", r, r.took)
		}
	})
	t.Run("refused", func(t *testing.T) {
		w := newWorld(t)
		lines := append(ssh(2204, "root@127.0.0.1"), `ssh_options="-p 1"`, `stop_schedule="ssh/30/KILL/5"`)
		name := w.guest("qemu.s", img, words, lines...)
		w.must("start", name)
		r := w.must("stop", name)
		if !strings.Contains(r.last(), "ssh failed") || r.took > 12*time.Second {
			t.Errorf("stop: %s after %v", r, r.took)
		}
	})
}

// A press at 20 moments of the first 3 seconds of a boot: each must end in a
// graceful stop, as the button is pressed again while the guest is silent.
func TestPressWhileBooting(t *testing.T) {
	img := image(t, tinyguest.Options{})
	for i := range 20 {
		offset := time.Duration(i) * 150 * time.Millisecond
		t.Run(offset.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			name := w.guest("qemu.b", img, "", `ready="none"`, `acpi_resend="1"`, `stop_schedule="acpi/120/KILL/5"`)
			w.must("start", name)
			time.Sleep(offset) // the moment is what is tested
			r := w.must("stop", name)
			if !strings.Contains(r.last(), "by acpi") {
				t.Errorf("stop at %v: %s", offset, r)
			}
			w.ended(name, "acpi")
		})
	}
}

// Guests that are down but not off, or that cannot react.
func TestUnusualGuests(t *testing.T) {
	img := image(t, tinyguest.Options{})
	const pvpanic = `extra_args="-device pvpanic -action panic=pause"`
	cases := []struct {
		name, words string
		more        []string
		before      func(w *world, name string)
		by, text    string
		forced      bool
	}{
		{name: "paused", before: func(w *world, name string) { w.monitor(name, "stop") },
			by: "acpi", text: "by acpi"},
		{name: "reboots-instead", words: "gr.acpi=reboot", by: "acpi", text: "by acpi"},
		{name: "halts-instead", words: "gr.acpi=halt", by: "acpi", text: "halted"},
		{name: "halted-before", words: "gr.boot=halt gr.after=100",
			before: func(w *world, name string) { time.Sleep(2 * time.Second) }, text: "halted"},
		{name: "panics-instead", words: "gr.acpi=panic", more: []string{pvpanic}, by: "acpi", text: "panic"},
		{name: "panicked-before", words: "gr.boot=panic gr.after=100", more: []string{pvpanic},
			before: func(w *world, name string) { time.Sleep(2 * time.Second) }, text: "panic"},
		{name: "no-shutdown", more: []string{`extra_args="-no-shutdown"`}, by: "acpi", text: "by acpi"},
		{name: "hangs", words: "gr.boot=hang", more: []string{`stop_schedule="acpi/3/quit/10/KILL/5"`},
			before: func(w *world, name string) { time.Sleep(time.Second) }, by: "quit", text: "by quit", forced: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			lines := append([]string{`stop_schedule="acpi/60/KILL/5"`, `acpi_resend="3"`}, c.more...)
			name := w.guest("qemu.u", img, c.words, lines...)
			w.must("start", name)
			if c.before != nil {
				c.before(w, name)
			}
			r := w.must("stop", name)
			if !strings.Contains(r.out+r.err, c.text) || r.took > 40*time.Second {
				t.Errorf("stop took %v: %s; want %q", r.took, r, c.text)
			}
			st := w.status(name)
			if st.LastStop == nil || c.by != "" && st.LastStop.Stop.By != c.by || st.LastStop.Stop.By == "KILL" || st.LastStop.Stop.Forced != c.forced {
				t.Errorf("record: %+v", st.LastStop)
			}
			w.clean(name)
		})
	}
}

// monitor types a command at the monitor that is for people.
func (w *world) monitor(name, command string) {
	w.t.Helper()
	path := filepath.Join(w.root, "run/guestrc", name, "sock/monitor")
	if _, err := os.Stat(path); err != nil {
		w.t.Fatal(err)
	}
	c, err := net.DialTimeout("unix", path, 10*time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(c, "%s\n", command)
	var seen strings.Builder
	buf := make([]byte, 4096)
	for strings.Count(seen.String(), "(qemu)") < 2 { // the prompt before and after
		n, err := c.Read(buf)
		if err != nil {
			w.t.Fatalf("monitor: %v after %q", err, seen.String())
		}
		seen.Write(buf[:n])
	}
}
