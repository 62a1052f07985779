package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// screen is a terminal that one picture after another is painted on, without
// flicker, and that is afterwards as it was. Where standard output is none,
// live is false and it does nothing.
type screen struct {
	live          bool
	width, height int

	out     *os.File
	resized chan os.Signal
	in      *os.File // whose keys are read; nil: none are
	before  *unix.Termios
}

// Sequences of ECMA-48 and xterm: another screen, whose long lines are cut
// rather than wrapped, and without a cursor; and back.
const (
	enterScreen = "\033[?1049h\033[?7l\033[?25l"
	leaveScreen = "\033[?25h\033[?7h\033[?1049l"
	home        = "\033[H"
	clearLine   = "\033[K"
	clearRest   = "\033[J"
)

// newScreen takes over the terminal that e prints to, if it is one, and a JSON
// reader does not sit behind it.
func newScreen(e *env) *screen {
	out, _ := e.stdout.(*os.File)
	s := &screen{live: e.out.live && out != nil && !e.wantJSON(), out: out, resized: make(chan os.Signal, 1)}
	if !s.live {
		return s
	}
	signal.Notify(s.resized, unix.SIGWINCH)
	s.resize()
	fmt.Fprint(s.out, enterScreen)
	return s
}

// resize asks how large the terminal is; one that does not say has 80 by 24.
func (s *screen) resize() {
	s.width, s.height = 80, 24
	if w, h, err := term.GetSize(int(s.out.Fd())); err == nil && w > 0 && h > 0 {
		s.width, s.height = w, h
	}
}

// paint puts lines in the place of the last picture, in one write. Where there
// is no room, the last line says how many are missing.
func (s *screen) paint(lines []string) error {
	if missing := len(lines) - s.height; missing > 0 {
		lines = append(lines[:s.height-1:s.height-1], fmt.Sprintf("and %d more", missing+1))
	}
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(shorten(line, s.width))
		b.WriteString(clearLine)
	}
	b.WriteString(clearRest)
	if _, err := s.out.WriteString(b.String()); err != nil {
		return fmt.Errorf("cannot print to the terminal: %w", err)
	}
	return nil
}

// leave gives the terminal back, if that is still there; from then on this is
// none.
func (s *screen) leave() {
	if !s.live {
		return
	}
	s.live = false
	signal.Stop(s.resized)
	if s.before != nil {
		unix.IoctlSetTermios(int(s.in.Fd()), unix.TCSETS, s.before)
	}
	fmt.Fprint(s.out, leaveScreen)
}

// keys are what is typed from now on, unseen and without waiting for Enter.
// Ctrl-C stays the signal that it is; Ctrl-Z and Ctrl-\ are none, as they would
// leave the terminal as it is here. Nil where input is not a terminal.
func (s *screen) keys(e *env) <-chan byte {
	in, ok := e.stdin.(*os.File)
	if !s.live || !ok {
		return nil
	}
	before, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return nil
	}
	now := *before
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	now.Cc[unix.VSUSP], now.Cc[unix.VQUIT] = 0, 0 // _POSIX_VDISABLE
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &now); err != nil {
		return nil
	}
	s.in, s.before = in, before
	typed := make(chan byte)
	go func() { // until the program ends
		key := make([]byte, 1)
		for {
			if n, err := in.Read(key); err != nil || n == 0 {
				return
			}
			typed <- key[0]
		}
	}()
	return typed
}
