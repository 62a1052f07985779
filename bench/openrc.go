package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

// place lets the test laboratory serve a program that is no test: what would
// fail a test ends the benchmark.
type place struct {
	ctx      context.Context
	dir      string
	cleanups []func()
}

func (p *place) Helper()                           {}
func (p *place) Name() string                      { return "bench" }
func (p *place) Context() context.Context          { return p.ctx }
func (p *place) Cleanup(f func())                  { p.cleanups = append(p.cleanups, f) }
func (p *place) Failed() bool                      { return false }
func (p *place) Logf(format string, args ...any)   { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (p *place) Errorf(format string, args ...any) { p.Fatalf(format, args...) }
func (p *place) Skipf(format string, args ...any)  { p.Fatalf(format, args...) }
func (p *place) Fatalf(format string, args ...any) { panic(fmt.Errorf(format, args...)) }

func (p *place) TempDir() string {
	dir, err := os.MkdirTemp(p.dir, "place-")
	if err != nil {
		p.Fatalf("cannot make a directory: %v", err)
	}
	return dir
}

func (p *place) end() {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
}

var _ need.T = (*place)(nil)

// openrc measures what OpenRC's way to a guest adds to the guest's own start:
// rc-service of a guest against rc-service of an empty init script and guestrc
// start, all in one machine.
func (b *bench) openrc() (err error) {
	p := &place{ctx: b.ctx, dir: b.tmp}
	defer p.end()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot measure OpenRC: %v", r)
		}
	}()
	layer := p.TempDir()
	if out, err := exec.CommandContext(b.ctx, "make", "install", "DESTDIR="+layer).CombinedOutput(); err != nil {
		return fmt.Errorf("make install: %w: %s", err, out)
	}
	m := lab.OpenRC(p, lab.Layer(layer))
	m.Install("/etc/conf.d/qemu.a", pausedGuest, 0o644)
	m.Link("/etc/init.d/qemu.a", "guestrc")
	m.Install("/etc/init.d/empty", "#!/sbin/openrc-run\nstart() { :; }\nstop() { :; }\n", 0o755)
	m.Must(b.ctx, "rc-update", "-u")
	timed := func(argv, undo []string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			cmd := m.Command(b.ctx, argv[0], argv[1:]...)
			began := time.Now()
			err := cmd.Run()
			took := time.Since(began)
			m.Must(b.ctx, undo[0], undo[1:]...)
			return took, err
		}
	}
	start := []string{"guestrc", "start", "qemu.a"}
	guests, empty, err := b.pairs(
		timed([]string{"rc-service", "qemu.a", "start"}, []string{"rc-service", "qemu.a", "stop"}),
		timed([]string{"rc-service", "empty", "start"}, []string{"rc-service", "empty", "stop"}))
	if err != nil {
		return err
	}
	direct, _, err := b.pairs(timed(start, []string{"guestrc", "stop", "qemu.a"}),
		func() (time.Duration, error) { return 0, nil })
	if err != nil {
		return err
	}
	b.add("rc-service of an empty init script, start", "", empty)
	b.add("rc-service qemu.a start", "", guests)
	b.add("guestrc start in the same machine", "", direct)
	b.add("rc-service qemu.a start, beyond both", "≤ 25", difference(difference(guests, empty), direct))
	return nil
}
