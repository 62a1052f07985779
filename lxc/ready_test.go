package lxc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/screen"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

func TestWhenAStartIsComplete(t *testing.T) {
	const own = "run/guestrc/lxc.web/console"
	for _, c := range []struct {
		conf, file string
		want       Ready
		text       string
	}{
		{"", "", Ready{How: "init"}, "init, within 1m0s"},
		{"ready=running", "", Ready{How: "running"}, "running"},
		{"ready=\"exec:test -e '/run/a b'\"", "", Ready{How: "exec", Exec: []string{"test", "-e", "/run/a b"}}, "exec:test -e /run/a b, within 1m0s"},
		{"ready=tcp:22", "", Ready{How: "tcp", Port: 22}, "tcp:22, within 1m0s"},
		{"ready=tcp:22 ready_address=192.0.2.7", "", Ready{How: "tcp", Port: 22, Address: "192.0.2.7:22"}, "tcp:22, within 1m0s"},
		{"ready=tcp:22 ready_address=2001:db8::7", "", Ready{How: "tcp", Port: 22, Address: "[2001:db8::7]:22"}, "tcp:22, within 1m0s"},
		{"ready=tcp:22 ready_address=192.0.2.7:2222", "", Ready{How: "tcp", Port: 22, Address: "192.0.2.7:2222"}, "tcp:22, within 1m0s"},
		{"ready=console:login:", "", Ready{How: "console", Pattern: "login:", Console: own, Own: true}, "console:login:, within 1m0s"},
		{"ready=console:login:", "lxc.console.logfile = ROOT/said\n", Ready{How: "console", Pattern: "login:", Console: "said", From: 4}, "console:login:, within 1m0s"},
		{"ready=console:x extra_args='-s lxc.console.logfile=ROOT/said'", "", Ready{How: "console", Pattern: "x", Console: "said", From: 4}, "console:x, within 1m0s"},
		{"ready=systemd", "lxc.rootfs.path = dir:/srv\n", Ready{How: "systemd"}, "systemd, within 1m0s"},
		{"ready=openrc ready_timeout=5", "lxc.rootfs.path = dir:/srv\n", Ready{How: "openrc", Timeout: 5 * time.Second}, "openrc, within 5s"},
	} {
		l := files(t, map[string]string{"var/lib/lxc/web/config": c.file, "said": "old\n"})
		got, err := configured(t, l, c.conf)
		if err != nil {
			t.Errorf("%s: %v", c.conf, err)
			continue
		}
		if c.want.Timeout == 0 {
			c.want.Timeout = time.Minute
		}
		if c.want.Console != "" {
			c.want.Console = filepath.Join(l.Root, c.want.Console)
		}
		if diff := cmp.Diff(c.want, got.Readiness); diff != "" || got.Readiness.String() != c.text {
			t.Errorf("%s: %q, want %q\n%s", c.conf, got.Readiness, c.text, diff)
		}
		if logs := strings.Contains(strings.Join(got.args(), " "), "-s lxc.console.logfile="+l.Root+"/"+own+" -s lxc.console.size=262144 -s lxc.console.rotate=1"); logs != c.want.Own {
			t.Errorf("%s: %q", c.conf, got.args())
		}
	}
}

// TestConsoleLog follows a file through what LXC does to it.
func TestConsoleLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console")
	write := func(text string) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	rotate := func() {
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
	}
	l := &consoleLog{path: path}
	defer l.close()
	reads := func(want string) {
		t.Helper()
		var got strings.Builder
		buf := make([]byte, 3)
		for {
			n, err := l.read(buf)
			got.Write(buf[:n])
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if got.String() != want {
			t.Fatalf("%q, want %q", got.String(), want)
		}
	}
	if err := l.open(true); err == nil || !strings.Contains(err.Error(), "not heard from the beginning") {
		t.Fatalf("no file: %v", err)
	}
	write("one ")
	rotate()
	write("two ")
	if err := l.open(true); err != nil {
		t.Fatal(err)
	}
	reads("one two ")
	write("three ")
	reads("three ")
	write("four ")
	rotate()
	reads("four ")
	reads("")
	write("five ")
	reads("five ")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write("six ")
	reads("six ")

	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	other := consoleLog{path: fifo}
	if err := other.open(false); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a FIFO: %v", err)
	}
}

// TestPromptBesideOtherFiles: a console is silent though files beside it change.
func TestPromptBesideOtherFiles(t *testing.T) {
	dir := t.TempDir()
	console := filepath.Join(dir, "console")
	if err := os.WriteFile(console, []byte("booting\nlogin: "), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() {
		for ctx.Err() == nil {
			if err := os.WriteFile(filepath.Join(dir, "other"), []byte("x"), 0o600); err != nil {
				t.Error(err)
			}
			time.Sleep(screen.Silence / 20)
		}
	})
	c := &Container{Readiness: Ready{Pattern: "login: $", Console: console}}
	if err := c.consoleReady(ctx); err != nil {
		t.Error(err)
	}
	cancel()
}

// TestNobodyInheritsAThreadsNetwork: goroutines that come after run in the
// network where they always did.
func TestNobodyInheritsAThreadsNetwork(t *testing.T) {
	need.Root(t)
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		var there string
		onOwnThread(func() {
			if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
				there, err = os.Readlink("/proc/thread-self/ns/net")
			}
		})
		if err != nil || there == home {
			t.Fatalf("in there: %s, %v", there, err)
		}
	}
	// A thread ends some moments after its goroutine.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		away := 0
		threads, _ := filepath.Glob("/proc/self/task/*/ns/net")
		for _, thread := range threads {
			if ns, err := os.Readlink(thread); err == nil && ns != home {
				away++
			}
		}
		if away == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d threads stay in another network", away)
		}
	}
	if now, err := os.Readlink("/proc/self/ns/net"); now != home {
		t.Errorf("the process is in another network: %v", err)
	}
}

// TestManyAddresses: a container can give itself any number of addresses, and
// is tried at some of them.
func TestManyAddresses(t *testing.T) {
	need.Programs(t, "ip")
	if !lab.NetNS(t) {
		return
	}
	batch := filepath.Join(t.TempDir(), "addresses")
	var lines strings.Builder
	for n := range 2000 {
		fmt.Fprintf(&lines, "address add 10.%d.%d.1/32 dev lo\n", n>>8, n&255)
	}
	if err := os.WriteFile(batch, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "ip", "-batch", batch).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	self, err := pidfile.Capture(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	sockets, err := socketsInside(self)
	for _, s := range sockets {
		s.file.Close()
	}
	if err != nil || len(sockets) != maxAddresses {
		t.Errorf("%d sockets, %v", len(sockets), err)
	}
}
