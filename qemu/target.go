package qemu

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

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
	m     *Machine
	p     *pidfile.Process
	stirs chan struct{} // has room for one: something happened that is worth a look

	mu       sync.Mutex // guards what follows
	client   *qmp.Client
	watching sync.WaitGroup
	cause    string // the reason in the SHUTDOWN event
	panicked bool
	past     bool // the guest was past reacting when the stop began
}

// Target is what a stop acts on.
func (m *Machine) Target(p *pidfile.Process) guest.Target {
	return &target{m: m, p: p, stirs: make(chan struct{}, 1)}
}

func (t *target) Wait(ctx context.Context) error { return t.p.Wait(ctx) }

// Verdict: quitting is a power cut for a guest that runs, not for one that is
// down already; and a guest that was asked may die of something else meanwhile.
func (t *target) Verdict(verb string) shutdown.Verdict {
	switch {
	case slices.Contains([]string{"agent", "acpi", "ssh", shutdown.Forever}, verb):
		if t.death() != "" {
			return shutdown.Died
		}
		return shutdown.Graceful
	case t.past && verb == "quit":
		return shutdown.Graceful
	}
	return shutdown.Forced
}

// death says of what a QEMU died that did not end in order, as far as that can
// be told: by the kernel (Linux 6.15), else by what QEMU did or did not say.
func (t *target) death() string {
	exit, known := t.p.Exit()
	if known && exit.Signal != 0 {
		return "QEMU was " + exit.String()
	}
	cause := t.Cause()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case cause == "host-signal":
		return "something else sent QEMU a signal"
	case cause == "" && t.client != nil && !(known && exit.Code == 0): // else its last word was lost
		return "QEMU ended without a word"
	}
	return ""
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

// Cause is the reason in QEMU's last SHUTDOWN event: "guest-shutdown",
// "guest-reset", "guest-panic", "host-qmp-quit", "host-signal", … (enum
// ShutdownCause of qapi/run-state.json). It is empty when QEMU was killed, or
// when its monitor could not be had.
func (t *target) Cause() string {
	t.hearOut()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cause
}

// hearOut waits until everything was heard that an ended QEMU said.
func (t *target) hearOut() {
	t.mu.Lock()
	client := t.client
	t.mu.Unlock()
	if client == nil || !t.p.Ended() {
		return
	}
	select {
	case <-client.Done(): // its end of the connection was closed with the process
		t.watching.Wait()
	case <-time.After(time.Second): // unless a process that it started holds it
	}
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
	client, err := t.m.dial(ctx, t.p)
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
		t.hear(e)
		switch e.Name {
		case "STOP", "SUSPEND":
			select {
			case t.stirs <- struct{}{}:
			default: // a look is due already
			}
		}
	}
}

func (t *target) hear(e qmp.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Name {
	case "SHUTDOWN":
		var data struct{ Reason string }
		if json.Unmarshal(e.Data, &data) == nil {
			t.cause = word(data.Reason)
		}
	case "GUEST_PANICKED":
		t.panicked = true
	}
}

// wordLetters is how QEMU spells its enumerations.
const wordLetters = "abcdefghijklmnopqrstuvwxyz0123456789-"

// word passes on what QEMU's enumerations can look like, and nothing that a
// QEMU in strange hands might say instead.
func word(s string) string {
	if len(s) > 40 || strings.Trim(s, wordLetters) != "" {
		return "unknown"
	}
	return s
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
