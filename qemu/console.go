package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/qemu/qmp"
)

func (m *Machine) dialConsole(ctx context.Context, p *pidfile.Process) (net.Conn, error) {
	c, err := qmp.Connect(ctx, m.Sockets.Console, listeners(p)...)
	if err != nil {
		return nil, fmt.Errorf("cannot hear the console: %w", err)
	}
	return c, nil
}

// consoleReady reads the console from its first word until a line matches, or
// what there is so far of one, such as a prompt.
func (m *Machine) consoleReady(ctx context.Context) error {
	if m.console == nil {
		return errors.New("its console was not heard from the beginning")
	}
	defer m.console.Close()
	pattern, err := regexp.Compile(m.Readiness.Pattern)
	if err != nil {
		return fmt.Errorf("cannot understand ready: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { m.console.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	s := screen{pattern: pattern}
	buf := make([]byte, 32<<10) // QEMU is not kept waiting: what it sends meanwhile comes in one piece
	for {
		n, err := m.console.Read(buf)
		if s.shows(buf[:n]) {
			return nil
		}
		if err == io.EOF {
			awaitEnd(ctx) // QEMU closes its sockets some 8 ms before it is gone
		}
		if err != nil {
			return fmt.Errorf("the console did not say %q: %w", m.Readiness.Pattern, errors.Join(context.Cause(ctx), err))
		}
	}
}

// awaitEnd gives ctx a moment to end.
func awaitEnd(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
}

// screen is what a terminal shows, as far as a pattern wants to see it: lines
// without colours and cursor movements. Of a line without end, the last part.
type screen struct {
	pattern *regexp.Regexp
	line    []byte
	escape  int // how far we are into an escape sequence
}

// lineRoom is how much of an unfinished line is kept, in bytes.
const lineRoom = 1 << 10

// shows takes the next piece of text and tells whether a line of it matches.
func (s *screen) shows(piece []byte) bool {
	for _, b := range piece {
		switch {
		case s.escaped(b) || b == 0:
		case b != '\r' && b != '\n':
			s.line = append(s.line, b)
		case s.pattern.Match(s.line):
			return true
		default:
			s.line = s.line[:0]
		}
	}
	if s.pattern.Match(s.line) {
		return true
	}
	s.line = append(s.line[:0], s.line[max(0, len(s.line)-lineRoom):]...)
	return false
}

// Where a terminal is in an escape sequence (ECMA-48, 5.4 and 5.6).
const (
	noEscape   = iota
	afterESC   // then [ begins a control sequence, ] P X ^ _ a string
	inSequence // up to a letter, or what is next to letters
	inString   // up to BEL, or ESC \
)

// escaped tells whether b belongs to an escape sequence. A control character
// ends one that was cut off, so that the end of a line is never swallowed.
func (s *screen) escaped(b byte) bool {
	was := s.escape
	s.escape = noEscape
	switch {
	case b == 0x1b:
		s.escape = afterESC
	case b < ' ':
		return was == inString && b == '\a'
	case was == afterESC && b == '[', was == inSequence && b < '@':
		s.escape = inSequence
	case was == afterESC && strings.IndexByte("]PX^_", b) >= 0, was == inString:
		s.escape = inString
	case was == afterESC && b < '0':
		s.escape = afterESC
	}
	return was != noEscape || b == 0x1b
}
