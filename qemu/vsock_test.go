package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/need"
)

func TestParseNotice(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]notice{
		"READY=1":                  {ready: true},
		"READY=0":                  {},
		"READY=10":                 {},
		" READY=1":                 {},
		"STATUS=Startup finished.": {status: "Startup finished."},
		"STATUS=":                  {},
		"STATUS=READY=1":           {status: "READY=1"},
		"X_SYSTEMD_UNIT_ACTIVE=multi-user.target": {},
		"": {},
		"STATUS=" + strings.Repeat("ä", textRoom): {status: strings.Repeat("ä", textRoom/2)},
		"STATUS=\xff\xfeup":                       {status: "up"},
	} {
		if got := parseNotice(line); got != want {
			t.Errorf("%q is %+v, want %+v", line, got, want)
		}
	}
}

func FuzzParseNotice(f *testing.F) {
	for _, seed := range []string{"READY=1", "STATUS=up", "STATUS=\xff", "ERRNO=2", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		n := parseNotice(line)
		if n.ready && line != "READY=1" || len(n.status) > textRoom || !utf8.ValidString(n.status) || !n.ready && n.status != "" && !strings.HasPrefix(line, "STATUS=") {
			t.Errorf("%q is %+v", line, n)
		}
	})
}

// fakeVsock is a made-up listener: its connections are socket pairs, whose
// callers are who the test says.
type fakeVsock struct {
	t     *testing.T
	calls chan fakeCall
}

type fakeCall struct {
	c    conn
	from caller
}

func newFakeVsock(t *testing.T) *fakeVsock { return &fakeVsock{t, make(chan fakeCall)} }

func (f *fakeVsock) accept() (conn, caller, error) {
	call, ok := <-f.calls
	if !ok {
		return nil, caller{}, os.ErrClosed
	}
	return call.c, call.from, nil
}

// call connects, and returns the guest's end.
func (f *fakeVsock) call(from caller) *net.UnixConn {
	f.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "guest")
	defer theirs.Close()
	c, err := net.FileConn(theirs)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	f.calls <- fakeCall{os.NewFile(uintptr(fds[0]), "host"), from}
	return c.(*net.UnixConn)
}

// closed wants that the host has closed the connection, as systemd waits for it.
func closed(t *testing.T, c net.Conn, what string) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("%s: the host goes on listening: %d, %v", what, n, err)
	}
}

// hearing runs what hears a guest with identifier 7; the error is how it ended.
func hearing(t *testing.T) (f *fakeVsock, m *Machine, said *[]string, ended <-chan error) {
	t.Helper()
	f = newFakeVsock(t)
	said = new([]string)
	m = &Machine{}
	m.Heard(func(text string) { *said = append(*said, text) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	heard, failed, done := make(chan notice), make(chan error, 1), make(chan error, 1)
	go func() { failed <- hearVsock(ctx, f.accept, 7, heard) }()
	go func() {
		done <- m.awaitNotice(ctx, heard, failed)
		cancel()
		close(f.calls)
	}()
	t.Cleanup(cancel)
	return f, m, said, done
}

// root is PID 1 of the guest.
var root = caller{cid: 7, port: 1023}

// As systemd does it: each message on a connection of its own, which it shuts
// down, and which it then waits to see closed.
func TestVsockHearsSystemd(t *testing.T) {
	t.Parallel()
	f, _, said, ended := hearing(t)
	for _, message := range []string{"STATUS=Starting\nX_SYSTEMD_UNIT_ACTIVE=basic.target", "STATUS=Starting\n", "STATUS=Startup finished.\nREADY=1"} {
		c := f.call(root)
		fmt.Fprint(c, message)
		c.CloseWrite()
		if !strings.Contains(message, "READY") {
			closed(t, c, message)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := strings.Join(*said, "|"); got != "it says: Starting|it says: Startup finished." {
		t.Errorf("it said %q", got)
	}
}

// Whoever else calls is not heard: other guests, and programs of the guest's that
// are not root's.
func TestVsockHearsRootOfTheGuestOnly(t *testing.T) {
	t.Parallel()
	f, _, said, ended := hearing(t)
	for _, from := range []caller{{8, 1023}, {7, 1024}, {2, 1023}, {}} {
		c := f.call(from)
		c.Write([]byte("STATUS=mine\nREADY=1\n"))
		closed(t, c, fmt.Sprint(from))
	}
	select {
	case err := <-ended:
		t.Fatalf("it listened to somebody else: %v", err)
	default:
	}
	f.call(root).Write([]byte("READY=1\n"))
	if err := <-ended; err != nil || len(*said) != 0 {
		t.Error(err, *said)
	}
}

// A guest may send anything: endless bytes, endless texts, nothing at all on many
// connections. What follows in order is heard.
func TestVsockStandsAHostileGuest(t *testing.T) {
	t.Parallel()
	f, _, said, ended := hearing(t)
	endless := f.call(root)
	for n := 0; n < 16<<20; {
		sent, err := endless.Write([]byte(strings.Repeat("x", 1<<16)))
		if n += sent; err != nil {
			break
		}
		if n > 4<<20 {
			t.Fatal("it takes any number of bytes")
		}
	}
	for n := range 5 * notifyTexts {
		c := f.call(root)
		fmt.Fprintf(c, "STATUS=%d\n", n)
		c.CloseWrite()
		closed(t, c, "one of many texts")
	}
	var silent []net.Conn
	for range notifyConns {
		silent = append(silent, f.call(root))
	}
	closed(t, f.call(root), "one too many")
	for _, c := range silent {
		c.Close()
	}
	// Their places are free once that is noticed.
	for {
		c := f.call(root)
		c.Write([]byte("READY=1\n"))
		select {
		case err := <-ended:
			if err != nil || len(*said) != notifyTexts {
				t.Errorf("%v; %d texts were shown", err, len(*said))
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestVsockReadyErrors(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), brief)
	defer cancel()
	var hinted *guest.Error
	if err := new(Machine).awaitNotice(ctx, nil, nil); !errors.As(err, &hinted) || !strings.Contains(hinted.Hint, "systemd 254") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing came: %v", err)
	}
	failed := make(chan error, 1)
	failed <- unix.EMFILE
	if err := new(Machine).awaitNotice(t.Context(), nil, failed); !errors.Is(err, unix.EMFILE) {
		t.Errorf("accept failed: %v", err)
	}
}

// The real listener, as far as it goes without a guest.
func TestVsockListener(t *testing.T) {
	t.Parallel()
	const port = 1<<31 | 4711
	l, err := listenVsock(port)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		need.Missing(t, "no vsock in this kernel")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenVsock(port); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a second one on its port: %v", err)
	}
	m := &Machine{Readiness: Ready{CID: 7}, notify: l}
	ctx, cancel := context.WithTimeout(t.Context(), brief)
	defer cancel()
	began := time.Now()
	if err := m.vsockReady(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > patience/2 {
		t.Errorf("nobody called: %v after %v", err, time.Since(began))
	}
	if l, err = listenVsock(port); err != nil {
		t.Fatalf("it listens on: %v", err)
	}
	l.f.Close()
}

func TestDefaultCID(t *testing.T) {
	t.Parallel()
	seen := map[uint32]string{}
	for n := range 1000 {
		name := mustName(t, fmt.Sprintf("qemu.g%d", n))
		cid := defaultCID(name)
		if cid < 1<<30 || cid > maxCID || cid != defaultCID(name) {
			t.Errorf("%s: %d", name, cid)
		}
		if other := seen[cid]; other != "" {
			t.Errorf("%s has the identifier of %s", name, other)
		}
		seen[cid] = name.String()
	}
}
