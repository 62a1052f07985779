package qmp

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/tests/fakeqmp"
)

// fakeAgent starts an agent and connects to it.
func fakeAgent(t *testing.T, react fakeqmp.Reaction) (*fakeqmp.FakeAgent, *Agent) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent")
	f := fakeqmp.StartAgent(t, path, react)
	a, err := DialAgent(within(t, patience), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return f, a
}

func TestAgent(t *testing.T) {
	f, a := fakeAgent(t, nil)
	ctx := within(t, patience)
	for range 2 {
		if err := a.Sync(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Ping(ctx); err != nil {
		t.Error(err)
	}
	if err := a.Shutdown(within(t, 50*time.Millisecond), "powerdown"); err != nil {
		t.Errorf("silence is success, once the time is over: %v", err)
	}
	want := []string{"guest-sync-delimited", "guest-sync-delimited", "guest-ping", "guest-shutdown"}
	if diff := cmp.Diff(want, f.Requests()); diff != "" {
		t.Error(diff)
	}
}

func TestAgentSync(t *testing.T) {
	reply := func(args map[string]any) string { return fmt.Sprintf("\xff{\"return\": %v}\n", args["id"]) }
	cases := []struct {
		name   string
		answer func(args map[string]any) string
		want   error // nil: it works
	}{
		{"leftovers first", func(args map[string]any) string {
			return "{\"return\": {}}\n\xff{\"return\": 1}\n{\"error\": {}}\n\x00\xff\xff\xff" + reply(args)
		}, nil},
		{"leftovers in the middle", func(args map[string]any) string { return "\xff{\"return\": 12" + reply(args) }, nil},
		{"much before", func(args map[string]any) string { return strings.Repeat("x", 10000) + reply(args) }, nil},
		{"another's number", func(map[string]any) string { return "\xff{\"return\": 1}\n" }, ErrSilent},
		{"nothing", func(map[string]any) string { return "" }, ErrSilent},
		{"no mark", func(args map[string]any) string { return strings.TrimPrefix(reply(args), "\xff") }, ErrSilent},
		{"unfinished", func(args map[string]any) string { return strings.TrimSuffix(reply(args), "\n") }, ErrSilent},
		{"endless line", func(map[string]any) string { return "\xff" + strings.Repeat("x", 2*maxReply) }, errTooLong},
		{"endless noise", func(map[string]any) string { return strings.Repeat("x", 2*maxReply) }, errTooLong},
		{"endless replies", func(map[string]any) string { return strings.Repeat("\xff{\"return\": 1}\n", maxReply/10) }, errTooLong},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			limit := patience
			if c.want == ErrSilent {
				limit = 50 * time.Millisecond
			}
			_, a := fakeAgent(t, func(_ string, args map[string]any) string { return c.answer(args) })
			if err := a.Sync(within(t, limit)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAgentRefuses(t *testing.T) {
	_, a := fakeAgent(t, func(string, map[string]any) string {
		return "garbage\n{\"error\": {\"class\": \"GenericError\", \"desc\": \"child process has failed to shutdown\"}}\n"
	})
	for what, err := range map[string]error{
		"shutdown": a.Shutdown(within(t, patience), "powerdown"),
		"ping":     a.Ping(within(t, patience)),
	} {
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Class != "GenericError" || !strings.HasSuffix(err.Error(), "has failed to shutdown") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Some agents do reply, and a guest that goes down takes the connection along.
func TestAgentShutdownEnds(t *testing.T) {
	_, a := fakeAgent(t, func(string, map[string]any) string { return "{\"return\": {}}\n" })
	if err := a.Shutdown(within(t, patience), "powerdown"); err != nil {
		t.Error(err)
	}
	f, b := fakeAgent(t, nil)
	time.AfterFunc(20*time.Millisecond, f.Close)
	if err := b.Shutdown(within(t, patience), "powerdown"); err != nil {
		t.Error(err)
	}
}

func TestAgentIsGone(t *testing.T) {
	f, a := fakeAgent(t, func(string, map[string]any) string { return "" })
	if err := a.Ping(within(t, 20*time.Millisecond)); !errors.Is(err, ErrSilent) {
		t.Errorf("ping: %v", err)
	}
	f.Close()
	for what, err := range map[string]error{
		"sync":     a.Sync(within(t, patience)),
		"shutdown": a.Shutdown(within(t, patience), "powerdown"),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := DialAgent(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrNoMonitor) {
		t.Errorf("dial: %v", err)
	}
}

func TestAgentTalksTooMuch(t *testing.T) {
	_, a := fakeAgent(t, func(string, map[string]any) string { return strings.Repeat("{}\n", maxReply) })
	if err := a.Ping(within(t, patience)); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
}
