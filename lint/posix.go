package lint

import (
	"slices"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/finding"
)

func posixRules() finding.Catalogue {
	return finding.Catalogue{
		{ID: "GL401", Title: "[[ … ]]", Severity: finding.Warning,
			Why: "It is bash's: dash and other shells look for a command of that name.",
			Fix: "use [ … ] with quotes around variables, or case for patterns"},
		{ID: "GL402", Title: "an operator of [ that POSIX does not have", Severity: finding.Warning,
			Why: "Where /bin/sh is dash the test is an error, which counts as false.",
			Fix: "use = for ==; grep -q or case for =~"},
		{ID: "GL403", Title: "source", Severity: finding.Warning,
			Why: "POSIX's command is a dot; dash has no other.",
			Fix: "write '. FILE'"},
		{ID: "GL404", Title: "options of echo", Severity: finding.Warning,
			Why: "dash and others print -e as text, and understand backslashes without it.",
			Fix: "use printf"},
		{ID: "GL405", Title: "a variable that bash sets", Severity: finding.Warning,
			Why: "Other shells leave it empty.",
			Fix: "ask a command: id -u for UID, hostname for HOSTNAME"},
		{ID: "GL406", Title: "a command, or an option of one, that bash has", Severity: finding.Warning,
			Why: "Other shells do not find it, or refuse the option.",
			Fix: "do it by what POSIX has"},
		{ID: "GL407", Title: "braces that bash expands", Severity: finding.Warning,
			Why: "dash and busybox take {a,b} as it stands: one word, braces and all.",
			Fix: "write the words out"},
		{ID: "GL408", Title: "$'…' and $\"…\"", Severity: finding.Warning,
			Why: "dash takes the dollar for itself and the rest for a plain string.",
			Fix: "use printf, or the character itself"},
		{ID: "GL411", Title: "a removal that an empty variable turns against the root", Severity: finding.Warning,
			Why: "If the variable is empty, what is left is a path at the root, and rm -r begins there.",
			Fix: "write ${NAME:?}, which stops the script instead"},
		{ID: "GL412", Title: "[ -n ] of a word without quotes", Severity: finding.Warning,
			Why: "An empty word vanishes, and [ -n ] with no word is true: the test can never fail.",
			Fix: "put it in double quotes"},
		{ID: "GL413", Title: "a word without quotes in [ … ]", Severity: finding.Warning,
			Why: "If it is empty the test has an operand too few: an error at run time, which counts as false.",
			Fix: "put it in double quotes"},
		{ID: "GL414", Title: "rm after a cd that may fail", Severity: finding.Warning,
			Why: "If the directory is not there, the files of another one are removed: for a service, those in /.",
			Fix: "write 'cd DIR || return 1', or give rm the whole path"},
		{ID: "GL415", Title: "a test that the shell reads in another way", Severity: finding.Error,
			Why: "[ is a command, and its operands are words: what is written without blanks is one of them.",
			Fix: "write blanks between [, operands, operators and ]"},
		{ID: "GL416", Title: "a removal of a word without quotes", Severity: finding.Info,
			Why: "The shell splits the word at blanks and takes stars in it for patterns: rm -r gets other paths than were meant.",
			Fix: "put it in double quotes"},
	}
}

// posix looks for what /bin/sh may not have, and for words that need quotes.
func (s *script) posix() {
	for _, c := range s.calls {
		if s.funcs[c.name] != nil {
			continue
		}
		s.bashCommand(c)
		s.braces(c.args)
		switch c.name {
		case "[", "test":
			s.test(c)
			s.misread(c)
		case "rm":
			s.removal(c)
		case "find":
			s.search(c)
		default:
			s.unopened(c)
		}
	}
	for _, f := range s.nodes {
		s.bashNode(f)
		if n, ok := f.node.(*syntax.BinaryCmd); ok {
			s.cdNowhere(n)
		}
		if list := statements(f.node); len(list) > 1 {
			s.cdThenRemove(list)
		}
	}
	if line := s.unnamed.Line(); s.unnamed.IsValid() && !slices.ContainsFunc(s.found, func(f finding.Finding) bool {
		return f.Pos.Line == int(line) && (f.ID == "GL003" || f.ID == "GL401")
	}) {
		s.report("GL003", s.unnamed, "", "%s", s.unnamedText)
	}
}

// statements are the commands that a node runs one after the other; of an if or a
// loop those of its body, not of its condition.
func statements(n syntax.Node) []*syntax.Stmt {
	switch n := n.(type) {
	case *syntax.File:
		return n.Stmts
	case *syntax.Block:
		return n.Stmts
	case *syntax.Subshell:
		return n.Stmts
	case *syntax.CmdSubst:
		return n.Stmts
	case *syntax.IfClause: // an else is an IfClause of its own
		return n.Then
	case *syntax.WhileClause:
		return n.Do
	case *syntax.ForClause:
		return n.Do
	case *syntax.CaseItem:
		return n.Stmts
	}
	return nil
}
