package qemu

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/qemu/qmp"
	"github.com/guestrc/guestrc/shutdown"
	"github.com/guestrc/guestrc/tests/romguest"
)

// patience bounds what is expected to happen; it is long for slow machines.
const patience = 20 * time.Second

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// romMachine is a guest of a few instructions as the Machine that it would be.
type romMachine struct {
	*romguest.Guest
	m *Machine
	p *pidfile.Process
	t *testing.T
}

// startROM starts code; DIR in args is the directory of the machine's sockets.
func startROM(t *testing.T, code romguest.Code, args ...string) *romMachine {
	t.Helper()
	g := romguest.Start(t, code, args...)
	p, err := pidfile.Capture(g.Pid())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	m := &Machine{
		Sockets: Sockets{QMP: g.QMP, Monitor: g.Monitor, Agent: filepath.Join(g.Dir, "agent"), Console: filepath.Join(g.Dir, "console")},
		LogFile: filepath.Join(g.Dir, "log"),
	}
	return &romMachine{g, m, p, t}
}

// upROM starts code and waits until it has run romguest.Up.
func upROM(t *testing.T, code romguest.Code, args ...string) *romMachine {
	t.Helper()
	r := startROM(t, code, args...)
	r.AwaitUp(t)
	return r
}

// tell sends a command to the monitor that is for people.
func (r *romMachine) tell(command string, arguments any) {
	r.t.Helper()
	r.hold(r.QMP).Close() // once this one answers, the other is there too
	c := r.hold(r.Monitor)
	defer c.Close()
	if err := c.Execute(within(r.t, patience), command, arguments, nil); err != nil {
		r.t.Fatal(err)
	}
}

// hold connects to a monitor.
func (r *romMachine) hold(path string) *qmp.Client {
	r.t.Helper()
	c, err := qmp.Dial(within(r.t, patience), path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// until waits until QEMU tells of a run state.
func (r *romMachine) until(state string) {
	r.t.Helper()
	r.await(state, func(ctx context.Context, ask asker) bool {
		got, err := runState(ctx, ask)
		return err == nil && got == state
	})
}

func (r *romMachine) untilHalted() {
	r.t.Helper()
	r.await("halted", halted)
}

// await asks until it is so: nothing tells of most states.
func (r *romMachine) await(what string, so func(context.Context, asker) bool) {
	r.t.Helper()
	c := r.hold(r.QMP)
	defer c.Close()
	for ctx := within(r.t, patience); !so(ctx, c.Execute); time.Sleep(5 * time.Millisecond) {
		if ctx.Err() != nil {
			r.t.Fatalf("the guest was never %s", what)
		}
	}
}

// stopped is what a stop did.
type stopped struct {
	shutdown.Record
	cause string
	woke  []string // notes of Wake
}

// stop is a stop as package guest makes it.
func (r *romMachine) stop(schedule string, policy StopPolicy) stopped {
	r.t.Helper()
	r.m.Stop = policy
	steps, err := shutdown.Parse(schedule, verbs...)
	if err != nil {
		r.t.Fatal(err)
	}
	target := r.m.Target(r.p)
	defer target.Close()
	var s stopped
	ctx := within(r.t, 2*patience)
	if other := target.Wake(ctx, func(n string) { s.woke = append(s.woke, n) }); other != nil {
		steps = other
	}
	if s.Record, err = shutdown.Run(ctx, steps, target, nil); err != nil {
		r.t.Fatal(err)
	}
	s.cause = target.Cause()
	return s
}

// notes are those of all rungs.
func (s stopped) notes() []string {
	all := slices.Clone(s.woke)
	for _, o := range s.Rungs {
		all = append(all, o.Notes...)
	}
	return all
}

// holdOrNil is hold for other goroutines than the test's.
func (r *romMachine) holdOrNil(path string) *qmp.Client {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	c, err := qmp.Dial(ctx, path)
	if err != nil {
		r.t.Error(err)
		return nil
	}
	return c
}

// fakeTarget is a target whose process is a real QEMU without a monitor, and
// whose monitor, at path, is a fake.
func fakeTarget(t *testing.T, path string) *target {
	t.Helper()
	r := startROM(t, romguest.Idle())
	r.m.Sockets.QMP = path
	target := r.m.Target(r.p).(*target)
	t.Cleanup(target.Close)
	return target
}

// tellAny is tell without arguments for other goroutines than the test's.
func (r *romMachine) tellAny(command string) {
	c := r.holdOrNil(r.Monitor)
	if c == nil {
		return
	}
	defer c.Close()
	if err := c.Execute(r.t.Context(), command, nil, nil); err != nil {
		r.t.Error(err)
	}
}
