package lint

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
)

func parseRules() finding.Catalogue {
	return finding.Catalogue{
		{ID: "GL001", Title: "a file that cannot be read", Severity: finding.Error,
			Why: "No shell can run it as it is.",
			Fix: "a script is a text of less than 256 KiB, with Unix line ends"},
		{ID: "GL002", Title: "a syntax error", Severity: finding.Error,
			Why: "The shell stops there: the service cannot be started, and its dependencies are unknown.",
			Fix: "sh -n FILE says the same in the shell's words"},
		{ID: "GL003", Title: "syntax that POSIX shells do not have", Severity: finding.Error,
			Why: "openrc-run uses /bin/sh, which is dash or busybox on many systems: there it is a syntax error, or does something else.",
			Fix: "write it as POSIX sh has it"},
		{ID: "GL004", Title: "a directive that silences nothing", Severity: finding.Info,
			Why: "An id that no rule has, or that is misspelt, leaves the finding where it was.",
			Fix: "guestrc help ID tells what an id means"},
	}
}

// parse makes the tree, by bash's syntax where POSIX's does not do. False: there
// is none, and the reason was reported.
func (s *script) parse() bool {
	if len(s.src) > MaxSize {
		s.at("GL001", confd.Pos{File: s.name}, "", "cannot read this file: it has %d bytes, and no script is that long", len(s.src))
		return false
	}
	if i := bytes.IndexByte(s.src, 0); i >= 0 {
		line, col := position(s.src, i)
		s.at("GL001", confd.Pos{File: s.name, Line: line, Col: col}, "", "there is a NUL byte: it is no text")
		return false
	}
	if i := bytes.Index(s.src, []byte("\r\n")); i >= 0 {
		line, col := position(s.src, i)
		s.at("GL001", confd.Pos{File: s.name, Line: line, Col: col}, "dos2unix, or: sed -i 's/\\r$//'", "the lines end as on DOS: the shell takes the carriage return for part of the last word")
		return false
	}
	if i := nested(s.src); i >= 0 {
		line, col := position(s.src, i)
		s.at("GL001", confd.Pos{File: s.name, Line: line, Col: col}, "", "cannot read this file: %d brackets are open here, and no script has that many", maxNesting)
		return false
	}
	tree, err := s.parsed(syntax.LangPOSIX)
	for range maxNegated {
		if err == nil || !s.negated(err) {
			break
		}
		tree, err = s.parsed(syntax.LangPOSIX)
	}
	if err == nil {
		s.tree = tree
		return true
	}
	tree, other := s.parsed(syntax.LangBash)
	if other == nil {
		s.tree, s.bash = tree, true
		s.bashOnly(err)
		return true
	}
	at, text := placeOf(other) // what is wrong for every shell, not the first that is bash's
	s.report("GL002", at, "", "%s", text)
	return false
}

func (s *script) parsed(lang syntax.LangVariant) (*syntax.File, error) {
	return syntax.NewParser(syntax.Variant(lang), syntax.KeepComments(true)).Parse(bytes.NewReader(readableText(s.src)), s.name)
}

// readableText is a text with a letter for every byte that is no UTF-8: the parser
// refuses such, and shells do not. Names of authors in Latin-1 are no fault.
func readableText(src []byte) []byte {
	if utf8.Valid(src) {
		return src
	}
	text := slices.Clone(src)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			text[i] = '_'
		}
		i += size
	}
	return text
}

// maxNegated places are mended so; each costs a reading of the file.
const maxNegated = 16

// negated parts the "!(" that the parser stumbled over, and tells whether it did:
// in sh it is "! (", as no shell for scripts has bash's extended globs.
func (s *script) negated(err error) bool {
	e := new(syntax.LangError)
	if !errors.As(err, e) {
		return false
	}
	at := int(e.Pos.Offset())
	if at+1 >= len(s.src) || string(s.src[at:at+2]) != "!(" || at > 0 && !strings.ContainsRune(" \t\n;&|", rune(s.src[at-1])) {
		return false
	}
	s.src = slices.Insert(slices.Clone(s.src), at+1, ' ')
	s.blanks = append(s.blanks, uint(at)+1)
	return true
}

// bashOnly reports what the POSIX parser stumbled over.
func (s *script) bashOnly(err error) {
	at, text := placeOf(err)
	if e := new(syntax.LangError); !errors.As(err, e) { // "|&" is told in words of the shell's, if the tree has it
		s.unnamed, s.unnamedText = at, text
		return
	}
	s.stumbled = at.Line()
	s.report("GL003", at, inPOSIX(text), "%s: a feature of other shells", text)
	s.common(text)
}

// placeOf is where the parser stopped, and why, without the place.
func placeOf(err error) (syntax.Pos, string) {
	if e := new(syntax.LangError); errors.As(err, e) {
		return e.Pos, e.Feature
	}
	if e := new(syntax.ParseError); errors.As(err, e) {
		return e.Pos, e.Text
	}
	return syntax.Pos{}, err.Error()
}

// position counts lines and columns from 1.
func position(src []byte, offset int) (line, col int) {
	before := string(src[:offset])
	return strings.Count(before, "\n") + 1, offset - strings.LastIndexByte(before, '\n')
}
