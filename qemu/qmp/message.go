package qmp

import (
	"bufio"
	"encoding/json"
	"errors"
)

// Error is an error reply.
type Error struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

// descRoom is how much of a description is worth repeating, in bytes.
const descRoom = 300

func (e *Error) Error() string {
	if len(e.Desc) > descRoom {
		return e.Desc[:descRoom] + "…"
	}
	return e.Desc
}

// message is anything that QEMU or an agent sends: a greeting, a reply or an
// event (docs/interop/qmp-spec.rst).
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
	ID        uint64 `json:"id,omitempty"`
}

// decode reads one line; ok is false when it is no message. QEMU ends every
// message with a newline and has none inside, so that garbage costs one line.
func decode(line []byte) (m message, ok bool) {
	return m, json.Unmarshal(line, &m) == nil
}

func (c command) encode() ([]byte, error) {
	line, err := json.Marshal(c)
	return append(line, '\n'), err
}

var errTooLong = errors.New("the other side says too much")

// readLine reads up to a newline, limit bytes at the most. What comes before
// the end of the stream and has no newline is lost.
func readLine(in *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > limit:
			return nil, errTooLong
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
