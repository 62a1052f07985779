package qmp

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/tests/fakeqmp"
	"github.com/guestrc/guestrc/tests/romguest"
)

type runState struct{ Status string }

func TestAskIsASession(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qmp")
	m := fakeqmp.StartMonitor(t, path, map[string]fakeqmp.Answer{
		"query-status": func(m *fakeqmp.FakeMonitor, id string, _ json.RawMessage) {
			m.Say(`{"return": {"status": "of another client"}, "id": 7}` + "\r\n")
			m.Say(`{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}` + "\r\n garbage\r\n")
			m.Reply(id, "return", `{"status": "paused", "running": false}`)
		},
	})
	for range 2 { // the first one has left
		var got runState
		if err := Ask(within(t, patience), path, "query-status", &got); err != nil || got.Status != "paused" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	want := []string{"qmp_capabilities", "query-status", "qmp_capabilities", "query-status"}
	if diff := cmp.Diff(want, m.Calls()); diff != "" {
		t.Error(diff)
	}
}

func TestAskARealMonitor(t *testing.T) {
	t.Parallel()
	g := romguest.Start(t, romguest.Idle(), "-S")
	for range 3 {
		var got runState
		if err := Ask(within(t, patience), g.QMP, "query-status", &got, g.Pid(), os.Getpid()); err != nil || got.Status != "prelaunch" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	var refusal *Error
	if err := Ask(within(t, patience), g.QMP, "no-such-command", nil); !errors.As(err, &refusal) || refusal.Class != "CommandNotFound" {
		t.Errorf("a command that is none: %v", err)
	}
}

func TestAskInVain(t *testing.T) {
	t.Parallel()
	say := func(text string) fakeqmp.Answer {
		return func(m *fakeqmp.FakeMonitor, _ string, _ json.RawMessage) { m.Say(text) }
	}
	for name, c := range map[string]struct {
		answers map[string]fakeqmp.Answer
		want    error
		text    string
	}{
		"nobody greets":      {map[string]fakeqmp.Answer{"greeting": nil}, ErrBusy, ""},
		"another greets":     {map[string]fakeqmp.Answer{"greeting": say("SSH-2.0\r\n")}, nil, "does not speak QMP"},
		"silent at once":     {map[string]fakeqmp.Answer{"qmp_capabilities": nil}, ErrSilent, ""},
		"silent":             {map[string]fakeqmp.Answer{"query-status": nil}, ErrSilent, ""},
		"hangs up":           {map[string]fakeqmp.Answer{"query-status": fakeqmp.HangUp}, ErrClosed, ""},
		"refuses":            {map[string]fakeqmp.Answer{"query-status": fakeqmp.Refuse("not today")}, nil, "not today"},
		"not what was asked": {map[string]fakeqmp.Answer{"query-status": fakeqmp.Return("[]")}, nil, "cannot unmarshal"},
		"endless":            {map[string]fakeqmp.Answer{"query-status": say(strings.Repeat("x", maxMessage+8192))}, errTooLong, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "qmp")
			fakeqmp.StartMonitor(t, path, c.answers)
			limit := patience
			if c.want == ErrSilent || c.want == ErrBusy {
				limit = 50 * time.Millisecond
			}
			var got runState
			err := Ask(within(t, limit), path, "query-status", &got)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%+v, %v; want %v %s", got, err, c.want, c.text)
			}
		})
	}
	if err := Ask(within(t, patience), filepath.Join(t.TempDir(), "none"), "query-status", nil); !errors.Is(err, ErrNoMonitor) {
		t.Error(err)
	}
}
