package qemu

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	rom "github.com/guestrc/guestrc/tests/romguest"
)

func TestScreen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern, text string
		want          bool
	}{
		"a line":              {`^up$`, "boot\r\nup\r\n", true},
		"a prompt":            {`login: $`, "\r\nDebian GNU/Linux 12 db ttyS0\r\n\r\ndb login: ", true},
		"not over a line end": {`one.*two`, "one\ntwo\n", false},
		"colours":             {`\[  OK  \] Reached target`, "[\x1b[0;32m  OK  \x1b[0m] Reached target Multi-User System.\r\n", true},
		"cleared screen":      {`^login:`, "\x1b[2J\x1b[1;1Hlogin:", true},
		"a title":             {`^login:$`, "\x1b]0;db\x07log\x1bP+q544e\x1b\\in:\r\n", true},
		"a character set":     {`^login:$`, "\x1b(B\x1b7login:\r\n", true},
		"a cut off sequence":  {`^login:$`, "\x1b[3\r\n\x1b]0;db\r\nlogin:", true},
		"progress bar":        {`^100%$`, "10%\r55%\r100%\r\n", true},
		"NULs":                {`^ready$`, "\x00re\x00ady\n", true},
		"behind a long line":  {`login:`, strings.Repeat("x", 3*lineRoom) + "login:", true},
		"far before":          {`early`, "early" + strings.Repeat("x", 3*lineRoom), true}, // seen when it came
		"never":               {`login:`, "logi\nn:", false},
		"nothing":             {`login:`, "", false},
		"bytes that are none": {`\bup\b`, "\xff\xfe up \xc3\n", true},
	} {
		for _, size := range []int{1, 2, 7, 4096} { // bytes in a piece
			s := screen{pattern: regexp.MustCompile(c.pattern)}
			got := false
			for piece := range slices.Chunk([]byte(c.text), size) {
				got = got || s.shows(piece)
			}
			if got != c.want {
				t.Errorf("%s in pieces of %d: %v", name, size, got)
			}
			if cap(s.line) > 8*lineRoom {
				t.Errorf("%s in pieces of %d: %d bytes are kept", name, size, cap(s.line))
			}
		}
	}
}

// Text must be found wherever it is cut, and nothing else.
func FuzzScreen(f *testing.F) {
	f.Add([]byte("boot\r\n\x1b[0;32mup\x1b[0m\r\n"), uint64(1))
	f.Add([]byte("up"), uint64(2))
	f.Add([]byte("u\x00p\x1b[up"), uint64(3))
	pattern := regexp.MustCompile(`up`)
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		cuts := rand.New(rand.NewPCG(seed, 0))
		s := screen{pattern: pattern}
		got := false
		for rest := text; len(rest) > 0 && !got; {
			n := 1 + cuts.IntN(len(rest))
			got = s.shows(rest[:n])
			rest = rest[n:]
			if len(s.line) > lineRoom {
				t.Fatalf("%d bytes are kept", len(s.line))
			}
		}
		if !bytes.ContainsAny(text, "\x00\x1b") && got != bytes.Contains(text, []byte("up")) {
			t.Errorf("found %v in %q", got, text)
		}
	})
}

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
