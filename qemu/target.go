package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/qemu/qmp"
	"github.com/guestrc/guestrc/shutdown"
)

// monitorTime bounds one exchange with the monitor during a stop.
const monitorTime = 5 * time.Second

// target is a running guest that is to end. It keeps one session with the
// monitor for the whole stop, to hear why the guest ends, and does without
// where none can be had.
type target struct {
	m *Machine
	p *pidfile.Process

	mu       sync.Mutex
	client   *qmp.Client
	watching sync.WaitGroup
	cause    string // the reason in the SHUTDOWN event
	panicked bool
	past     bool // the guest was past reacting when the stop began
}

// Target is what a stop acts on.
func (m *Machine) Target(p *pidfile.Process) guest.Target { return &target{m: m, p: p} }

func (t *target) Wait(ctx context.Context) error { return t.p.Wait(ctx) }

// Forced: quitting is a power cut for a guest that runs, not for one that is
// down already.
func (t *target) Forced(verb string) bool {
	graceful := slices.Contains([]string{"agent", "acpi", "ssh", shutdown.Forever}, verb)
	return !graceful && !(t.past && verb == "quit")
}

func (t *target) Close() {
	t.mu.Lock()
	client := t.client
	t.client = nil
	t.mu.Unlock()
	if client != nil {
		client.Close()
	}
	t.watching.Wait()
}

func (t *target) Cause() string {
	t.mu.Lock()
	if t.client != nil && t.p.Ended() {
		client := t.client
		t.mu.Unlock()
		<-client.Done() // its last words may still be on their way
		t.watching.Wait()
		t.mu.Lock()
	}
	defer t.mu.Unlock()
	return t.cause
}

// monitor returns the session, or tries to open one.
func (t *target) monitor(ctx context.Context) (*qmp.Client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil {
		select {
		case <-t.client.Done():
		default:
			return t.client, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	client, err := qmp.Dial(ctx, t.m.Sockets.QMP)
	if err != nil {
		return nil, err
	}
	t.client = client
	t.watching.Go(func() { t.watch(client) })
	return client, nil
}

// watch hears events until the session ends.
func (t *target) watch(client *qmp.Client) {
	for e := range client.Events() {
		switch e.Name {
		case "SHUTDOWN":
			var data struct{ Reason string }
			if json.Unmarshal(e.Data, &data) == nil {
				t.mu.Lock()
				t.cause = data.Reason
				t.mu.Unlock()
			}
		case "GUEST_PANICKED":
			t.mu.Lock()
			t.panicked = true
			t.mu.Unlock()
		}
	}
}

// execute is one command to the monitor, under a deadline of its own.
func (t *target) execute(ctx context.Context, name string, arguments, reply any) error {
	client, err := t.monitor(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	return client.Execute(ctx, name, arguments, reply)
}

// Wake does first what no rung can do without: a QEMU that was stopped by a
// signal is continued, a paused guest resumed, a sleeping one woken. From here
// on QEMU ends whenever the guest powers off, reboots or panics, whatever its
// command line says: set-action (QEMU 6.0) overrides -no-shutdown and -action.
func (t *target) Wake(ctx context.Context, note func(string)) shutdown.Schedule {
	if stopped, err := t.p.Stopped(); err == nil && stopped {
		if t.p.Signal(unix.SIGCONT) == nil {
			note("QEMU was stopped by a signal; continued it")
		}
	}
	var status struct{ Status string }
	if err := t.execute(ctx, "query-status", nil, &status); err != nil {
		note("the monitor cannot be used: " + err.Error())
		return nil
	}
	ends := map[string]string{"reboot": "shutdown", "shutdown": "poweroff", "panic": "shutdown"}
	if err := t.execute(ctx, "set-action", ends, nil); err != nil && !errors.As(err, new(*qmp.Error)) {
		note("the monitor cannot be used: " + err.Error())
		return nil
	}
	switch status.Status {
	case "paused", "io-error", "debug":
		if t.execute(ctx, "cont", nil, nil) == nil {
			note("the guest was paused (" + status.Status + "); resumed it")
		}
	case "suspended":
		if t.execute(ctx, "system_wakeup", nil, nil) == nil {
			note("the guest was asleep; woke it")
		}
	case "running":
		if t.halted(ctx) {
			return t.over("the guest had halted, but was not powered off", note)
		}
	case "prelaunch":
		return t.over("the guest never ran", note)
	case "shutdown", "guest-panicked", "internal-error":
		return t.over("the guest was down already ("+status.Status+")", note)
	}
	return nil
}

// over is the schedule for a guest that has nothing left to lose.
func (t *target) over(why string, note func(string)) shutdown.Schedule {
	note(why)
	t.past = true
	return shutdown.Schedule{{Verb: "quit", Wait: 10 * time.Second}, {Verb: "KILL", Wait: 5 * time.Second}}
}
