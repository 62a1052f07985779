package qmp

import (
	"bufio"
	"fmt"
	"time"
)

// maxMessage bounds one message of QEMU's, in bytes. The reply to
// query-qmp-schema, the largest known, has 207 kB in QEMU 7.2.
const maxMessage = 16 << 20

// read hands on what comes until the session ends. It never waits for whoever
// is to take it. Lines that are no message, and replies to nobody, are dropped.
func (c *Client) read(in *bufio.Reader) {
	defer close(c.done)
	defer close(c.events)
	for {
		line, err := readLine(in, maxMessage)
		if err != nil {
			c.end(fmt.Errorf("%w: %w", ErrClosed, err))
			return
		}
		m, ok := decode(line)
		switch {
		case !ok:
		case m.Event != "":
			c.announce(Event{m.Event, m.Data, time.Unix(m.Timestamp.Seconds, m.Timestamp.Microseconds*1000)})
		case m.ID != nil:
			c.answer(m)
		}
	}
}

// announce drops the oldest event when there is no room: a guest that resets
// itself in a loop makes thousands in a second, and the last one says how it
// ended.
func (c *Client) announce(e Event) {
	for {
		select {
		case c.events <- e:
			return
		default:
		}
		select {
		case <-c.events:
		default:
		}
	}
}

func (c *Client) answer(m message) {
	c.mu.Lock()
	answer, ok := c.waiting[*m.ID]
	delete(c.waiting, *m.ID)
	c.mu.Unlock()
	if ok {
		answer <- m // has room
	}
}
