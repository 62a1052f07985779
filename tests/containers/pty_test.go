package containers

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a program on a pseudo-terminal (pty(7)), typed at by the test.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd

	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // has room for one: there is more text
	ended   chan struct{} // closed: there will be no more
}

// onTerminal starts cmd as the leader of a session with a terminal of that size.
func onTerminal(t *testing.T, cmd *exec.Cmd, rows, cols uint16) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	tt := &terminal{t: t, master: master, cmd: cmd, changed: make(chan struct{}, 1), ended: make(chan struct{})}
	tt.resize(rows, cols)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go tt.read()
	return tt
}

func (tt *terminal) resize(rows, cols uint16) {
	tt.t.Helper()
	if err := unix.IoctlSetWinsize(int(tt.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols}); err != nil {
		tt.t.Fatal(err)
	}
}

func (tt *terminal) read() {
	defer close(tt.ended)
	buf := make([]byte, 4096)
	for {
		n, err := tt.master.Read(buf)
		tt.mu.Lock()
		tt.text.Write(buf[:n])
		tt.mu.Unlock()
		if err != nil { // EIO: nobody has the other end open any more
			return
		}
		select {
		case tt.changed <- struct{}{}:
		default:
		}
	}
}

func (tt *terminal) typed(text string) {
	tt.t.Helper()
	if _, err := tt.master.WriteString(text); err != nil {
		tt.t.Fatal(err)
	}
}

// raw waits until the program has taken the terminal's lines and echo away: what
// was typed before, it throws away (tcsetattr(3), TCSAFLUSH).
func (tt *terminal) raw() {
	tt.t.Helper()
	for range 2000 {
		mode, err := unix.IoctlGetTermios(int(tt.master.Fd()), unix.TCGETS)
		if err != nil {
			tt.t.Fatal(err)
		}
		if mode.Lflag&(unix.ICANON|unix.ECHO) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond) // nothing tells of it
	}
	tt.t.Fatalf("the terminal is not raw:\n%s", tt.said())
}

func (tt *terminal) said() string {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	return tt.text.String()
}

// wants waits until the terminal shows text.
func (tt *terminal) wants(text string) {
	tt.t.Helper()
	deadline := time.After(20 * time.Second)
	for !strings.Contains(tt.said(), text) {
		select {
		case <-tt.changed:
		case <-tt.ended:
			if !strings.Contains(tt.said(), text) {
				tt.t.Fatalf("the terminal closed without %q:\n%s", text, tt.said())
			}
			return
		case <-deadline:
			tt.t.Fatalf("the terminal does not show %q:\n%s", text, tt.said())
		}
	}
}

// exit waits for the program's end.
func (tt *terminal) exit() int {
	tt.t.Helper()
	tt.cmd.Wait()
	return tt.cmd.ProcessState.ExitCode()
}
