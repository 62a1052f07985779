package qmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrNoMonitor is returned when nobody listens on the socket.
var ErrNoMonitor = errors.New("nobody listens on the monitor's socket")

// ErrSilent is returned when the socket was connected to and nothing came:
// QEMU serves one client at a time, so another one may have it, or QEMU hangs.
var ErrSilent = errors.New("the monitor does not answer")

// ErrClosed is returned for a command whose session ended before the reply: the
// last one of a QEMU that ends.
var ErrClosed = errors.New("the monitor closed")

// Error is an error reply.
type Error struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

func (e *Error) Error() string { return e.Desc }

// message is anything that QEMU sends: a greeting, a reply or an event
// (docs/interop/qmp-spec.rst).
type message struct {
	Greeting  json.RawMessage `json:"QMP"`
	Return    json.RawMessage `json:"return"`
	Error     *Error          `json:"error"`
	ID        *uint64         `json:"id"`
	Event     string          `json:"event"`
	Data      json.RawMessage `json:"data"`
	Timestamp struct {
		Seconds, Microseconds int64
	} `json:"timestamp"`
}

type command struct {
	Execute   string `json:"execute"`
	Arguments any    `json:"arguments,omitempty"`
	ID        uint64 `json:"id"`
}

// sunPath is the room for a path in a socket's address, with its NUL (unix(7)).
const sunPath = 108

// dial connects to a socket. A path that does not fit into an address is
// reached through its directory's descriptor.
func dial(ctx context.Context, path string) (net.Conn, error) {
	address := path
	if len(path) >= sunPath {
		dir, err := os.Open(filepath.Dir(path))
		if err != nil {
			return nil, fmt.Errorf("cannot connect to %s: %w", path, err)
		}
		defer dir.Close()
		address = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	}
	// A full backlog of a unix socket makes connect(2) fail at once where the
	// descriptor does not block, and Go's does not.
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", address)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("cannot connect to %s: %w", path, ErrNoMonitor)
		}
		return nil, fmt.Errorf("cannot connect to %s: %w: %w", path, ErrSilent, err)
	}
	return conn, nil
}

// bound makes conn's reads and writes end with ctx; the function that it
// returns undoes that, and must be called.
func bound(ctx context.Context, conn net.Conn) (release func()) {
	deadline, _ := ctx.Deadline() // the zero time is none
	conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return func() {
		stop()
		conn.SetDeadline(time.Time{})
	}
}
