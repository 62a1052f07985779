package command

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

// raw encodes a struct lxc_cmd_rsp.
func raw(ret, datalen int32, value uint64) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(ret))
	b = binary.NativeEndian.AppendUint32(b, uint32(datalen))
	if replySize == 16 {
		return binary.NativeEndian.AppendUint64(b, value)
	}
	return binary.NativeEndian.AppendUint32(b, uint32(value))
}

// fakeMonitor listens in this process, which Ask then takes for the monitor.
func fakeMonitor(t *testing.T, serve func(*net.UnixConn)) (lxcpath, name string) {
	t.Helper()
	lxcpath, name = "/gr-fake", fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), os.Getpid())
	l, err := net.Listen("unix", "@"+address(lxcpath, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go accept(l, serve)
	return lxcpath, name
}

func accept(l net.Listener, serve func(*net.UnixConn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go serve(c.(*net.UnixConn))
	}
}

// answering takes the request as a monitor does, and sends these bytes.
func answering(replies ...[]byte) func(*net.UnixConn) {
	return func(c *net.UnixConn) {
		defer c.Close()
		if _, err := io.ReadFull(c, make([]byte, replySize)); err != nil {
			return
		}
		for _, r := range replies {
			c.Write(r) // the other side may have had enough
		}
	}
}

func briefly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestAFakeMonitorOfOursIsBelieved(t *testing.T) {
	lxcpath, name := fakeMonitor(t, func(c *net.UnixConn) {
		defer c.Close()
		req := make([]byte, replySize)
		if _, err := io.ReadFull(c, req); err != nil {
			return
		}
		value := uint64(4711)
		if binary.NativeEndian.Uint32(req) == getState {
			value = 2
		}
		reply := raw(0, 0, value)
		c.Write(reply[:5]) // in parts, as a stream may bring it
		c.Write(reply[5:])
	})
	p, a, err := Ask(briefly(t), lxcpath, name)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Pid() != os.Getpid() || a != (Answer{"RUNNING", 4711}) {
		t.Errorf("process %d, %+v", p.Pid(), a)
	}
}

func TestHostileFakesAreRefusedInTime(t *testing.T) {
	good := raw(0, 0, 2)
	silent := func(c *net.UnixConn) { io.Copy(io.Discard, c); c.Close() }
	withFds := func(n int) func(*net.UnixConn) {
		return func(c *net.UnixConn) {
			defer c.Close()
			null, err := os.Open("/dev/null")
			if err != nil {
				return
			}
			defer null.Close()
			var fds []int
			for range n {
				fds = append(fds, int(null.Fd()))
			}
			io.ReadFull(c, make([]byte, replySize))
			c.WriteMsgUnix(good, unix.UnixRights(fds...), nil)
		}
	}
	for name, tt := range map[string]struct {
		serve func(*net.UnixConn)
		want  error // nil: any
	}{
		"says nothing":           {silent, context.DeadlineExceeded},
		"says half a reply":      {func(c *net.UnixConn) { c.Write(good[:7]); silent(c) }, context.DeadlineExceeded},
		"hangs up":               {func(c *net.UnixConn) { c.Close() }, errHangup},
		"hangs up half-way":      {answering(good[:7]), io.ErrUnexpectedEOF},
		"announces much":         {answering(raw(0, 1<<31-1, 2)), nil},
		"announces less than 0":  {answering(raw(0, -1, 2)), nil},
		"refuses":                {answering(raw(-int32(unix.EPERM), 0, 0)), unix.EPERM},
		"refuses oddly":          {answering(raw(-1<<31, 0, 0)), nil},
		"names no state":         {answering(raw(0, 0, 8)), nil},
		"names no number":        {answering(raw(0, 0, 1<<32-1)), nil},
		"contradicts itself":     {answering(raw(3, 0, 2)), nil},
		"brings a descriptor":    {withFds(1), nil},
		"brings many":            {withFds(maxRights), nil},
		"answers, then is quiet": {turns(answering(good), silent), context.DeadlineExceeded},
		"pours":                  {func(c *net.UnixConn) { io.Copy(c, neverEnding{}) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			lxcpath, container := fakeMonitor(t, tt.serve)
			before := descriptors(t)
			started := time.Now()
			p, _, err := Ask(briefly(t), lxcpath, container)
			if err == nil {
				p.Close()
				t.Fatal("it was believed")
			}
			if tt.want != nil && !errors.Is(err, tt.want) || errors.Is(err, ErrNobody) {
				t.Errorf("%v, not %v", err, tt.want)
			}
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			// What is here is the fake's, too: its last connection may be open.
			if after := descriptors(t); after > before+20 {
				t.Errorf("%d descriptors, before %d", after, before)
			}
			if state, err := Await(briefly(t), lxcpath, container, "ABORTING"); err == nil {
				t.Errorf("Await believed %q", state)
			}
		})
	}
}

type neverEnding struct{}

func (neverEnding) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 7
	}
	return len(b), nil
}

// turns serves the first client by first, all others by then.
func turns(first, then func(*net.UnixConn)) func(*net.UnixConn) {
	var n atomic.Int32
	return func(c *net.UnixConn) {
		if n.Add(1) == 1 {
			first(c)
			return
		}
		then(c)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// nobody is a process of another user; see TestMain.
const nobody = "GUESTRC_TEST_NOBODY"

// TestMain makes a stranger of the test's own program: descriptor 3 is a
// socket, on which it listens or, if it is listened on, answers.
func TestMain(m *testing.M) {
	switch os.Getenv(nobody) {
	case "listen":
		if err := unix.Listen(3, 5); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
	case "answer":
		l, err := net.FileListener(os.NewFile(3, "socket"))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		accept(l, answering(raw(0, 0, 2)))
	default:
		os.Exit(m.Run())
	}
}

// stranger starts nobody with the socket, and waits until it is ready.
func stranger(t *testing.T, does string, socket *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hold.Close() })
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{nobody + "=" + does}
	cmd.Stdin, cmd.Stdout, cmd.ExtraFiles = in, w, []*os.File{socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	lab.Start(t, cmd)
	w.Close()
	in.Close()
	r.SetReadDeadline(time.Now().Add(10 * time.Second))
	said := make([]byte, 100)
	if n, err := r.Read(said); err != nil || string(said[:n]) != "ready\n" {
		t.Fatalf("the stranger says %q (%v)", said[:n], err)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	need.Root(t)
	for _, does := range []string{"listen", "answer"} {
		t.Run(does, func(t *testing.T) {
			lxcpath, name := "/gr-stranger", fmt.Sprintf("%s-%d", does, os.Getpid())
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			f := os.NewFile(uintptr(fd), "socket")
			defer f.Close()
			if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + address(lxcpath, name)}); err != nil {
				t.Fatal(err)
			}
			if does == "answer" {
				if err := unix.Listen(fd, 5); err != nil {
					t.Fatal(err)
				}
			}
			stranger(t, does, f)
			if does == "listen" { // and root answers
				l, err := net.FileListener(f)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				go accept(l, answering(raw(0, 0, 2)))
			}
			if _, _, err := Ask(briefly(t), lxcpath, name); !errors.Is(err, ErrStranger) {
				t.Errorf("Ask: %v", err)
			}
			if _, err := Await(briefly(t), lxcpath, name, "RUNNING"); !errors.Is(err, ErrStranger) {
				t.Errorf("Await: %v", err)
			}
		})
	}
}

// TestTwoFakesThatAnswerInTurnAreRefused has each question answered by another
// process of root's.
func TestTwoFakesThatAnswerInTurnAreRefused(t *testing.T) {
	need.Root(t)
	need.Programs(t, "head")
	lxcpath, name := fakeMonitor(t, func(c *net.UnixConn) {
		defer c.Close()
		io.ReadFull(c, make([]byte, replySize))
		f, err := c.File()
		if err != nil {
			return
		}
		defer f.Close()
		cmd := exec.Command("head", "-c", fmt.Sprint(replySize), "/dev/zero")
		cmd.Stdout = f
		cmd.Run()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err := Ask(ctx, lxcpath, name)
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ask: %v", err)
	}
	if !errors.Is(err, pidfile.ErrGone) && !strings.Contains(fmt.Sprint(err), "changes") {
		t.Errorf("Ask: %v", err)
	}
}
