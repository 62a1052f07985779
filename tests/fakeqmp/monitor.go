// Package fakeqmp has stand-ins for QEMU's monitor and for a guest agent, for
// what the real ones do too rarely: hang at a given step, send garbage, close
// in mid-sentence. They refuse to be clever: what is not told to them is
// answered with an error or not at all.
package fakeqmp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"sync"

	"github.com/guestrc/guestrc/tests/need"
)

// Greeting is what QEMU 7.2 says first, shortened.
const Greeting = `{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}` + "\r\n"

// FakeMonitor serves one client after the other, as QEMU does; the others wait
// in silence.
type FakeMonitor struct {
	t        need.T
	listener net.Listener
	serving  sync.WaitGroup

	mu      sync.Mutex
	conn    net.Conn
	closed  bool
	calls   []string
	answers map[string]Answer
}

// Answer reacts to a command: it writes what it likes with m.Say and m.Reply.
type Answer func(m *FakeMonitor, id string, arguments json.RawMessage)

// StartMonitor listens at path until the test ends. A nil answer to a command
// is silence, and so it is to "greeting"; a command that has no answer gets
// CommandNotFound, but qmp_capabilities and query-status work as in QEMU.
func StartMonitor(t need.T, path string, answers map[string]Answer) *FakeMonitor {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	all := map[string]Answer{"qmp_capabilities": Return("{}"), "query-status": Return(`{"status": "running", "running": true}`)}
	for name, answer := range answers {
		all[name] = answer
	}
	m := &FakeMonitor{t: t, listener: listener, answers: all}
	m.serving.Go(m.serve)
	t.Cleanup(m.Close)
	return m
}

// Return answers with JSON.
func Return(value string) Answer {
	return func(m *FakeMonitor, id string, _ json.RawMessage) { m.Reply(id, "return", value) }
}

// Refuse answers with an error of class GenericError.
func Refuse(desc string) Answer {
	return func(m *FakeMonitor, id string, _ json.RawMessage) {
		m.Reply(id, "error", fmt.Sprintf(`{"class": "GenericError", "desc": %q}`, desc))
	}
}

// HangUp closes the connection, as QEMU does when it ends.
func HangUp(m *FakeMonitor, _ string, _ json.RawMessage) { m.hangUp() }

func (m *FakeMonitor) serve() {
	for {
		conn, err := m.listener.Accept()
		if err != nil {
			return
		}
		m.mu.Lock()
		m.conn = conn
		closed := m.closed
		m.mu.Unlock()
		if closed {
			conn.Close()
			return
		}
		m.converse(conn)
	}
}

func (m *FakeMonitor) converse(conn net.Conn) {
	defer conn.Close()
	if m.answer("greeting", "", nil) {
		return
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var c struct {
			Execute   string
			Arguments json.RawMessage
			ID        json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			m.t.Errorf("fake monitor was sent %q: %v", lines.Text(), err)
			return
		}
		m.mu.Lock()
		m.calls = append(m.calls, c.Execute)
		m.mu.Unlock()
		if m.answer(c.Execute, string(c.ID), c.Arguments) {
			return
		}
	}
}

// answer reports whether the conversation is over.
func (m *FakeMonitor) answer(name, id string, arguments json.RawMessage) bool {
	answer, known := m.answers[name]
	switch {
	case name == "greeting" && !known:
		m.Say(Greeting)
	case !known:
		m.Reply(id, "error", fmt.Sprintf(`{"class": "CommandNotFound", "desc": "The command %s has not been found"}`, name))
	case answer != nil:
		answer(m, id, arguments)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conn == nil
}

// Reply writes a reply; kind is "return" or "error". A command without an id has
// one without.
func (m *FakeMonitor) Reply(id, kind, value string) {
	if id == "" {
		m.Say(fmt.Sprintf(`{"%s": %s}`+"\r\n", kind, value))
		return
	}
	m.Say(fmt.Sprintf(`{"%s": %s, "id": %s}`+"\r\n", kind, value, id))
}

// Event writes an event without data, or with JSON data.
func (m *FakeMonitor) Event(name, data string) {
	if data == "" {
		data = "{}"
	}
	m.Say(fmt.Sprintf(`{"timestamp": {"seconds": 1700000000, "microseconds": 250000}, "event": "%s", "data": %s}`+"\r\n", name, data))
}

// Say writes anything to the present client; what cannot be written is lost.
func (m *FakeMonitor) Say(text string) {
	m.mu.Lock()
	conn := m.conn
	m.mu.Unlock()
	if conn != nil {
		fmt.Fprint(conn, text)
	}
}

// Calls are the commands that came, in order.
func (m *FakeMonitor) Calls() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.calls...)
}

func (m *FakeMonitor) hangUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil {
		m.conn.Close()
		m.conn = nil
	}
}

// Close ends the monitor and removes its socket.
func (m *FakeMonitor) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.listener.Close()
	m.hangUp()
	m.serving.Wait()
}
