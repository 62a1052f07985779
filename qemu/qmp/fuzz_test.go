package qmp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/fakeqmp"
)

// saying is a peer that takes everything and says only text.
func saying(t testing.TB, text []byte) net.Conn {
	ours, theirs := net.Pipe()
	go io.Copy(io.Discard, theirs)
	go func() {
		theirs.Write(text)
		theirs.Close()
	}()
	t.Cleanup(func() { ours.Close() })
	return ours
}

// Whatever QEMU says: events come in the order of the stream, each from a line
// of its own, a reply is taken only with our id, and the session ends.
func FuzzClient(f *testing.F) {
	for _, seed := range []string{
		fakeqmp.Greeting,
		`{"return": {"status": "running"}, "id": 1}` + "\r\n",
		`{"timestamp": {"seconds": 1, "microseconds": -1}, "event": "STOP"}` + "\n" + `{"return": {}, "id": 1}` + "\n",
		`{"timestamp": {"seconds": 1795221801, "microseconds": 869740}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}` + "\n",
		`{"id": 1, "error": {"class": "CommandNotFound", "desc": "The command nope has not been found"}}` + "\n",
		`{"id": 1, "error": null, "return": null}` + "\n", `{"id": "1"}` + "\n", `{"id": -1}` + "\n", "null\n", "}{\n\x00\xff\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		conn := saying(t, text)
		c := start(conn, bufio.NewReader(conn))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var reply any
		err := c.Execute(ctx, "query-status", nil, &reply)
		if errors.Is(err, ErrSilent) {
			t.Errorf("no end was found in %q", text)
		}
		c.Close()
		lines := bytes.Split(text, []byte("\n"))
		for e := range c.Events() {
			if e.Name == "" || len(lines) < 2 {
				t.Fatalf("event %+v from %q", e, text)
			}
			for len(lines) > 0 {
				m, ok := decode(lines[0])
				lines = lines[1:]
				if ok && m.Event == e.Name && bytes.Equal(m.Data, e.Data) {
					break
				}
			}
		}
	})
}

func FuzzGreeting(f *testing.F) {
	for _, seed := range []string{fakeqmp.Greeting, "\r\n\n" + fakeqmp.Greeting, `{"QMP": null}` + "\n", "QEMU 7.2.22 monitor\r\n(qemu) ", "{", "\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		conn := saying(t, text)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		err := greet(ctx, conn, bufio.NewReader(conn))
		if errors.Is(err, ErrBusy) {
			t.Errorf("no end was found in %q", text)
		}
		if err == nil && !bytes.Contains(bytes.ToUpper(text), []byte(`"QMP"`)) && !bytes.Contains(text, []byte(`\u`)) {
			t.Errorf("%q was taken for a greeting", text)
		}
	})
}

// The guest controls what an agent says: nothing but the reply to our own
// number may count, and no more than the limit is read.
func FuzzAgent(f *testing.F) {
	for _, seed := range []string{
		"\xff{\"return\": 4711}\n", "{\"return\": {}}\n\xff{\"return\": 1}\n\xff{\"return\": 4711}\n", "\xff\xff{\"return\": 47",
		"\xff{\"return\": 1\xff{\"return\": 4711}\n", "\xff{\"return\": 4711.0}\n", "\xff{\"return\": \"4711\"}\n",
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"\"}}\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const id = 4711
		conn := saying(t, text)
		conn.SetDeadline(time.Now().Add(patience))
		a := &Agent{conn, bufio.NewReader(conn)}
		if a.find(id) == nil && !bytes.Contains(text, fmt.Append(nil, id)) {
			t.Errorf("%q was taken for a reply", text)
		}
		conn = saying(t, text)
		conn.SetDeadline(time.Now().Add(patience))
		a = &Agent{conn, bufio.NewReader(conn)}
		if err := a.reply(); err == nil && !bytes.ContainsRune(text, '\n') {
			t.Errorf("%q was taken for a reply", text)
		}
	})
}
