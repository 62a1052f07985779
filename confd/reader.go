package confd

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// reader reads one guest's files into one environment.
type reader struct {
	files  []string
	parser *syntax.Parser
	env    *environment

	skipped   []Skipped // of a foreign file
	functions []Function
}

func newReader(preset map[string]string) *reader {
	return &reader{parser: newParser(), env: newEnvironment(preset)}
}

func newParser() *syntax.Parser {
	return syntax.NewParser(syntax.Variant(syntax.LangPOSIX), syntax.KeepComments(true))
}

// read takes in one file: bytes, syntax, meaning, values, in that order. What
// comes later may rely on what came before.
func (r *reader) read(name string, src []byte) error {
	program, err := understand(r.parser, name, src)
	if err != nil {
		return err
	}
	return r.take(name, program)
}

// understand is the part of read that is the same for every guest.
func understand(parser *syntax.Parser, name string, src []byte) (program []statement, err error) {
	s := &source{name: name, text: src}
	defer caught(name, &err)
	if e := checkBytes(name, src); e != nil {
		return nil, e
	}
	tree, err := s.parse(parser)
	if err != nil {
		return nil, err
	}
	return s.translate(tree)
}

// take carries out what a file says.
func (r *reader) take(name string, program []statement) (err error) {
	defer caught(name, &err)
	for _, st := range program {
		if len(r.env.uncertain) > 0 {
			if e := r.env.doubts(st); e != nil {
				return e
			}
		}
		if e := r.env.run(st); e != nil {
			return e
		}
	}
	r.files = append(r.files, name)
	return nil
}

// caught turns a panic into an error. The parser has panicked on bad input
// before, and this program runs as root over files of many guests: a broken
// file must not hide the others.
func caught(name string, err *error) {
	if p := recover(); p != nil {
		*err = &Error{Pos: Pos{File: name}, Msg: fmt.Sprintf("cannot understand the file: internal error: %v", p),
			Hint: "this is a bug in guestrc; please report it with the file"}
	}
}

// parse gives the syntax tree. A comment ends with its line, but the parser
// lets a backslash at its end join the next line (v3.14.1): such a backslash
// is blanked, which moves no position, and the text parsed again.
func (s *source) parse(parser *syntax.Parser) (*syntax.File, error) {
	for range 2 {
		tree, err := parser.Parse(bytes.NewReader(s.text), s.name)
		if err != nil {
			return nil, s.syntaxError(err)
		}
		if !s.blankBackslashes(tree) {
			return tree, nil
		}
	}
	return nil, &Error{Pos: Pos{s.name, 1, 1}, Msg: "comments that end in a backslash make the file ambiguous",
		Hint: "take those backslashes out"}
}

func (r *reader) config() *Config {
	return &Config{Files: r.files, Values: r.env.values()}
}

// syntaxError turns the parser's error into ours.
func (s *source) syntaxError(err error) error {
	var lang syntax.LangError
	if errors.As(err, &lang) {
		return &Error{Pos: s.pos(lang.Pos), Msg: "not POSIX shell: " + lang.Feature, Hint: hintStatic}
	}
	var parse syntax.ParseError
	if errors.As(err, &parse) {
		e := &Error{Pos: s.pos(parse.Pos), Msg: "shell syntax: " + parse.Text}
		switch {
		case strings.HasPrefix(parse.Text, "unclosed here-document"):
			// The parser quotes its word, which may be part of a password.
			e.Msg = "shell syntax: unclosed here-document"
		case strings.Contains(parse.Text, "without closing quote"):
			e.Hint = "the quote that opens here is never closed"
		case strings.HasPrefix(parse.Text, "a command can only contain words"):
			e.Hint = hintQuote
		}
		return e
	}
	return &Error{Pos: Pos{File: s.name, Line: 1, Col: 1}, Msg: "shell syntax: " + err.Error()}
}
