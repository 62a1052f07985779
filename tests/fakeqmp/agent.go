package fakeqmp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/guestrc/guestrc/tests/need"
)

// FakeAgent is a guest agent behind the socket of its port. It reads requests
// as qemu-ga does: 0xFF makes it forget what came before.
type FakeAgent struct {
	listener net.Listener
	react    Reaction
	serving  sync.WaitGroup

	mu       sync.Mutex
	conns    []net.Conn
	requests []string
}

// Reaction gets a request's name and arguments and returns the bytes to send,
// or Usual.
type Reaction func(name string, arguments map[string]any) string

// Usual stands for what qemu-ga answers.
const Usual = "usual"

// StartAgent listens at path until the test ends. A nil react is Usual for
// everything.
func StartAgent(t need.T, path string, react Reaction) *FakeAgent {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	a := &FakeAgent{listener: listener, react: react}
	a.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			a.mu.Lock()
			a.conns = append(a.conns, conn)
			a.mu.Unlock()
			a.serving.Go(func() { a.converse(conn) })
		}
	})
	t.Cleanup(a.Close)
	return a
}

func (a *FakeAgent) converse(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = line[strings.LastIndexByte(line, 0xFF)+1:]
		var request struct {
			Execute   string
			Arguments map[string]any
		}
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber() // an id as it came
		if decoder.Decode(&request) != nil {
			continue
		}
		a.mu.Lock()
		a.requests = append(a.requests, request.Execute)
		a.mu.Unlock()
		answer := Usual
		if a.react != nil {
			answer = a.react(request.Execute, request.Arguments)
		}
		if answer == Usual {
			answer = usual(request.Execute, request.Arguments)
		}
		fmt.Fprint(conn, answer)
	}
}

func usual(name string, arguments map[string]any) string {
	switch name {
	case "guest-sync-delimited":
		return fmt.Sprintf("\xff{\"return\": %v}\n", arguments["id"])
	case "guest-shutdown":
		return ""
	}
	return "{\"return\": {}}\n"
}

// Requests are the names of what was asked, in order.
func (a *FakeAgent) Requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.requests...)
}

// Close ends the agent and its connections.
func (a *FakeAgent) Close() {
	a.listener.Close()
	a.mu.Lock()
	for _, conn := range a.conns {
		conn.Close()
	}
	a.mu.Unlock()
	a.serving.Wait()
}
