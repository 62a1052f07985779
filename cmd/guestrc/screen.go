package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// screen is a terminal that one picture after another is painted on, without
// flicker, and that is as it was afterwards, and while Ctrl-Z has stopped the
// program. Where standard output is none, live is false and it does nothing.
type screen struct {
	live          bool
	width, height int

	out     *os.File
	in      *os.File       // a terminal whose keys are read; nil: none are
	resized chan os.Signal // another picture is due
	stops   bool           // Ctrl-Z does

	mu     sync.Mutex // guards what follows, and the terminal
	taken  bool
	before *unix.Termios // of in
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
	if in, ok := e.stdin.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		s.in = in
	}
	signal.Notify(s.resized, unix.SIGWINCH)
	if s.stops = stoppable(); s.stops {
		told := make(chan os.Signal, 1)
		signal.Notify(told, unix.SIGTSTP)
		go s.suspend(told)
	}
	s.resize()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take()
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.out.WriteString(b.String()); err != nil {
		return fmt.Errorf("cannot print to the terminal: %w", err)
	}
	return nil
}

// take makes it a screen: what is typed comes unseen and without waiting for
// Enter. Ctrl-C stays the signal that it is; Ctrl-\ is none, and Ctrl-Z only with
// stops, as they would leave the terminal as it is here. s.mu is held.
func (s *screen) take() {
	if s.in != nil {
		if before, err := unix.IoctlGetTermios(int(s.in.Fd()), unix.TCGETS); err == nil {
			now := *before
			now.Lflag &^= unix.ICANON | unix.ECHO
			now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
			now.Cc[unix.VQUIT] = 0 // _POSIX_VDISABLE
			if !s.stops {
				now.Cc[unix.VSUSP] = 0
			}
			// In the background this stops us (termios(3), SIGTTOU), before anything
			// is painted.
			if unix.IoctlSetTermios(int(s.in.Fd()), unix.TCSETS, &now) == nil {
				s.before = before
			}
		}
	}
	s.taken = true
	fmt.Fprint(s.out, enterScreen)
}

// give is the way back, as far as the terminal is still there. The modes of one
// that others use in the foreground are theirs. s.mu is held.
func (s *screen) give() {
	if !s.taken {
		return
	}
	s.taken = false
	if s.before != nil {
		if group, err := unix.IoctlGetInt(int(s.in.Fd()), unix.TIOCGPGRP); err == nil && group == unix.Getpgrp() {
			unix.IoctlSetTermios(int(s.in.Fd()), unix.TCSETS, s.before)
		}
		s.before = nil
	}
	fmt.Fprint(s.out, leaveScreen)
}

// leave gives the terminal back; from then on this is none.
func (s *screen) leave() {
	if s.live {
		s.live = false
		signal.Stop(s.resized)
		s.release()
	}
}

// release gives the terminal back whoever is at it: of several goroutines, one
// is about to end the program by a panic.
func (s *screen) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.give()
}

// stoppable tells whether a shell with job control has started us, which will
// know that we are stopped, and let us continue.
func stoppable() bool {
	parent := os.Getppid()
	session, err := unix.Getsid(parent)
	group, errGroup := unix.Getpgid(parent)
	own, errOwn := unix.Getsid(0)
	return errors.Join(err, errGroup, errOwn) == nil && session == own && group != unix.Getpgrp() && !signal.Ignored(unix.SIGTSTP)
}

// suspend stops the program, each time that it is told to, when the terminal is
// as it was. SIGTSTP, once caught, has no default action in Go any more.
func (s *screen) suspend(told <-chan os.Signal) {
	runtime.LockOSThread() // the signal to it acts before the call returns
	for range told {       // until the program ends
		s.mu.Lock()
		was := s.taken
		s.give()
		unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGSTOP)
		if was {
			s.take()
		}
		s.mu.Unlock()
		select {
		case s.resized <- unix.SIGWINCH:
		default: // it is due as it is
		}
	}
}

// keys are what is typed from now on. Nil where input is not a terminal.
func (s *screen) keys() <-chan byte {
	if !s.live || s.in == nil {
		return nil
	}
	typed := make(chan byte)
	go func() { // until the program ends
		key := make([]byte, 1)
		for {
			if n, err := s.in.Read(key); err != nil || n == 0 {
				return
			}
			typed <- key[0]
		}
	}()
	return typed
}
