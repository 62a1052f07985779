package confile

import (
	"bytes"
	"strings"
)

// source is the text of one file.
type source struct {
	name string
	text []byte
}

// span is a stretch of a source's text.
type span struct{ start, end int }

// statement is a line "key = value" where it stands.
type statement struct {
	src        *source
	line       span // with its line end
	key, value span // the value without spaces around it and without its quotes
	pos        Pos  // of the key
}

func (s *statement) text(sp span) string { return string(s.src.text[sp.start:sp.end]) }

// whole is the line to take out: with its line end, unless that
// belongs to what stands before on the line that people see.
func (s *statement) whole() span {
	sp := s.line
	if sp.start > 0 && s.src.text[sp.start-1] != '\n' {
		for sp.end > sp.start && (s.src.text[sp.end-1] == '\n' || s.src.text[sp.end-1] == '\r') {
			sp.end--
		}
	}
	return sp
}

// lines gives the lines of a text to f: LXC ends one at LF and at CR, numbers
// follow LF alone, as in every editor. Between start and end is the line,
// between end and next what ends it.
func (s *source) lines(f func(start, end, next int, pos Pos) bool) {
	number, first := 1, 0
	for start := 0; start < len(s.text); {
		end := len(s.text)
		if i := bytes.IndexAny(s.text[start:], "\r\n"); i >= 0 {
			end = start + i
		}
		next := end
		if next < len(s.text) && s.text[next] == '\r' {
			next++
		}
		if next < len(s.text) && s.text[next] == '\n' {
			next++
		}
		if !f(start, end, next, place(s.name, number, start-first+1)) {
			return
		}
		if next > end && s.text[next-1] == '\n' {
			number, first = number+1, next
		}
		start = next
	}
}

// blank is what LXC takes away around keys and values.
const blank = " \t"

func (s *source) trim(sp span) span {
	for sp.start < sp.end && strings.IndexByte(blank, s.text[sp.start]) >= 0 {
		sp.start++
	}
	for sp.end > sp.start && strings.IndexByte(blank, s.text[sp.end-1]) >= 0 {
		sp.end--
	}
	return sp
}

// unquote takes away one pair of quotes around the whole value. Nothing is
// escaped within, and spaces inside stay.
func (s *source) unquote(sp span) span {
	if sp.end-sp.start < 2 {
		return sp
	}
	first, last := s.text[sp.start], s.text[sp.end-1]
	if first == last && (first == '"' || first == '\'') {
		return span{sp.start + 1, sp.end - 1}
	}
	return sp
}

// Kinds of lines.
const (
	empty   = iota // or a comment
	ignored        // does not begin with "lxc."
	setting
	malformed // begins with "lxc." and has no "="
)

// read understands one line (parse_line in src/lxc/confile.c).
func (s *source) read(start, end, next int, pos Pos) (statement, int) {
	st := statement{src: s, line: span{start, next}, pos: pos}
	all := s.trim(span{start, end})
	st.key = all
	st.pos.Col += all.start - start
	text := s.text[all.start:all.end]
	if len(text) == 0 || text[0] == '#' {
		return st, empty
	}
	equals := bytes.IndexByte(text, '=')
	if equals >= 0 {
		st.key = s.trim(span{all.start, all.start + equals})
		st.value = s.unquote(s.trim(span{all.start + equals + 1, all.end}))
	}
	switch {
	case !bytes.HasPrefix(text, []byte("lxc.")):
		return st, ignored
	case equals < 0:
		return st, malformed
	}
	return st, setting
}
