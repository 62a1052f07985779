package qmp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
)

// Agent is a session with the agent inside a guest, over its virtio-serial
// port (docs/interop/qemu-ga.rst). It has no greeting and no events; QEMU takes
// the connection whether or not an agent runs, and keeps what is written until
// somebody in the guest opens the port. After an error the session is over. An
// Agent is for one goroutine.
type Agent struct {
	conn net.Conn
	in   *bufio.Reader
}

// DialAgent connects to the port's socket. Errors are those of Connect.
func DialAgent(ctx context.Context, path string, from ...int) (*Agent, error) {
	conn, err := Connect(ctx, path, from...)
	if err != nil {
		return nil, err
	}
	return &Agent{conn, bufio.NewReader(conn)}, nil
}

// Close ends the session.
func (a *Agent) Close() error { return a.conn.Close() }

// maxReply bounds what an agent, which the guest controls, can make us read
// for one request, in bytes.
const maxReply = 64 << 10

// Sync finds out whether an agent answers, and discards what an earlier client
// left half-done: 0xFF, which no JSON holds, makes the agent drop its input
// and marks the beginning of its reply. The error wraps ErrSilent when nobody
// answers before ctx ends.
func (a *Agent) Sync(ctx context.Context) error {
	defer bound(ctx, a.conn.SetDeadline)()
	id := rand.Uint64N(1 << 53) // qemu-ga's integers are signed
	err := a.send("guest-sync-delimited", map[string]uint64{"id": id}, 0xFF)
	if err == nil {
		err = a.find(id)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot reach the guest agent: %w", silence(ctx, err))
}

// find reads until the reply to a guest-sync-delimited with id.
func (a *Agent) find(id uint64) error {
	for left := maxReply; left > 0; {
		skipped, err := a.skip(0xFF)
		if err != nil {
			return err
		}
		line, err := readLine(a.in, maxReply)
		if err != nil {
			return err
		}
		left -= skipped + len(line)
		line = line[bytes.LastIndexByte(line, 0xFF)+1:] // the mark of an earlier, unfinished reply came first
		if m, ok := decode(line); ok && string(m.Return) == fmt.Sprint(id) {
			return nil
		}
	}
	return errTooLong
}

// Ping asks an agent that Sync has found whether it is still there.
func (a *Agent) Ping(ctx context.Context) error {
	defer bound(ctx, a.conn.SetDeadline)()
	err := a.send("guest-ping", nil)
	if err == nil {
		err = a.reply()
	}
	if err != nil {
		return fmt.Errorf("cannot reach the guest agent: %w", silence(ctx, err))
	}
	return nil
}

// Shutdown asks the guest to go down; mode is "powerdown", "halt" or "reboot".
// Success has no reply, by design: nil means that the request was written and
// no error came back before ctx or the connection ended.
func (a *Agent) Shutdown(ctx context.Context, mode string) error {
	defer bound(ctx, a.conn.SetDeadline)()
	err := a.send("guest-shutdown", map[string]string{"mode": mode})
	if err == nil {
		var refusal *Error
		if err = a.reply(); !errors.As(err, &refusal) {
			return nil
		}
	}
	return fmt.Errorf("cannot ask the guest agent for a shutdown: %w", silence(ctx, err))
}

// send writes a request after the bytes of prefix. It has no id: older agents
// refuse one.
func (a *Agent) send(name string, arguments any, prefix ...byte) error {
	line, err := command{Execute: name, Arguments: arguments}.encode()
	if err != nil {
		return err
	}
	_, err = a.conn.Write(append(prefix, line...))
	return err
}

// reply reads the answer to the last request.
func (a *Agent) reply() error {
	for left := maxReply; left > 0; {
		line, err := readLine(a.in, maxReply)
		if err != nil {
			return err
		}
		left -= len(line)
		switch m, ok := decode(line); {
		case ok && m.Error != nil:
			return m.Error
		case ok && m.Return != nil:
			return nil
		}
	}
	return errTooLong
}

// skip reads up to and including mark.
func (a *Agent) skip(mark byte) (n int, err error) {
	for n <= maxReply {
		part, err := a.in.ReadSlice(mark)
		n += len(part)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return n, err
		}
	}
	return n, errTooLong
}

// silence turns the ways in which an absent agent shows into ErrSilent.
func silence(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) {
		return late(ctx, ErrSilent)
	}
	return err
}
