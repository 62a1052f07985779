package lint

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
)

// Kind is what a file is, which decides what rules hold for it.
type Kind int

// The kinds of files.
const (
	Other  Kind = iota // of another program: nothing is said of it
	Script             // run by openrc-run(8)
	Conf               // a conf.d file, which OpenRC sources
	Shell              // any other script for sh
)

// World is what is known besides the file itself.
type World struct {
	// Service tells whether a service of that name exists, or is provided by
	// one; nil: nothing is known of services.
	Service func(name string) bool
}

// Linter holds files against the rules. It may be used by several goroutines.
type Linter struct {
	world  World
	themes []theme
	rules  finding.Catalogue
}

// theme is rules that go together, and the function that finds what breaks them.
type theme struct {
	rules finding.Catalogue
	find  func(*script)
}

// themes are all rules, in the order of their ids.
func themes() []theme {
	return []theme{
		{parseRules(), func(*script) {}}, // what parse finds
		{processRules(), (*script).processes},
		{scopeRules(), (*script).scopes},
		{dependRules(), (*script).depends},
		{posixRules(), (*script).posix},
		{conductRules(), (*script).conduct},
		{daemonRules(), (*script).daemons},
		{confRules(), (*script).conf},
	}
}

// Rules is the catalogue.
func Rules() finding.Catalogue {
	var all finding.Catalogue
	for _, t := range themes() {
		all = append(all, t.rules...)
	}
	return all
}

// New makes a Linter.
func New(w World) *Linter { return &Linter{world: w, themes: themes(), rules: Rules()} }

// MaxSize is more bytes than any init script has; the largest known has 60 KiB.
const MaxSize = 256 << 10

// Lint finds what is wrong with a file's text. Nothing is read but src; name
// tells what the file is to be called and, by its directory, what kind it may be.
func (l *Linter) Lint(name string, src []byte) (found []finding.Finding) {
	s := &script{name: name, src: src, rules: l.rules, world: l.world, kind: KindOf(name, src)}
	if s.kind == Other {
		return nil
	}
	defer func() { // of the parser; its fuzzers have found such
		if r := recover(); r != nil {
			s.found = nil
			s.at("GL001", confd.Pos{File: name}, "", "cannot read this file: the parser failed (%v)", r)
			found = s.found
		}
	}()
	if !s.parse() {
		return s.found
	}
	s.index()
	if s.nameless.IsValid() {
		s.report("GL002", s.nameless, "", "a function without a name")
		return finding.Sort(s.enabled())
	}
	if s.deep.IsValid() {
		s.report("GL001", s.deep, "", "cannot read this file: %d things lie in each other here, and no script has that many", maxDeep)
		return s.found
	}
	for _, t := range l.themes {
		t.find(s)
	}
	return finding.Sort(s.enabled())
}

// KindOf tells what a file is, from its first line and its name.
func KindOf(name string, src []byte) Kind {
	first, _, _ := strings.Cut(string(src[:min(len(src), 200)]), "\n")
	interpreter, ok := strings.CutPrefix(first, "#!")
	if !ok {
		return withoutInterpreter(name, src)
	}
	for _, w := range strings.Fields(interpreter) {
		switch w[strings.LastIndexByte(w, '/')+1:] {
		case "openrc-run", "runscript":
			return Script
		case "sh", "dash", "ash", "bash", "busybox":
			if dependsOn(src) {
				return Script // as it was meant to be: GL309 tells
			}
		}
		switch w[strings.LastIndexByte(w, '/')+1:] {
		case "sh", "dash", "ash":
			return Shell
		}
	}
	return Other
}

// dependsOn tells whether there is a depend(), which init scripts alone have.
func dependsOn(src []byte) bool { return bytes.Contains(src, []byte("\ndepend()")) }

// installed tells whether a file lies where OpenRC executes it, or is named to.
func installed(name string) bool {
	return filepath.Base(filepath.Dir(name)) == "init.d" || strings.HasSuffix(name, ".initd")
}

// withoutInterpreter: a conf.d file is known by its directory or its name, or by
// its first line that says something; depend() is in init scripts alone.
func withoutInterpreter(name string, src []byte) Kind {
	dir, base := filepath.Base(filepath.Dir(name)), filepath.Base(name)
	if dir == "conf.d" || strings.HasSuffix(base, ".confd") || strings.Contains(base, "conf.d") {
		return Conf
	}
	if installed(name) && dependsOn(src) {
		return Script
	}
	for line := range strings.Lines(string(src[:min(len(src), 64<<10)])) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, _, ok := strings.Cut(line, "=")
		if ok && syntax.ValidName(strings.TrimPrefix(name, "export ")) {
			return Conf
		}
		break
	}
	if dependsOn(src) {
		return Script
	}
	return Other
}

// report notes a fault at a node of the tree. hint may be empty for the
// catalogue's.
func (s *script) report(id string, at syntax.Pos, hint, format string, args ...any) {
	pos := confd.Pos{File: s.name, Line: int(at.Line()), Col: int(at.Col())}
	for _, blank := range s.blanks {
		if blank < at.Offset() && at.Offset() < blank+at.Col() { // on the same line
			pos.Col--
		}
	}
	s.at(id, pos, hint, format, args...)
}

func (s *script) at(id string, pos confd.Pos, hint, format string, args ...any) {
	s.found = append(s.found, s.rules.New(id, "", pos, fmt.Sprintf(format, args...), hint))
}

// Unreadable is what is to be said of a file that could not be read.
func Unreadable(name string, err error) finding.Finding {
	return parseRules().New("GL001", "", confd.Pos{File: name}, "cannot read it: "+err.Error(), "lint reads regular files, and those in directories")
}
