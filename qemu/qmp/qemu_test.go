package qmp

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/romguest"
)

// brief is for what must not happen.
const brief = 200 * time.Millisecond

func dial(t *testing.T, path string) *Client {
	t.Helper()
	c, err := Dial(within(t, patience), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mustExecute(t *testing.T, c *Client, name string, arguments, reply any) {
	t.Helper()
	if err := c.Execute(within(t, patience), name, arguments, reply); err != nil {
		t.Fatal(err)
	}
}

// reasons are those of the SHUTDOWN events until the session ends.
func reasons(t *testing.T, c *Client) []string {
	t.Helper()
	ctx := within(t, patience)
	var all []string
	for {
		select {
		case e, ok := <-c.Events():
			if !ok {
				return all
			}
			var data struct{ Reason string }
			if e.Name != "SHUTDOWN" {
				continue
			}
			if err := json.Unmarshal(e.Data, &data); err != nil {
				t.Fatal(err)
			}
			all = append(all, data.Reason)
		case <-ctx.Done():
			t.Fatal("QEMU did not end")
		}
	}
}

func TestRealMonitor(t *testing.T) {
	t.Parallel()
	g := romguest.Start(t, romguest.Idle())
	c := dial(t, g.QMP)
	var status struct{ Status string }
	mustExecute(t, c, "query-status", nil, &status)
	if status.Status != "running" {
		t.Errorf("status %q", status.Status)
	}
	var schema json.RawMessage
	mustExecute(t, c, "query-qmp-schema", nil, &schema)
	if len(schema) < 64<<10 {
		t.Errorf("the schema has %d bytes: not the large reply that this wants to see", len(schema))
	}
	var refusal *Error
	if err := c.Execute(within(t, patience), "no-such", nil, nil); !errors.As(err, &refusal) || refusal.Class != "CommandNotFound" {
		t.Errorf("no-such: %v", err)
	}
	mustExecute(t, c, "quit", nil, nil)
	if got := strings.Join(reasons(t, c), " "); got != "host-qmp-quit" {
		t.Errorf("SHUTDOWN: %q", got)
	}
	if err := g.Wait(within(t, patience)); err != nil {
		t.Error(err)
	}
	if _, err := Dial(within(t, patience), g.QMP); !errors.Is(err, ErrNoMonitor) {
		t.Errorf("after the end: %v", err)
	}
}

// The guest ends QEMU: its last words come before the end of the session.
func TestRealShutdownEvent(t *testing.T) {
	t.Parallel()
	for reason, code := range map[string]romguest.Code{
		"guest-shutdown": romguest.Do(romguest.ListenToButton(), romguest.PowerOff()),
		"guest-reset":    romguest.Reset(),
		"guest-panic":    romguest.Panic(),
	} {
		t.Run(reason, func(t *testing.T) {
			g := romguest.Start(t, code, "-S", "-no-reboot", "-device", "pvpanic")
			c := dial(t, g.QMP)
			mustExecute(t, c, "cont", nil, nil)
			if got := strings.Join(reasons(t, c), " "); got != reason {
				t.Errorf("SHUTDOWN: %q", got)
			}
		})
	}
}

// QEMU serves one client; a second one waits in silence, and is served when the
// first has gone.
func TestRealSecondClient(t *testing.T) {
	t.Parallel()
	g := romguest.Start(t, romguest.Idle())
	first := dial(t, g.QMP)
	if _, err := Dial(within(t, brief), g.QMP); !errors.Is(err, ErrBusy) {
		t.Errorf("second client: %v", err)
	}
	time.AfterFunc(brief/2, func() { first.Close() })
	dial(t, g.QMP)
}

// A full queue is told at once.
func TestRealQueueIsFull(t *testing.T) {
	t.Parallel()
	g := romguest.Start(t, romguest.Idle())
	dial(t, g.QMP) // the other monitor is there once this one answers
	dial(t, g.Monitor)
	for range 10 { // QEMU listens with a backlog of 1
		conn, err := Connect(within(t, brief), g.Monitor) // waits for its turn
		if errors.Is(err, ErrBusy) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	t.Error("the queue never was full")
}

// A stopped QEMU looks like a busy one, and serves us when it is continued.
func TestRealStopped(t *testing.T) {
	t.Parallel()
	g := romguest.Start(t, romguest.Idle())
	dial(t, g.QMP).Close()
	g.Freeze(t)
	if _, err := Dial(within(t, brief), g.QMP); !errors.Is(err, ErrBusy) {
		t.Errorf("stopped: %v", err)
	}
	g.Signal(unix.SIGCONT)
	dial(t, g.QMP)
}

// A main loop that hangs in a system call: the greeting comes, an answer does
// not. Here it opens a FIFO that nobody reads.
func TestRealHung(t *testing.T) {
	t.Parallel()
	g := romguest.Start(t, romguest.Idle())
	c := dial(t, g.QMP)
	fifo := hang(t, g, c)
	if _, err := Dial(within(t, brief), g.Monitor); !errors.Is(err, ErrSilent) || errors.Is(err, ErrBusy) {
		t.Errorf("hung: %v", err)
	}
	if err := c.Execute(within(t, brief), "query-status", nil, nil); !errors.Is(err, ErrSilent) {
		t.Errorf("in a session: %v", err)
	}
	fifo()
	mustExecute(t, c, "query-status", nil, nil)
}

// hang makes QEMU's main loop wait until the function that it returns is called.
func hang(t *testing.T, g *romguest.Guest, c *Client) (release func()) {
	t.Helper()
	fifo := filepath.Join(g.Dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), brief)
	defer cancel()
	err := c.Execute(ctx, "pmemsave", map[string]any{"val": 0, "size": 4096, "filename": fifo}, nil)
	if !errors.Is(err, ErrSilent) {
		t.Fatalf("QEMU does not hang: %v", err)
	}
	return func() {
		f, err := os.Open(fifo)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

func TestRealKilled(t *testing.T) {
	t.Parallel()
	g := romguest.Start(t, romguest.Idle())
	c := dial(t, g.QMP)
	dead := make(chan error)
	g.Freeze(t)
	go func() { dead <- c.Execute(within(t, patience), "query-status", nil, nil) }()
	g.Kill()
	if err := <-dead; !errors.Is(err, ErrClosed) {
		t.Errorf("during a command: %v", err)
	}
	if got := reasons(t, c); len(got) > 0 {
		t.Errorf("SHUTDOWN: %q", got)
	}
	if err := c.Execute(t.Context(), "quit", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := os.Lstat(g.QMP); err != nil {
		t.Errorf("a killed QEMU leaves its socket: %v", err)
	}
	if _, err := Dial(t.Context(), g.QMP); !errors.Is(err, ErrNoMonitor) {
		t.Errorf("the socket that it left: %v", err)
	}
}

// The path is longer than a socket's address can be.
func TestRealLongPath(t *testing.T) {
	t.Parallel()
	g := romguest.Start(t, romguest.Idle())
	long := filepath.Join(g.Dir, strings.Repeat("d", 200))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(long, "qmp")
	if _, err := net.Dial("unix", path); err == nil {
		t.Fatal("the path is not too long")
	}
	if err := os.Link(g.QMP, path); err != nil {
		t.Fatal(err)
	}
	mustExecute(t, dial(t, path), "query-status", nil, nil)
}

// A guest that resets itself thousands of times in a second neither blocks the
// monitor nor hides how it ends.
func TestRealResetLoop(t *testing.T) {
	t.Parallel()
	g := romguest.Start(t, romguest.Reset())
	c := dial(t, g.QMP)
	for range 20 {
		mustExecute(t, c, "query-status", nil, nil)
	}
	mustExecute(t, c, "set-action", map[string]string{"reboot": "shutdown"}, nil)
	if got := strings.Join(reasons(t, c), " "); got != "guest-reset" {
		t.Errorf("SHUTDOWN: %q", got)
	}
}

// A socket of another QEMU, put where ours should be, is not talked to.
func TestRealStranger(t *testing.T) {
	t.Parallel()
	g, other := romguest.Start(t, romguest.Idle()), romguest.Start(t, romguest.Idle())
	link := filepath.Join(g.Dir, "link")
	if err := os.Symlink(other.QMP, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(within(t, brief), link, g.Pid()); !errors.Is(err, ErrStranger) {
		t.Errorf("a link to another's socket: %v", err)
	}
	c, err := Dial(within(t, patience), g.QMP, g.Pid(), os.Getpid()) // romguest listens, QEMU accepts
	if err != nil {
		t.Fatalf("its own socket: %v", err)
	}
	c.Close()
}
