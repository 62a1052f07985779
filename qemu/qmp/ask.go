package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Ask is a session for one command without arguments: connect, hear the
// greeting, ask, and leave. Errors are those of Dial and Execute.
//
// It says little and waits only once, as many guests are asked in a
// row: QEMU reads its monitor byte by byte, with several system calls for each
// (monitor_can_read in monitor/monitor.c).
func Ask(ctx context.Context, path, name string, reply any, from ...int) error {
	conn, err := Connect(ctx, path, from...)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	if err := greet(ctx, conn, in); err != nil {
		return fmt.Errorf("cannot use the monitor %s: %w", path, err)
	}
	defer bound(ctx, conn.SetDeadline)()
	_, err = io.WriteString(conn, `{"execute":"qmp_capabilities"}`+"\n"+`{"execute":"`+name+`"}`+"\n")
	for answers := 0; err == nil && answers < 2; { // the first one leaves negotiation mode
		answers, err = hear(in, answers, reply)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = late(ctx, ErrSilent)
	case !errors.As(err, new(*Error)) && !errors.Is(err, errTooLong):
		err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return fmt.Errorf("cannot execute %s: %w", name, err)
}

// hear reads one line, and counts it if it answers us: what has an id answers
// somebody who was here before.
func hear(in *bufio.Reader, answers int, reply any) (int, error) {
	line, err := readLine(in, maxMessage)
	if err != nil {
		return answers, err
	}
	m, ok := decode(line)
	switch {
	case !ok || m.ID != nil || m.Return == nil && m.Error == nil:
		return answers, nil
	case m.Error != nil:
		return answers, m.Error
	case answers == 1:
		err = json.Unmarshal(m.Return, reply)
	}
	return answers + 1, err
}
