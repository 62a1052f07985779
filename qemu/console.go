package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/qemu/qmp"
	"github.com/guestrc/guestrc/screen"
)

func (m *Machine) dialConsole(ctx context.Context, p *pidfile.Process) (net.Conn, error) {
	c, err := qmp.Connect(ctx, m.Sockets.Console, listeners(p)...)
	if err != nil {
		return nil, fmt.Errorf("cannot hear the console: %w", err)
	}
	return c, nil
}

// consoleReady reads the console from its first word until a line matches, or a
// prompt does. QEMU is not kept waiting: what it sends meanwhile comes in one
// piece.
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
	shown := screen.New(pattern)
	buf := make([]byte, 32<<10)
	for silent := (time.Time{}); ; {
		m.console.SetReadDeadline(silent)
		n, err := 0, ctx.Err() // it may have ended before that deadline was set
		if err == nil {
			n, err = m.console.Read(buf)
		}
		switch {
		case shown.Shows(buf[:n]):
			return nil
		case err == nil:
			silent = time.Now().Add(screen.Silence)
			continue
		case err == io.EOF:
			awaitEnd(ctx) // QEMU closes its sockets some 8 ms before it is gone
		case ctx.Err() == nil && errors.Is(err, os.ErrDeadlineExceeded):
			if shown.Waits() {
				return nil
			}
			silent = time.Time{}
			continue
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("the console did not say %q: %w", m.Readiness.Pattern, err)
	}
}

// awaitEnd gives ctx a moment to end.
func awaitEnd(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
}
