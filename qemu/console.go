package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"time"

	"github.com/guestrc/guestrc/qemu/qmp"
)

func dialConsole(ctx context.Context, path string) (net.Conn, error) {
	c, err := qmp.Connect(ctx, path)
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
	line    []byte // as it came
}

// lineRoom is how much of a line is kept, in bytes.
const lineRoom = 8 << 10

// shows takes the next piece of text and tells whether a line of it matches.
func (s *screen) shows(piece []byte) bool {
	for len(piece) > 0 {
		end := bytes.IndexAny(piece, "\r\n")
		if end < 0 {
			s.line = append(s.line, piece...)
			s.line = s.line[max(0, len(s.line)-lineRoom):]
			break
		}
		s.line = append(s.line, piece[:end]...)
		piece = piece[end+1:]
		if s.matches() {
			return true
		}
		s.line = s.line[:0]
	}
	return s.matches()
}

// control are the escape sequences of ECMA-48 that begin with CSI, and NULs.
var control = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x00`)

func (s *screen) matches() bool { return s.pattern.Match(control.ReplaceAll(s.line, nil)) }
