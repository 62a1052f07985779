package qmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Event is something that QEMU tells unasked.
type Event struct {
	Name string
	Data json.RawMessage
	At   time.Time // by QEMU's clock
}

// Client is one session with a monitor. Execute may be called from several
// goroutines; QEMU answers in order, and replies are matched by id.
type Client struct {
	conn   net.Conn
	events chan Event

	writing sync.Mutex // one command is written at a time

	mu      sync.Mutex // guards what follows
	next    uint64
	waiting map[uint64]chan message
	broken  error // why the session is over

	closed sync.Once
	done   chan struct{} // closed when the reader has ended
}

// eventBuffer is how many events are kept for a slow reader; later ones are
// dropped rather than that a reply waits.
const eventBuffer = 64

// Dial connects to the monitor at path, hears its greeting and leaves
// negotiation mode, all within ctx. That QEMU greets does not mean that its
// main loop runs: a command must be answered for that.
func Dial(ctx context.Context, path string) (*Client, error) {
	conn, err := dial(ctx, path)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, events: make(chan Event, eventBuffer), waiting: map[uint64]chan message{}, done: make(chan struct{})}
	decoder := json.NewDecoder(conn)
	if err := greet(ctx, conn, decoder); err != nil {
		conn.Close()
		return nil, fmt.Errorf("cannot use the monitor %s: %w", path, err)
	}
	go c.read(decoder)
	if err := c.Execute(ctx, "qmp_capabilities", nil, nil); err != nil {
		c.Close()
		return nil, fmt.Errorf("cannot use the monitor %s: %w", path, err)
	}
	return c, nil
}

func greet(ctx context.Context, conn net.Conn, decoder *json.Decoder) error {
	defer bound(ctx, conn)()
	var m message
	err := decoder.Decode(&m)
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: no greeting; another client has it, or QEMU hangs", ErrSilent)
	case errors.Is(err, io.EOF):
		return ErrNoMonitor
	case err != nil:
		return err
	case m.Greeting == nil:
		return errors.New("no QMP monitor is there")
	}
	return nil
}

// Events delivers events in order; it is closed when the session ends.
func (c *Client) Events() <-chan Event { return c.events }

// Execute sends a command and waits for its reply, which is decoded into reply
// unless that is nil. An error reply is an *Error. When ctx ends first the
// session is over, as half a message may be under way.
func (c *Client) Execute(ctx context.Context, name string, arguments, reply any) error {
	id, answer, err := c.expect()
	if err != nil {
		return fmt.Errorf("cannot execute %s: %w", name, err)
	}
	if err := c.write(ctx, command{name, arguments, id}); err != nil {
		return fmt.Errorf("cannot execute %s: %w", name, err)
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("cannot execute %s: %w", name, c.reason())
		case m.Error != nil:
			return fmt.Errorf("cannot execute %s: %w", name, m.Error)
		case reply != nil:
			if err := json.Unmarshal(m.Return, reply); err != nil {
				return fmt.Errorf("cannot read the reply to %s: %w", name, err)
			}
		}
		return nil
	case <-ctx.Done():
		c.fail(ErrSilent)
		return fmt.Errorf("cannot execute %s: %w: %w", name, ErrSilent, context.Cause(ctx))
	}
}

// expect registers a command.
func (c *Client) expect() (id uint64, answer chan message, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return 0, nil, c.broken
	}
	c.next++
	answer = make(chan message, 1)
	c.waiting[c.next] = answer
	return c.next, answer, nil
}

func (c *Client) write(ctx context.Context, cmd command) error {
	line, err := json.Marshal(cmd)
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	deadline, _ := ctx.Deadline()
	c.conn.SetWriteDeadline(deadline)
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		c.fail(err)
		return err
	}
	return nil
}

// read hands on what comes until the session ends. Garbage ends it: what
// follows could not be matched any more.
func (c *Client) read(decoder *json.Decoder) {
	defer close(c.done)
	defer close(c.events)
	for {
		var m message
		if err := decoder.Decode(&m); err != nil {
			c.fail(fmt.Errorf("%w: %w", ErrClosed, err))
			return
		}
		switch {
		case m.Event != "":
			e := Event{m.Event, m.Data, time.Unix(m.Timestamp.Seconds, m.Timestamp.Microseconds*1000)}
			select {
			case c.events <- e:
			default:
			}
		case m.ID != nil:
			c.mu.Lock()
			answer, ok := c.waiting[*m.ID]
			delete(c.waiting, *m.ID)
			c.mu.Unlock()
			if ok {
				answer <- m
			}
		}
	}
}

// fail ends the session: every command that waits learns why.
func (c *Client) fail(why error) {
	c.mu.Lock()
	if c.broken == nil {
		c.broken = why
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
	return c.broken
}

// Done is closed when the session has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Close ends the session and waits for its reader.
func (c *Client) Close() error {
	c.closed.Do(func() { c.fail(ErrClosed) })
	<-c.done
	return nil
}
