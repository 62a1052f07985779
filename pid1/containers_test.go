package pid1

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// long bounds everything that a container may take.
const long = 60 * time.Second

// guest is an init in LXC and what must become of it.
type guest struct {
	init rootfs.Init
	kind Kind
}

var guests = []guest{
	{rootfs.Busybox, Busybox},
	{rootfs.Sysvinit, Sysvinit},
	{rootfs.Systemd, Systemd},
	{rootfs.OpenRC, OpenRC},
	{rootfs.Runit, Runit},
	{rootfs.S6, S6},
	{rootfs.Finit, Finit},
	{rootfs.Script, Busybox},
	{rootfs.Tini, Tini},
	{rootfs.DumbInit, DumbInit},
	{rootfs.Handler, Application},
}

// notes gathers what Halt says.
type notes []string

func (n *notes) add(text string) { *n = append(*n, text) }

func within60(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	t.Cleanup(cancel)
	return ctx
}

// launch starts a container without waiting for its boot.
func launch(t *testing.T, c *rootfs.Container) *pidfile.Process {
	t.Helper()
	if out, err := c.LXC(t, "lxc-start", "-f", c.Config, "-d"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return first(t, c)
}

func first(t *testing.T, c *rootfs.Container) *pidfile.Process {
	t.Helper()
	p, err := c.Process()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// mustEnd checks that a container went down in order after it was asked.
func mustEnd(t *testing.T, c *rootfs.Container, p *pidfile.Process, n notes) {
	t.Helper()
	if err := p.Wait(within60(t)); err != nil {
		i, _ := Look(p)
		t.Fatalf("it did not end: %v; notes %q; %+v\n%s", err, n, i, c.Console())
	}
	if clean, err := c.Clean(); !clean || err != nil {
		t.Errorf("it did not shut down in order: %v; notes %q\n%s", err, n, c.Console())
	}
}

func TestHaltsEveryInitThatIsUp(t *testing.T) {
	for _, g := range guests {
		t.Run(string(g.init), func(t *testing.T) {
			t.Parallel()
			c := rootfs.Make(t, g.init)
			c.Start(t)
			p := first(t, c)
			i, err := Look(p)
			if err != nil || g.init != rootfs.Script && i.Kind != g.kind {
				t.Fatalf("Look = %+v, %v; want %s", i, err, g.kind)
			}
			if err := Await(within60(t), p, Options{}); err != nil {
				t.Fatalf("Await: %v", err)
			}
			var n notes
			if err := Halt(within60(t), p, Options{}, n.add); err != nil {
				t.Fatalf("Halt: %v\n%s", err, c.Console())
			}
			if len(n) != 0 {
				t.Errorf("notes %q", n)
			}
			mustEnd(t, c, p, n)
		})
	}
}

// A stop right after the start is where signals get lost.
func TestHaltsEveryInitThatIsBooting(t *testing.T) {
	for _, g := range guests {
		t.Run(string(g.init), func(t *testing.T) {
			t.Parallel()
			c := rootfs.Make(t, g.init)
			p := launch(t, c)
			var n notes
			if err := Halt(within60(t), p, Options{}, n.add); err != nil {
				t.Fatalf("Halt: %v\n%s", err, c.Console())
			}
			// Whether the last step of the boot came before is a race.
			if err := p.Wait(within60(t)); err != nil {
				i, _ := Look(p)
				t.Fatalf("it did not end: %v; notes %q; %+v\n%s", err, n, i, c.Console())
			}
		})
	}
}

func TestRebootsEveryInit(t *testing.T) {
	for _, g := range guests {
		if !customs[g.kind].system {
			continue
		}
		t.Run(string(g.init), func(t *testing.T) {
			t.Parallel()
			c := rootfs.Make(t, g.init)
			c.Start(t)
			p := first(t, c)
			var n notes
			if err := Reboot(within60(t), p, Options{}, n.add); err != nil {
				t.Fatalf("Reboot: %v\n%s", err, c.Console())
			}
			if err := p.Wait(within60(t)); err != nil {
				t.Fatalf("it did not end: %v; notes %q\n%s", err, n, c.Console())
			}
			if _, err := c.Up(within60(t)); err != nil {
				t.Fatalf("it did not come up again: %v", err)
			}
		})
	}
}

func TestNothingIsAskedOfAProgramThatIgnoresAll(t *testing.T) {
	c := rootfs.Make(t, rootfs.Stubborn)
	c.Start(t)
	p := first(t, c)
	if err := Await(within60(t), p, Options{}); err != nil {
		t.Errorf("Await = %v, want nil: there is nothing to wait for", err)
	}
	began := time.Now()
	err := Halt(within60(t), p, Options{}, func(note string) { t.Errorf("note %q", note) })
	if took := time.Since(began); !errors.Is(err, ErrDeaf) || took > 2*programGrace {
		t.Errorf("Halt = %v after %s, want ErrDeaf soon", err, took)
	}
	if p.Ended() {
		t.Error("it ended")
	}
	if err := Reboot(within60(t), p, Options{}, nil); !errors.Is(err, ErrDeaf) {
		t.Errorf("Reboot = %v, want ErrDeaf", err)
	}
}
