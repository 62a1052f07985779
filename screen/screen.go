// Package screen tells whether a console has shown a line: of what was written
// to a terminal it keeps the words, and drops colours and cursor movements. It
// refuses to keep more than a part of a line that has no end.
package screen

import (
	"regexp"
	"strings"
	"time"
)

// Screen looks for one pattern in what is written to it.
type Screen struct {
	pattern *regexp.Regexp
	line    []byte
	escape  int // how far we are into an escape sequence
}

// New makes an empty one.
func New(pattern *regexp.Regexp) *Screen { return &Screen{pattern: pattern} }

// lineRoom is how much of an unfinished line is kept, in bytes.
const lineRoom = 1 << 10

// Shows takes the next piece of text and tells whether a line matches that is
// complete, or longer than what is kept of one.
func (s *Screen) Shows(piece []byte) bool {
	for _, b := range piece {
		switch {
		case s.escaped(b) || b == 0:
		case b == '\r' || b == '\n':
			if s.pattern.Match(s.line) {
				return true
			}
			s.line = s.line[:0]
		default:
			s.line = append(s.line, b)
		}
	}
	if len(s.line) <= lineRoom {
		return false
	}
	matches := s.pattern.Match(s.line)
	s.line = append(s.line[:0], s.line[len(s.line)-lineRoom:]...)
	return matches
}

// Silence is how long a console writes nothing behind a prompt. What is followed
// by something sooner is the beginning of a line.
const Silence = 200 * time.Millisecond

// Waits tells whether what there is so far of the last line matches, such as a
// prompt. It is for a console that has been silent for some time.
func (s *Screen) Waits() bool { return s.pattern.Match(s.line) }

// Where a terminal is in an escape sequence (ECMA-48, 5.4 and 5.6).
const (
	noEscape   = iota
	afterESC   // then [ begins a control sequence, ] P X ^ _ a string
	inSequence // up to a letter, or what is next to letters
	inString   // up to BEL, or ESC \
)

// escaped tells whether b belongs to an escape sequence. A control character
// ends one that was cut off, so that the end of a line is never swallowed.
func (s *Screen) escaped(b byte) bool {
	was := s.escape
	s.escape = noEscape
	switch {
	case b == 0x1b:
		s.escape = afterESC
	case b < ' ':
		return was == inString && b == '\a'
	case was == afterESC && b == '[', was == inSequence && b < '@':
		s.escape = inSequence
	case was == afterESC && strings.IndexByte("]PX^_", b) >= 0, was == inString:
		s.escape = inString
	case was == afterESC && b < '0':
		s.escape = afterESC
	}
	return was != noEscape || b == 0x1b
}
