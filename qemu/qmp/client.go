package qmp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Event is something that QEMU tells unasked.
type Event struct {
	Name string
	Data json.RawMessage
	At   time.Time // by QEMU's clock
}

// Client is one session with a monitor. Its methods may be called from several
// goroutines; replies are matched by id.
type Client struct {
	conn    net.Conn
	events  chan Event
	writing chan struct{} // holds one token while a command is written
	done    chan struct{} // closed when the reader has ended

	mu      sync.Mutex // guards what follows
	next    uint64
	waiting map[uint64]chan message
	over    error // why the session has ended
}

// eventBuffer is how many events wait for a slow reader.
const eventBuffer = 64

// Dial connects to the monitor at path, hears its greeting and leaves
// negotiation mode, all within ctx. That QEMU greets does not mean that its
// main loop runs (an I/O thread greets): Dial waits for an answer too. The
// error wraps ErrNoMonitor, ErrStranger, ErrBusy, ErrSilent or ErrClosed.
func Dial(ctx context.Context, path string, from ...int) (*Client, error) {
	conn, err := Connect(ctx, path, from...)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	if err := greet(ctx, conn, in); err != nil {
		conn.Close()
		return nil, fmt.Errorf("cannot use the monitor %s: %w", path, err)
	}
	c := start(conn, in)
	if err := c.Execute(ctx, "qmp_capabilities", nil, nil); err != nil {
		c.Close()
		return nil, fmt.Errorf("cannot use the monitor %s: %w", path, err)
	}
	return c, nil
}

// AwaitGreeting waits until somebody serves the socket at path.
func AwaitGreeting(ctx context.Context, path string) error {
	conn, err := Connect(ctx, path)
	if err != nil {
		return err
	}
	defer conn.Close()
	return greet(ctx, conn, bufio.NewReader(conn))
}

// start begins a session behind the greeting.
func start(conn net.Conn, in *bufio.Reader) *Client {
	c := &Client{
		conn:    conn,
		events:  make(chan Event, eventBuffer),
		writing: make(chan struct{}, 1),
		done:    make(chan struct{}),
		waiting: map[uint64]chan message{},
	}
	go c.read(in)
	return c
}

func greet(ctx context.Context, conn net.Conn, in *bufio.Reader) error {
	defer bound(ctx, conn.SetReadDeadline)()
	for {
		line, err := readLine(in, maxMessage)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return late(ctx, ErrBusy)
		case errors.Is(err, errTooLong):
			return err
		case err != nil:
			return fmt.Errorf("%w: %w", ErrClosed, err)
		}
		if m, ok := decode(line); ok && m.Greeting != nil {
			return nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return errors.New("it does not speak QMP")
		}
	}
}

// Execute sends a command and waits for its reply, which is decoded into reply
// unless that is nil. An error reply is an *Error. When ctx ends first, the
// error wraps ErrSilent and the late reply will be dropped; when it ends in the
// middle of the command, the session is over.
func (c *Client) Execute(ctx context.Context, name string, arguments, reply any) error {
	m, err := c.exchange(ctx, name, arguments)
	switch {
	case err != nil:
	case m.Error != nil:
		err = m.Error
	case reply != nil:
		err = json.Unmarshal(m.Return, reply)
	}
	if err != nil {
		return fmt.Errorf("cannot execute %s: %w", name, err)
	}
	return nil
}

func (c *Client) exchange(ctx context.Context, name string, arguments any) (message, error) {
	id, answer, err := c.expect()
	if err != nil {
		return message{}, err
	}
	defer c.forget(id)
	line, err := command{name, arguments, id}.encode()
	if err != nil {
		return message{}, err
	}
	if err := c.write(ctx, line); err != nil {
		return message{}, err
	}
	select {
	case m, ok := <-answer:
		if !ok {
			return message{}, c.reason()
		}
		return m, nil
	case <-ctx.Done():
		return message{}, late(ctx, ErrSilent)
	}
}

// expect makes room for a reply.
func (c *Client) expect() (id uint64, answer chan message, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over != nil {
		return 0, nil, c.over
	}
	c.next++
	answer = make(chan message, 1)
	c.waiting[c.next] = answer
	return c.next, answer, nil
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

func (c *Client) write(ctx context.Context, line []byte) error {
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-ctx.Done():
		return late(ctx, ErrSilent)
	}
	defer bound(ctx, c.conn.SetWriteDeadline)()
	n, err := c.conn.Write(line)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = late(ctx, ErrSilent)
		if n > 0 { // what comes next would be taken for the rest of this command
			c.end(err)
		}
	case errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		err = ErrClosed // the reader still hears what QEMU said last
	}
	return err
}

// Events delivers events in order, and is closed when the session has ended.
// Nobody need listen: of more than 64 that wait, the oldest are dropped.
func (c *Client) Events() <-chan Event { return c.events }

// Done is closed when the session has ended and everything was heard.
func (c *Client) Done() <-chan struct{} { return c.done }

// Close ends the session and waits for its reader. It may be called again.
func (c *Client) Close() error {
	c.end(ErrClosed)
	<-c.done
	return nil
}

// end ends the session; every command that waits learns why.
func (c *Client) end(why error) {
	c.mu.Lock()
	if c.over == nil {
		c.over = why
	}
	for id, answer := range c.waiting {
		close(answer)
		delete(c.waiting, id)
	}
	c.mu.Unlock()
	c.conn.Close()
}

func (c *Client) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}
