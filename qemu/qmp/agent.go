package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
)

// Agent is a session with the agent inside a guest, over its virtio-serial
// port (docs/interop/qemu-ga.rst). It has no greeting: QEMU takes the
// connection whether or not an agent runs.
type Agent struct {
	conn net.Conn
	in   *bufio.Reader
}

// DialAgent connects to the port's socket.
func DialAgent(ctx context.Context, path string) (*Agent, error) {
	conn, err := dial(ctx, path)
	if err != nil {
		return nil, err
	}
	return &Agent{conn, bufio.NewReader(conn)}, nil
}

// Close ends the session.
func (a *Agent) Close() error { return a.conn.Close() }

// maxReply bounds what an agent, which the guest controls, may make us read.
const maxReply = 64 << 10

// Sync finds out whether an agent answers, and discards what an earlier client
// left half-done: 0xFF, which no JSON holds, makes the agent drop its input
// and marks the beginning of its reply.
func (a *Agent) Sync(ctx context.Context) error {
	defer bound(ctx, a.conn)()
	id := rand.Uint64() >> 12 // JavaScript's numbers, as qemu-ga has them
	if _, err := fmt.Fprintf(a.conn, "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%d}}\n", id); err != nil {
		return a.silent(ctx, err)
	}
	for read := 0; read < maxReply; {
		junk, err := a.in.ReadSlice(0xFF)
		read += len(junk)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return a.silent(ctx, err)
		}
		line, err := a.line()
		read += len(line)
		if err != nil {
			return a.silent(ctx, err)
		}
		var reply struct{ Return *uint64 }
		if json.Unmarshal(line, &reply) == nil && reply.Return != nil && *reply.Return == id {
			return nil
		}
	}
	return errors.New("cannot reach the guest agent: it answers with other things than asked for")
}

// line reads up to a newline, maxReply bytes at the most.
func (a *Agent) line() ([]byte, error) {
	var line []byte
	for {
		part, err := a.in.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > maxReply {
			return nil, io.ErrShortBuffer
		}
	}
}

func (a *Agent) silent(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("cannot reach the guest agent: %w", ErrSilent)
	}
	return fmt.Errorf("cannot reach the guest agent: %w", err)
}

// Shutdown asks the guest to go down; mode is "powerdown", "halt" or "reboot".
// Success has no reply, by design: nil means that the request was written and
// no error came back before ctx or the connection ended.
func (a *Agent) Shutdown(ctx context.Context, mode string) error {
	defer bound(ctx, a.conn)()
	request := map[string]any{"execute": "guest-shutdown", "arguments": map[string]string{"mode": mode}}
	line, err := json.Marshal(request)
	if err == nil {
		_, err = a.conn.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("cannot ask the guest agent for a shutdown: %w", err)
	}
	answer, err := a.line()
	if err != nil {
		return nil // silence, or the end of the connection: the guest is on its way
	}
	var m message
	if json.Unmarshal(answer, &m) == nil && m.Error != nil {
		return fmt.Errorf("cannot ask the guest agent for a shutdown: %w", m.Error)
	}
	return nil
}
