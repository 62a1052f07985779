package containers

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// alive holds the container's first process, so as to see later that it lives.
func alive(t *testing.T, c *rootfs.Container) *pidfile.Process {
	t.Helper()
	p, err := c.Process()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// TestANameWithANumberIsAnothers: LXC numbers the cgroups of a container where
// there are some of its name, so that they look like those of another one.
func TestANameWithANumberIsAnothers(t *testing.T) {
	t.Parallel()
	for _, namesake := range []bool{false, true} {
		t.Run(fmt.Sprintf("namesake=%v", namesake), func(t *testing.T) {
			w := newWorld(t)
			a := rootfs.Make(t, rootfs.Handler)
			b := rootfs.Make(t, rootfs.Handler, rootfs.WithName(a.Name+"-1"))
			var other *pidfile.Process
			if namesake { // in another lxcpath, and first to have the cgroups
				c := rootfs.Make(t, rootfs.Handler, rootfs.WithName(a.Name))
				c.Start(t)
				other = alive(t, c)
			}
			nameA, nameB := w.guest(a), w.guest(b)
			w.must("start", nameA)
			w.must("start", nameB)
			up(t, a)
			up(t, b)

			lives := alive(t, b)
			w.must("kill", nameA)
			if st := w.wants(nameB, guest.Running); lives.Ended() {
				t.Fatalf("the kill of %s hit %s: %+v", nameA, nameB, st)
			}
			w.must("start", nameA)
			up(t, a)
			lives = alive(t, a)
			w.must("kill", nameB)
			if st := w.wants(nameA, guest.Running); lives.Ended() {
				t.Fatalf("the kill of %s hit %s: %+v", nameB, nameA, st)
			}
			w.must("freeze", nameA)
			w.must("start", nameB)
			up(t, b) // is not frozen along
			w.must("stop", nameB)
			w.stoppedBy(nameB, "halt", false)
			w.must("stop", nameA)
			w.stoppedBy(nameA, "halt", false)
			if other != nil && other.Ended() {
				t.Error("a container of the same name in another lxcpath was ended")
			}
		})
	}
}

// TestProcessesInItsCgroupAreInTheWay: whose they are cannot be told, so that
// nothing is started beside them and nothing happens to them.
func TestProcessesInItsCgroupAreInTheWay(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	name := w.guest(c)
	stranger := squat(t, "lxc.payload."+c.Name)
	if r := w.run("start", name); r.code != guest.StatusRefused || !strings.Contains(r.err, fmt.Sprint(stranger.Pid())) {
		t.Errorf("start: %s", r)
	}
	w.must("kill", name)
	select {
	case <-stranger.Done():
		t.Error("a process in a cgroup with the container's name was ended, which was none of its own")
	default:
	}
	stranger.Kill()
	<-stranger.Done()
	w.must("start", name)
	w.must("stop", name)
	nothingLeft(t, c)
}

// squat has a process in a cgroup of that name, which no container made.
func squat(t *testing.T, name string) *lab.Process {
	t.Helper()
	p := lab.Start(t, exec.Command("sleep", "1000"))
	dir := "/sys/fs/cgroup/pids/" + name
	if _, err := os.Stat(filepath.Dir(dir)); errors.Is(err, fs.ErrNotExist) {
		dir = "/sys/fs/cgroup/" + name // a host with cgroup2 alone
	}
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "cgroup.procs"), fmt.Append(nil, p.Pid()), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// squatter listens on a container's command socket in the place of LXC's
// monitor, as a user, and serves each client once.
type squatter struct {
	listener net.Listener
	left     chan struct{}
}

// listenAs listens with that uid. The thread that does so ends with it.
func listenAs(t *testing.T, uid int, c *rootfs.Container, serve func(net.Conn)) *squatter {
	t.Helper()
	s := &squatter{left: make(chan struct{})}
	began := make(chan error)
	go func() {
		defer close(s.left)
		runtime.LockOSThread() // for good
		id := uintptr(uid)
		var err error
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, id, id, id); errno != 0 {
			err = errno
		} else {
			s.listener, err = net.Listen("unix", "@"+filepath.Join(c.LXCPath, c.Name, "command"))
		}
		began <- err
		for err == nil {
			var conn net.Conn
			if conn, err = s.listener.Accept(); err == nil {
				serve(conn)
			}
		}
	}()
	if err := <-began; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.leave)
	return s
}

func (s *squatter) leave() {
	s.listener.Close()
	<-s.left
}

const nobody = 65534

// TestAStrangerOnTheCommandSocket: the name is free for everybody while no
// container of that name runs.
func TestAStrangerOnTheCommandSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	name := w.guest(c)
	// What it answers would pass: no process, and stopped.
	lies := func(conn net.Conn) { conn.Write(make([]byte, 16)); conn.Close() }
	refusesAll := func(when string) {
		t.Helper()
		if st := w.status(name); st.Code != guest.StateUnknown || !strings.Contains(st.Message, "uid 65534") {
			t.Errorf("%s: status: %+v", when, st)
		}
		for _, verb := range []string{"start", "stop", "kill", "restart", "reboot", "freeze"} {
			if r := w.run(verb, name); r.code != guest.StatusRefused || !strings.Contains(r.err, "uid 65534") {
				t.Errorf("%s: %s: %s", when, verb, r)
			}
		}
	}
	s := listenAs(t, nobody, c, lies)
	refusesAll("before it ever ran")
	nothingLeft(t, c)
	s.leave()
	w.wants(name, guest.Stopped)
	w.must("start", name)
	up(t, c)

	crash(t, c)
	s = listenAs(t, nobody, c, lies)
	refusesAll("after its monitor died")
	s.leave()
	w.wants(name, guest.Crashed)
	w.must("start", name)
	up(t, c)
	w.must("stop", name)
	w.stoppedBy(name, "halt", false)
	nothingLeft(t, c)
}

// TestNonsenseOnTheCommandSocket by a process of root's: whoever asks is told in
// time that nothing is known.
func TestNonsenseOnTheCommandSocket(t *testing.T) {
	t.Parallel()
	slowly := func(conn net.Conn) {
		for range 200 {
			if _, err := conn.Write([]byte{0xff}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	for what, serve := range map[string]func(net.Conn){
		"silent":     func(net.Conn) {},
		"deaf":       nil,
		"hangs up":   func(conn net.Conn) { conn.Close() },
		"half":       func(conn net.Conn) { conn.Write(make([]byte, 7)); conn.Close() },
		"slow":       func(conn net.Conn) { go slowly(conn) },
		"text":       func(conn net.Conn) { conn.Write([]byte("\x1b[31mHTTP/1.0 200 OK\r\n\r\nhello")) },
		"ones":       func(conn net.Conn) { conn.Write([]byte(strings.Repeat("\xff", 16))) },
		"floods":     func(conn net.Conn) { go conn.Write(bytes.Repeat([]byte{0xff}, 64<<20)) },
		"descriptor": func(conn net.Conn) { withDescriptor(conn) },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			c := rootfs.Make(t, rootfs.Handler)
			name := w.guest(c)
			var open []net.Conn
			s := listenAs(t, 0, c, func(conn net.Conn) {
				open = append(open, conn)
				if serve != nil {
					serve(conn)
				}
			})
			if serve == nil { // a backlog that is full, and nobody who accepts
				s = fullBacklog(t, s, c)
			}
			for _, verb := range []string{"status", "list"} {
				r := w.run(verb, "--json", name)
				if verb == "list" {
					r = w.run(verb, "--json")
				}
				if r.took > time.Second || !strings.Contains(r.out, `"unknown"`) {
					t.Errorf("%s took %s: %s", verb, r.took, r)
				}
				printsPlainly(t, r)
			}
			if r := w.run("start", name); r.code == 0 || r.took > 10*time.Second {
				t.Errorf("start took %s: %s", r.took, r)
			}
			if r := w.run("stop", name); r.code == 0 || r.took > 10*time.Second {
				t.Errorf("stop took %s: %s", r.took, r)
			}
			nothingLeft(t, c)
			s.leave()
			for _, conn := range open {
				conn.Close()
			}
			w.wants(name, guest.Stopped)
		})
	}
}

// withDescriptor sends a reply together with a descriptor.
func withDescriptor(conn net.Conn) {
	conn.(*net.UnixConn).WriteMsgUnix(make([]byte, 16), unix.UnixRights(2), nil)
}

// fullBacklog replaces s by a socket that accepts nobody, and on which the next
// connect(2) would wait.
func fullBacklog(t *testing.T, s *squatter, c *rootfs.Container) *squatter {
	t.Helper()
	s.leave()
	at := &unix.SockaddrUnix{Name: "@" + filepath.Join(c.LXCPath, c.Name, "command")}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.Bind(fd, at), unix.Listen(fd, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "backlog")
	l, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for { // until it is full
		client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(client) })
		if err := unix.Connect(client, at); err != nil {
			break
		}
	}
	full := &squatter{l, make(chan struct{})}
	close(full.left)
	t.Cleanup(full.leave)
	return full
}
