// Package romguest starts real QEMU guests whose firmware is a few machine
// instructions: up in milliseconds, and each does exactly one thing when its
// power button is pressed. It refuses to be an operating system.
package romguest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
)

const emulator = "qemu-system-x86_64"

// Guest is a QEMU that runs until the test ends, or earlier.
type Guest struct {
	*lab.Process
	Dir     string // for sockets; its path is short
	QMP     string // a monitor's socket, listening before QEMU runs
	Monitor string // a second QMP monitor's, there once the first has answered

	debug net.Conn // the other end of the debug port
}

// Start runs code on a q35 machine without KVM. args come last on QEMU's
// command line; DIR in them stands for Guest.Dir.
func Start(t lab.T, code Code, args ...string) *Guest {
	t.Helper()
	lab.Require(t, emulator)
	dir, err := os.MkdirTemp("", "rom")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	g := &Guest{Dir: dir, QMP: filepath.Join(dir, "qmp"), Monitor: filepath.Join(dir, "monitor")}
	firmware := filepath.Join(dir, "rom")
	if err := os.WriteFile(firmware, rom(code), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	socket, err := listening(g.QMP)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer socket.Close()
	var port *os.File
	if g.debug, port, err = pair(); err != nil {
		t.Fatalf("%v", err)
	}
	defer port.Close()
	t.Cleanup(func() { g.debug.Close() })
	cmd := exec.CommandContext(t.Context(), emulator,
		"-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-accel", "tcg", "-m", "16", "-bios", firmware,
		"-chardev", "socket,id=qmp,fd=3,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
		"-chardev", "socket,id=debug,fd=4", "-device", fmt.Sprintf("isa-debugcon,iobase=%d,chardev=debug", debugPort),
		"-qmp", "unix:"+g.Monitor+",server=on,wait=off")
	for _, arg := range args {
		cmd.Args = append(cmd.Args, strings.ReplaceAll(arg, "DIR", dir))
	}
	cmd.ExtraFiles = []*os.File{socket, port}
	var said bytes.Buffer
	cmd.Stderr = &said
	g.Process = lab.Start(t, cmd)
	t.Cleanup(func() {
		g.Kill()
		if t.Failed() && said.Len() > 0 {
			t.Logf("QEMU said: %s", said.String())
		}
	})
	return g
}

// upTime bounds what a guest of some instructions takes to run them.
const upTime = 30 * time.Second

// AwaitUp returns when the guest has run Up.
func (g *Guest) AwaitUp(t lab.T) {
	t.Helper()
	g.debug.SetReadDeadline(time.Now().Add(upTime))
	if _, err := g.debug.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the guest did not come up: %v", err)
	}
}

// pair makes two connected sockets, one for us and one for QEMU.
func pair() (ours net.Conn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	mine := os.NewFile(uintptr(fds[0]), "debug port")
	defer mine.Close()
	theirs = os.NewFile(uintptr(fds[1]), "debug port of QEMU")
	if ours, err = net.FileConn(mine); err != nil {
		theirs.Close()
	}
	return ours, theirs, err
}

// Freeze stops QEMU with SIGSTOP and returns once none of its threads runs.
func (g *Guest) Freeze(t lab.T) {
	t.Helper()
	g.Signal(unix.SIGSTOP)
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, g.Pid(), &info, unix.WSTOPPED|unix.WNOWAIT, nil)
		if err == nil {
			return
		}
		if err != unix.EINTR {
			t.Fatalf("cannot see QEMU stop: %v", err)
		}
	}
}

// listening makes the socket for QEMU to accept on.
func listening(path string) (*os.File, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	return l.File()
}
