package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/finding"
)

func confRules() finding.Catalogue {
	return finding.Catalogue{
		{ID: "GL701", Title: "a command in a conf.d file", Severity: finding.Warning,
			Why: "OpenRC sources the file at every command of the service, and whenever it brings its dependencies up to date: the command runs each time.",
			Fix: "set variables there, and run commands in the script"},
		{ID: "GL702", Title: "an assignment that is none", Severity: finding.Error,
			Why: "A shell takes 'NAME = VALUE' for a command NAME, and 'NAME=A B' for a command B: nothing is set.",
			Fix: "write NAME=\"VALUE\", without blanks around ="},
		{ID: "GL703", Title: "a variable that is set twice", Severity: finding.Info,
			Why: "The last one counts, and who edits the first wonders.",
			Fix: "keep one of them"},
	}
}

// conf looks at what a conf.d file does beside setting variables.
func (s *script) conf() {
	if s.kind == Conf || s.kind == Script {
		s.assignments()
	}
	if s.kind != Conf {
		return
	}
	s.commands()
	s.twice()
}

// assignments looks for commands that were meant for assignments.
func (s *script) assignments() {
	for _, c := range s.calls {
		if c.substituted() {
			continue
		}
		if meant := s.assignmentMeant(c); meant != "" && (c.in == nil || len(c.node.Assigns) == 0) {
			s.report("GL702", c.node.Pos(), meant, "the shell takes %s for a command", s.taken(c))
		}
	}
}

// taken is what of a line the shell takes for a command.
func (s *script) taken(c *call) string { return s.source(c.node.Args[0]) }

// assignmentMeant is what a command must look like to be the assignment that it
// was surely meant for; empty: it may be a command.
func (s *script) assignmentMeant(c *call) string {
	if len(c.args) > 0 && syntax.ValidName(c.name) && s.funcs[c.name] == nil && !tells(c.name) {
		if first, _ := Literal(c.args[0]); strings.HasPrefix(first, "=") && !strings.HasPrefix(first, "==") && c.name != "test" {
			return "write " + c.name + "=…, without blanks"
		}
	}
	if len(c.node.Assigns) == 0 {
		return ""
	}
	last := c.node.Assigns[len(c.node.Assigns)-1]
	if last.Name == nil {
		return ""
	}
	name := last.Name.Value
	switch {
	case strings.HasPrefix(c.name, "-"):
		return "write " + name + "=\"…\", with quotes around all of it"
	case last.Value == nil && (quoted(c.node.Args[0]) || strings.Trim(c.name, "0123456789") == "" && c.name != ""):
		return "write " + name + "=…, without a blank"
	case s.kind == Conf && len(c.node.Assigns) == 1 && !environment(name):
		return "write " + name + "=\"…\", with quotes around all of it"
	}
	return ""
}

// quoted tells whether a word is in quotes, as the name of a command is not.
func quoted(w *syntax.Word) bool {
	if len(w.Parts) != 1 {
		return false
	}
	switch w.Parts[0].(type) {
	case *syntax.SglQuoted, *syntax.DblQuoted:
		return true
	}
	return false
}

// environment tells whether a variable is one that commands are run with.
func environment(name string) bool {
	return strings.HasPrefix(name, "LC_") || name == "LANG" || name == "IFS" || name == "PATH" || name == "TZ"
}

// commands looks for what runs when the file is sourced. What a shell does by
// itself costs nothing; what it starts does.
func (s *script) commands() {
	for _, c := range s.calls {
		if c.in != nil || costless(c.name) || s.funcs[c.name] != nil || s.assignmentMeant(c) != "" || strings.ContainsAny(c.name, "@=") {
			continue
		}
		if c.substituted() {
			s.lesser("GL701", c.node.Pos(), "", "%s runs whenever this file is read", s.taken(c))
		} else {
			s.report("GL701", c.node.Pos(), "", "%s runs whenever this file is read", s.taken(c))
		}
	}
}

// costless tells whether a command is part of every shell, or of no cost where a
// conf.d file has it.
func costless(name string) bool {
	switch name {
	case ":", "[", "[[", "test", "export", "readonly", "local", "unset", "set", ".", "source", "return", "break", "continue", "shift",
		"umask", "ulimit", "true", "false", "eval", "alias", "echo", "printf", "command", "type", "declare", "typeset", "read", "cd", "pwd", "let", "shopt", "trap", "exit", "yesno", "sourcex":
		return true
	}
	return false
}
