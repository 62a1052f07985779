package rootfs

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

func TestAfterFetchNothingIsDownloaded(t *testing.T) {
	need.Programs(t, "apt-get", "apt-cache", "dpkg")
	if err := Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir()) // no apt-get, no compiler
	for _, init := range All() {
		if _, err := tree(t.Context(), init); err != nil {
			t.Errorf("%s: %v", init, err)
		}
	}
	if dir, err := tree(t.Context(), "upstart"); err == nil {
		t.Errorf("there is %s for an init that has no recipe", dir)
	}
}

// exes are what /proc/PID/exe says of the first process.
var exes = map[Init]string{
	Busybox: "/usr/bin/busybox", Sysvinit: "/usr/sbin/init", Systemd: "/usr/lib/systemd/systemd", OpenRC: "/usr/sbin/openrc-init",
	Runit: "/usr/sbin/runit", S6: "/usr/bin/s6-svscan", Finit: "/usr/sbin/finit", Tini: "/usr/bin/tini", DumbInit: "/usr/bin/dumb-init",
	Handler: "/usr/bin/handler", Handler32: "/usr/bin/handler", Stubborn: "/usr/bin/stubborn", Script: "/usr/bin/busybox",
}

func TestEveryInitBootsAndPowersOffFromOutside(t *testing.T) {
	for _, init := range All() {
		t.Run(string(init), func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			c := Make(t, init)
			made := time.Now()
			c.Start(t)
			up := time.Now()
			p, err := c.Process()
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if exe := p.Identity().Exe; exe != exes[init] {
				t.Errorf("the first process runs %s, not %s", exe, exes[init])
			}
			asked := time.Now()
			c.Stop(t)
			t.Logf("%s: made in %v, up in %v, stopped in %v", init, made.Sub(begin).Round(time.Millisecond),
				up.Sub(made).Round(time.Millisecond), time.Since(asked).Round(time.Millisecond))
			if clean := isClean(t, c); clean != (init != Stubborn) {
				t.Errorf("an orderly shutdown: %v", clean)
			}
			checkNothingLeft(t, c)
		})
	}
}

func TestEverySignalPowersOff(t *testing.T) {
	for _, init := range All() {
		if init == Script {
			continue // the same as busybox
		}
		for i, sig := range init.PowerOffSignals() {
			if i == 0 && init != Runit {
				continue // PowerOff uses it
			}
			t.Run(string(init)+" "+unix.SignalName(sig)+number(sig), func(t *testing.T) {
				t.Parallel()
				ends(t, Make(t, init), func(c *Container) { signal(t, c, sig) })
			})
		}
	}
	t.Run("sysvinit with Powerfail", func(t *testing.T) {
		t.Parallel()
		ends(t, Make(t, Sysvinit, Powerfail()), func(c *Container) { signal(t, c, unix.SIGPWR) })
	})
}

func TestEveryCommandPowersOff(t *testing.T) {
	for _, init := range All() {
		argv := init.PowerOffCommand()
		if argv == nil || init == Script { // the same as busybox
			continue
		}
		t.Run(string(init), func(t *testing.T) {
			t.Parallel()
			ends(t, Make(t, init), func(c *Container) {
				// The command may be killed with the container.
				output, err := c.LXC(t, "lxc-attach", append([]string{"--clear-env", "--"}, argv...)...)
				t.Logf("%s: %v", output, err)
			})
		})
	}
}

func TestEveryRebootSignalReboots(t *testing.T) {
	for _, init := range All() {
		sig := init.RebootSignal()
		if sig == 0 || init == Script { // the same as busybox
			continue
		}
		t.Run(string(init), func(t *testing.T) {
			t.Parallel()
			c := Make(t, init)
			c.Start(t)
			m, err := c.Monitor()
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			signal(t, c, sig)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := c.Up(ctx); err != nil {
				t.Fatalf("it did not come back: %v\n%s", err, c.Console())
			}
			if m.Ended() {
				t.Error("a reboot ended the monitor")
			}
		})
	}
}

// ends starts the container and does what makes it power off.
func ends(t *testing.T, c *Container, act func(*Container)) {
	t.Helper()
	c.Start(t)
	m, err := c.Monitor()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	act(c)
	ctx, cancel := context.WithTimeout(t.Context(), stopTime)
	defer cancel()
	if err := m.Wait(ctx); err != nil {
		t.Fatalf("it did not power off: %v\n%s", err, c.Console())
	}
	if !isClean(t, c) {
		t.Errorf("it ended, but not in order\n%s", c.Console())
	}
	checkNothingLeft(t, c)
}

func signal(t *testing.T, c *Container, sig unix.Signal) {
	t.Helper()
	p, err := c.Process()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func isClean(t *testing.T, c *Container) bool {
	t.Helper()
	clean, err := c.Clean()
	if err != nil {
		t.Fatal(err)
	}
	return clean
}

func checkNothingLeft(t *testing.T, c *Container) {
	t.Helper()
	if left, err := c.Left(); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// number tells real-time signals apart, which have no names.
func number(sig unix.Signal) string {
	switch sig {
	case rtmin3:
		return "SIGRTMIN+3"
	case rtmin4:
		return "SIGRTMIN+4"
	}
	return ""
}
