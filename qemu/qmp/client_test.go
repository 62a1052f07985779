package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/tests/fakeqmp"
)

// within is a context for a step that must not take long.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// patience bounds what is expected to happen; it is long for slow machines.
const patience = 20 * time.Second

// fake starts a monitor and connects to it.
func fake(t *testing.T, answers map[string]fakeqmp.Answer) (*fakeqmp.FakeMonitor, *Client) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "qmp")
	m := fakeqmp.StartMonitor(t, path, answers)
	c, err := Dial(within(t, patience), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return m, c
}

func TestExecute(t *testing.T) {
	_, c := fake(t, map[string]fakeqmp.Answer{
		"echo":   func(m *fakeqmp.FakeMonitor, id string, args json.RawMessage) { m.Reply(id, "return", string(args)) },
		"refuse": fakeqmp.Refuse("not now"),
		"odd":    fakeqmp.Return(`"text"`),
	})
	ctx := within(t, patience)
	var got map[string]int
	if err := c.Execute(ctx, "echo", map[string]int{"n": 7}, &got); err != nil || got["n"] != 7 {
		t.Errorf("echo: %v, %v", got, err)
	}
	var refusal *Error
	err := c.Execute(ctx, "refuse", nil, nil)
	if !errors.As(err, &refusal) || refusal.Class != "GenericError" || err.Error() != "cannot execute refuse: not now" {
		t.Errorf("refuse: %v", err)
	}
	if err := c.Execute(ctx, "no-such", nil, nil); !errors.As(err, &refusal) || refusal.Class != "CommandNotFound" {
		t.Errorf("no-such: %v", err)
	}
	if err := c.Execute(ctx, "odd", nil, &got); err == nil {
		t.Error("a string was taken for an object")
	}
	if err := c.Execute(ctx, "echo", make(chan int), nil); err == nil {
		t.Error("arguments that JSON cannot hold were sent")
	}
}

// Replies come in any order: those of out-of-band commands overtake.
func TestRepliesAreMatchedByID(t *testing.T) {
	const n = 20
	var mu sync.Mutex
	var held []string // ids
	_, c := fake(t, map[string]fakeqmp.Answer{"hold": func(m *fakeqmp.FakeMonitor, id string, args json.RawMessage) {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, fmt.Sprintf(`{"return": %s, "id": %s}`, args, id))
		if len(held) == n {
			for i := range held {
				m.Say(held[n-1-i] + "\r\n")
			}
		}
	}})
	var asking sync.WaitGroup
	for i := range n {
		asking.Go(func() {
			var got struct{ N int }
			if err := c.Execute(within(t, patience), "hold", map[string]int{"N": i}, &got); err != nil || got.N != i {
				t.Errorf("command %d got the reply to %d (%v)", i, got.N, err)
			}
		})
	}
	asking.Wait()
}

func TestEvents(t *testing.T) {
	m, c := fake(t, nil)
	m.Event("STOP", "")
	m.Event("SHUTDOWN", `{"guest": true, "reason": "guest-shutdown"}`)
	m.Close()
	var names []string
	var last Event
	for e := range c.Events() {
		names, last = append(names, e.Name), e
	}
	if diff := cmp.Diff([]string{"STOP", "SHUTDOWN"}, names); diff != "" {
		t.Error(diff)
	}
	if string(last.Data) != `{"guest": true, "reason": "guest-shutdown"}` || !last.At.Equal(time.Unix(1700000000, 250e6)) {
		t.Errorf("event: %s at %v", last.Data, last.At)
	}
}

// Nobody listens to events: commands work all the same, and of the events the
// newest are kept.
func TestEventsBlockNobody(t *testing.T) {
	const n = 10 * eventBuffer
	_, c := fake(t, map[string]fakeqmp.Answer{"flood": func(m *fakeqmp.FakeMonitor, id string, _ json.RawMessage) {
		for i := range n {
			m.Event("RESET", fmt.Sprint(i))
		}
		m.Reply(id, "return", "{}")
	}})
	if err := c.Execute(within(t, patience), "flood", nil, nil); err != nil {
		t.Fatal(err)
	}
	for i := n - eventBuffer; i < n; i++ {
		if e := <-c.Events(); string(e.Data) != fmt.Sprint(i) {
			t.Fatalf("event %s, want %d", e.Data, i)
		}
	}
}

func TestGarbageCostsItsLine(t *testing.T) {
	_, c := fake(t, map[string]fakeqmp.Answer{"mess": func(m *fakeqmp.FakeMonitor, id string, _ json.RawMessage) {
		m.Say("\r\n}{\x00\xff\r\nnull\n[1]\n\"QMP\"\n{\"id\": \"7\"}\n{\"return\": 1, \"id\": 987654}\n{\"error\": {\"class\": \"GenericError\", \"desc\": \"an earlier line\"}}\n")
		m.Reply(id, "return", `"mine"`)
	}})
	var got string
	if err := c.Execute(within(t, patience), "mess", nil, &got); err != nil || got != "mine" {
		t.Errorf("%q, %v", got, err)
	}
}

// What cannot be a monitor is found out at once; what is silent when ctx ends.
func TestDialErrors(t *testing.T) {
	say := func(text string) fakeqmp.Answer {
		return func(m *fakeqmp.FakeMonitor, _ string, _ json.RawMessage) { m.Say(text) }
	}
	cases := []struct {
		name    string
		answers map[string]fakeqmp.Answer
		want    error // nil: just any
		limit   time.Duration
	}{
		{"silent", map[string]fakeqmp.Answer{"greeting": nil}, ErrBusy, 50 * time.Millisecond},
		{"half a greeting", map[string]fakeqmp.Answer{"greeting": say(`{"QMP": {`)}, ErrBusy, 50 * time.Millisecond},
		{"no capabilities", map[string]fakeqmp.Answer{"qmp_capabilities": nil}, ErrSilent, 50 * time.Millisecond},
		{"refused", map[string]fakeqmp.Answer{"qmp_capabilities": fakeqmp.Refuse("no")}, nil, patience},
		{"hung up", map[string]fakeqmp.Answer{"greeting": fakeqmp.HangUp}, ErrClosed, patience},
		{"hung up later", map[string]fakeqmp.Answer{"qmp_capabilities": fakeqmp.HangUp}, ErrClosed, patience},
		{"for people", map[string]fakeqmp.Answer{"greeting": say("QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) ")}, nil, patience},
		{"endless", map[string]fakeqmp.Answer{"greeting": say(strings.Repeat("x", maxMessage+8192))}, errTooLong, patience},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "qmp")
			fakeqmp.StartMonitor(t, path, c.answers)
			client, err := Dial(within(t, c.limit), path)
			if err == nil {
				client.Close()
				t.Fatal("no error")
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if !strings.Contains(err.Error(), "cannot use the monitor "+path) {
				t.Errorf("the error does not name the monitor: %v", err)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "left")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: left, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{left, plain, filepath.Join(dir, "absent"), filepath.Join(dir, strings.Repeat("d", 120), "absent")} {
		if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNoMonitor) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Dial(t.Context(), filepath.Join(plain, "below-a-file")); err == nil || errors.Is(err, ErrNoMonitor) {
		t.Errorf("below a file: %v", err)
	}
}

// A canceller is told apart from a deadline: nobody should read "no answer"
// when they pressed ^C.
func TestCancel(t *testing.T) {
	reached := make(chan struct{}, 1)
	reach := func(*fakeqmp.FakeMonitor, string, json.RawMessage) { reached <- struct{}{} }
	gaveUp := errors.New("gave up")
	cancelled := func() context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { <-reached; cancel(gaveUp) }()
		return ctx
	}
	path := filepath.Join(t.TempDir(), "qmp")
	fakeqmp.StartMonitor(t, path, map[string]fakeqmp.Answer{"greeting": reach})
	if _, err := Dial(cancelled(), path); !errors.Is(err, gaveUp) {
		t.Errorf("dial: %v", err)
	}
	_, c := fake(t, map[string]fakeqmp.Answer{"hang": reach})
	if err := c.Execute(cancelled(), "hang", nil, nil); !errors.Is(err, gaveUp) || !errors.Is(err, ErrSilent) {
		t.Errorf("execute: %v", err)
	}
	if err := c.Execute(within(t, patience), "query-status", nil, nil); err != nil {
		t.Errorf("the session did not survive a command that was given up: %v", err)
	}
}

// A late reply belongs to nobody, least of all to the next command.
func TestLateReply(t *testing.T) {
	late := ""
	_, c := fake(t, map[string]fakeqmp.Answer{
		"slow": func(_ *fakeqmp.FakeMonitor, id string, _ json.RawMessage) { late = id },
		"next": func(m *fakeqmp.FakeMonitor, id string, _ json.RawMessage) {
			m.Reply(late, "return", `"late"`)
			m.Reply(id, "return", `"mine"`)
		},
	})
	if err := c.Execute(within(t, 20*time.Millisecond), "slow", nil, nil); !errors.Is(err, ErrSilent) {
		t.Errorf("slow: %v", err)
	}
	var got string
	if err := c.Execute(within(t, patience), "next", nil, &got); err != nil || got != "mine" {
		t.Errorf("next: %q, %v", got, err)
	}
}

// A peer that does not read: the command is cut off in the middle, and what
// came next would be read as its end.
func TestHalfACommandEndsTheSession(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := start(ours, bufio.NewReader(ours))
	defer c.Close()
	go io.ReadFull(theirs, make([]byte, 10))
	if err := c.Execute(within(t, 50*time.Millisecond), "system_powerdown", nil, nil); !errors.Is(err, ErrSilent) {
		t.Errorf("first: %v", err)
	}
	if err := c.Execute(within(t, patience), "quit", nil, nil); !errors.Is(err, ErrSilent) {
		t.Errorf("second: %v", err)
	}
	<-c.Done()
}

// Nothing was written yet: the session lives on.
func TestWaitingForTheWriter(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := start(ours, bufio.NewReader(ours))
	defer c.Close()
	c.writing <- struct{}{}
	if err := c.Execute(within(t, 20*time.Millisecond), "quit", nil, nil); !errors.Is(err, ErrSilent) {
		t.Errorf("a second writer: %v", err)
	}
	<-c.writing
	if c.reason() != nil {
		t.Errorf("the session ended: %v", c.reason())
	}
}

func TestSessionEnds(t *testing.T) {
	m, c := fake(t, map[string]fakeqmp.Answer{"hang": func(m *fakeqmp.FakeMonitor, _ string, _ json.RawMessage) {
		m.Say(`{"return": {}, "id": `) // and never the rest
		fakeqmp.HangUp(m, "", nil)
	}})
	if err := c.Execute(within(t, patience), "hang", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("while it ends: %v", err)
	}
	<-c.Done()
	if err := c.Execute(within(t, patience), "query-status", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	if _, open := <-c.Events(); open {
		t.Error("an event after the end")
	}
	m.Close()
}

func TestCloseLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qmp")
	fakeqmp.StartMonitor(t, path, nil)
	before := runtime.NumGoroutine()
	for range 20 {
		c, err := Dial(within(t, patience), path)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Execute(t.Context(), "quit", nil, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("execute after close: %v", err)
		}
	}
	if after := runtime.NumGoroutine(); after > before+5 { // the contexts' own may linger
		t.Errorf("%d goroutines, %d before", after, before)
	}
}
