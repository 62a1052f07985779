package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// speaker owns the wording's frame: OpenRC's " * " marks, colours, and where a
// line goes. Results go to standard output, warnings and errors to standard
// error. It obeys EINFO_QUIET, RC_NOCOLOR (openrc-run(8)) and NO_COLOR.
type speaker struct {
	out, err io.Writer
	quiet    bool
	colour   bool
	width    int  // of the terminal, in characters; 0: not a terminal
	live     bool // a line may be rewritten: standard output is a terminal
	marks    bool // not under systemd, whose journal has its own
}

func newSpeaker(out, err io.Writer, getenv func(string) string) *speaker {
	s := &speaker{out: out, err: err, quiet: yes(getenv("EINFO_QUIET")), marks: getenv("JOURNAL_STREAM") == "" || getenv("NOTIFY_SOCKET") == ""}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && getenv("TERM") != "dumb" {
		s.live = !s.quiet
		s.width, _, _ = term.GetSize(int(f.Fd())) // 0 when the terminal does not say
		s.colour = !yes(getenv("RC_NOCOLOR")) && getenv("NO_COLOR") == ""
	}
	return s
}

func yes(v string) bool {
	switch strings.ToLower(v) {
	case "yes", "true", "on", "1", "y":
		return true
	}
	return false
}

const green, yellow, red = "32", "33", "31"

func (s *speaker) mark(colour string) string {
	switch {
	case !s.marks:
		return ""
	case s.colour:
		return " \033[1;" + colour + "m*\033[0m "
	}
	return " * "
}

func (s *speaker) info(text string) {
	if !s.quiet {
		fmt.Fprintln(s.out, s.mark(green)+clean(text))
	}
}

func (s *speaker) warn(err error) {
	s.lines(s.mark(yellow)+"warning: ", err)
}

// fail prints the error that ends the program.
func (s *speaker) fail(err error) {
	if err != nil && !errors.As(err, new(silent)) {
		s.lines(s.mark(red), err)
	}
}

// lines prints err: several joined errors one by one, each with its hints, and
// then the hints of what they are wrapped in.
func (s *speaker) lines(mark string, err error) {
	head, parts, outer := split(err)
	if len(parts) == 0 {
		s.paragraph(mark, err.Error(), outer)
		return
	}
	if head != "" {
		s.paragraph(mark, head, nil)
		mark = strings.Repeat(" ", len(" * ")) + " "
	}
	for _, part := range parts {
		s.lines(mark, part)
	}
	s.hints(outer)
}

func (s *speaker) paragraph(mark, text string, hints []string) {
	fmt.Fprintln(s.err, mark+clean(text))
	s.hints(hints)
}

func (s *speaker) hints(hints []string) {
	for _, hint := range hints {
		fmt.Fprintln(s.err, "     hint: "+clean(hint))
	}
}

// split finds joined errors inside err, the words that stand before them, and
// the hints of what is around them, outermost first. One that is joined with
// nothing is no list; without a list the hints are all there are.
func split(err error) (head string, parts []error, hints []string) {
	text := err.Error()
	for inner := err; inner != nil; {
		if h, ok := inner.(interface{ HintText() string }); ok && h.HintText() != "" {
			hints = append(hints, h.HintText())
		}
		many, ok := inner.(interface{ Unwrap() []error })
		switch {
		case !ok:
			inner = errors.Unwrap(inner)
		case len(many.Unwrap()) == 1:
			inner = many.Unwrap()[0]
		case errors.Join(many.Unwrap()...).Error() == inner.Error():
			return strings.TrimSuffix(strings.TrimSuffix(text, inner.Error()), " "), many.Unwrap(), hints
		default: // several in one sentence
			for _, err := range many.Unwrap() {
				hints = append(hints, allHints(err)...)
			}
			return "", nil, hints
		}
	}
	return "", nil, hints
}

// allHints are those of err and of what it wraps, outermost first.
func allHints(err error) []string {
	_, parts, hints := split(err)
	for _, part := range parts {
		hints = append(hints, allHints(part)...)
	}
	return hints
}

// transient shows text on a line that the next output replaces.
func (s *speaker) transient(text string) {
	if s.live {
		fmt.Fprint(s.out, "\r\033[K")
		if text != "" {
			fmt.Fprint(s.out, s.mark(green)+clean(text))
		}
	}
}

// cut shortens text to one line of the terminal, mark included.
func (s *speaker) cut(text string) string {
	room := s.width - len(" * ") - 1
	if runes := []rune(text); s.width > 0 && len(runes) > room {
		return string(runes[:max(0, room-1)]) + "…"
	}
	return text
}

// line is clean for text that is one line, whatever a guest or a file put in.
func line(text string) string {
	return clean(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, text))
}

// clean keeps control and format characters, which may come from a guest or a
// file, off the terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) && r != '\n' && r != '\t' {
			return '\uFFFD'
		}
		return r
	}, text)
}

// silent is an exit status whose reason was printed already.
type silent int

func (s silent) Error() string   { return fmt.Sprintf("exit status %d", int(s)) }
func (s silent) ExitStatus() int { return int(s) }
