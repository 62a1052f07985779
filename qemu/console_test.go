package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guestrc/guestrc/screen"
	rom "github.com/guestrc/guestrc/tests/romguest"
)

// The guest speaks at its first instruction, and none of it is missed: QEMU
// waits for us to listen.
func TestConsoleReady(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says, pattern, want string
	}{
		"first word":  {"up\r\nand more", `^up$`, ""},
		"much before": {strings.Repeat("noise\r\n", 200) + "login: ", `login: $`, ""},
		"never":       {"down\r\n", `up`, `the console did not say "up": `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startROM(t, rom.Do(rom.Print(c.says), rom.Up(), rom.Idle()), consoleArgs...)
			r.m.Readiness = Ready{How: "console", Pattern: c.pattern, Timeout: patience}
			if c.want != "" {
				r.m.Readiness.Timeout = brief
			}
			r.settle()
			err := r.m.Ready(t.Context(), r.p)
			if fmt.Sprint(err) == "<nil>" != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			r.AwaitUp(t) // whether or not it was heard, the guest goes on
		})
	}
}

// What QEMU sends in two pieces is one line, unless there is silence between them.
func TestConsoleReadyBehindAPromptOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		says, hears := net.Pipe()
		defer says.Close()
		m := &Machine{console: hears, Readiness: Ready{Pattern: `^up$|login: $`}}
		ended := make(chan error, 1)
		go func() { ended <- m.consoleReady(t.Context()) }()
		for _, piece := range []string{"up", "grading\r\n", "login: ", "last login: never\r\n", "not yet"} {
			fmt.Fprint(says, piece)
			time.Sleep(screen.Silence / 2)
		}
		time.Sleep(time.Hour)
		select {
		case err := <-ended:
			t.Fatalf("it heard a prompt where there was none: %v", err)
		default:
		}
		fmt.Fprint(says, "\r\nlogin: ")
		began := time.Now()
		if err := <-ended; err != nil || time.Since(began) != screen.Silence {
			t.Errorf("a prompt: %v after %v", err, time.Since(began))
		}
	})
}

// A guest whose console never ends its line, nor is ever silent, is listened to
// until the time is over.
func TestConsoleReadyEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, pause := range []time.Duration{screen.Silence / 10, screen.Silence * 3 / 4, time.Hour} {
			says, hears := net.Pipe()
			m := &Machine{console: hears, Readiness: Ready{Pattern: "login: $"}}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			var speaks sync.WaitGroup
			speaks.Go(func() {
				for _, err := says.Write([]byte("login:")); err == nil; _, err = says.Write([]byte(" login:")) {
					time.Sleep(pause)
				}
			})
			began := time.Now()
			if err := m.consoleReady(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
				t.Errorf("a word every %v: %v after %v", pause, err, time.Since(began))
			}
			cancel()
			says.Close()
			speaks.Wait()
		}
	})
}

// consoleArgs are what a Machine with ready=console has.
var consoleArgs = []string{"-S", "-chardev", "socket,id=console,path=DIR/console,server=on,wait=off", "-serial", "chardev:console"}

// settle lets the guest run, as a start does.
func (r *romMachine) settle() {
	r.t.Helper()
	if err := r.m.Settle(within(r.t, patience), r.p); err != nil {
		r.t.Fatal(err)
	}
}

func TestConsoleReadyErrors(t *testing.T) {
	t.Parallel()
	r := startROM(t, rom.Do(rom.ListenToButton(), rom.Print("bye\r\n"), rom.PowerOff()), consoleArgs...)
	r.m.Readiness = Ready{How: "console", Pattern: "up", Timeout: patience}
	r.settle()
	if err := r.m.Ready(t.Context(), r.p); err == nil || !strings.HasPrefix(err.Error(), "QEMU ended: ") {
		t.Errorf("QEMU ended while it was listened to: %v", err)
	}

	r = startROM(t, rom.Idle(), consoleArgs...)
	r.m.Readiness = Ready{How: "console", Pattern: "(", Timeout: patience}
	r.settle()
	if err := r.m.Ready(t.Context(), r.p); err == nil || !strings.Contains(err.Error(), "cannot understand ready") {
		t.Errorf("a pattern that is none: %v", err)
	}
	r.m.console = nil
	if err := r.m.Ready(t.Context(), r.p); err == nil || !strings.Contains(err.Error(), "not heard from the beginning") {
		t.Errorf("an adopted guest: %v", err)
	}
	r.m.Sockets.Console = r.Dir + "/none"
	if _, err := r.m.dialConsole(t.Context(), r.p); err == nil || !strings.HasPrefix(err.Error(), "cannot hear the console: ") {
		t.Errorf("no console: %v", err)
	}
}
