package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/finding"
)

// bashNode reports a node that only other shells' grammars have. The first one of
// a file that is no POSIX sh is the parser's; this finds the others.
func (s *script) bashNode(f *frame) {
	at := f.node.Pos()
	switch n := f.node.(type) {
	case *syntax.TestClause:
		s.report("GL401", at, "", "[[: a test of bash and ksh")
	case *syntax.SglQuoted:
		s.dollarQuote(n.Dollar, at)
	case *syntax.DblQuoted:
		s.dollarQuote(n.Dollar, at)
	case *syntax.Word:
		s.dollarWord(n)
	case *syntax.ParamExp:
		s.bashParam(n)
	case *syntax.FuncDecl:
		if n.RsrvWord {
			s.more(at, "the function keyword")
		}
	case *syntax.Assign:
		switch {
		case n.Append:
			s.more(at, n.Name.Value+"+=")
		case n.Array != nil || n.Index != nil:
			s.more(at, "arrays")
		}
	case *syntax.Redirect:
		s.bashRedirect(n)
	case *syntax.ForClause:
		if _, ok := n.Loop.(*syntax.CStyleLoop); ok || n.Select {
			s.more(at, "such a loop")
		}
	case *syntax.Subshell:
		s.doubleParens(n)
	case *syntax.ArithmCmd:
		s.more(at, "((…))")
	case *syntax.LetClause:
		s.report("GL406", at, "write : $((…))", "let is bash's")
	case *syntax.DeclClause:
		if v := n.Variant.Value; v == "declare" || v == "typeset" {
			s.report("GL406", at, "use local, or nothing", "%s is bash's", v)
		}
	case *syntax.ProcSubst:
		s.more(at, "<(…)")
	case *syntax.ExtGlob:
		s.more(at, "such a pattern")
	case *syntax.CoprocClause:
		s.more(at, "coproc")
	case *syntax.BinaryCmd:
		if n.Op == syntax.PipeAll {
			s.more(n.OpPos, "|&")
		}
	case *syntax.CaseItem:
		if n.Op == syntax.Fallthrough || n.Op == syntax.Resume {
			s.more(n.OpPos, n.Op.String())
		}
	case *syntax.ArithmExp:
		if n.Bracket {
			s.more(at, "$[…]")
		}
		s.bashArithmetic(n)
	case *syntax.CmdSubst:
		s.bashSubstitution(n)
	case *syntax.WordIter:
		s.braces(n.Items)
	}
}

// more reports syntax of other shells, once for a line, and not what the parser
// stumbled over already.
func (s *script) more(at syntax.Pos, what string) {
	if line := at.Line(); line != s.stumbled && line != s.foreign {
		s.foreign = line
		s.report("GL003", at, inPOSIX(what), "%s: a feature of other shells", what)
		s.common(what)
	}
}

// inPOSIX is how a POSIX shell says it.
func inPOSIX(what string) string {
	for _, way := range [...][2]string{
		{"arrays", `set -- A B; for x in "$@"; …; or one variable, with blanks between`},
		{"<<<", "printf '%s\\n' TEXT | COMMAND"}, {"herestring", "printf '%s\\n' TEXT | COMMAND"},
		{"<(", "COMMAND | …, or a file between"}, {"&>", ">FILE 2>&1"}, {">& FILE", ">FILE 2>&1"}, {"|&", "2>&1 |"},
		{"+=", `NAME="$NAME…"`}, {"search and replace", "${NAME#…}, ${NAME%…}, or sed"}, {"${NAME/", "${NAME#…}, ${NAME%…}, or sed"},
		{"slicing", "${NAME#…}, ${NAME%…}, or cut -c"}, {"${NAME:", "${NAME#…}, ${NAME%…}, or cut -c"},
		{"function", "NAME() { …; }"}, {"$(<FILE)", "$(cat FILE)"}, {"$[", "$((…))"}, {"++", "NAME=$((NAME + 1))"}, {"--", "NAME=$((NAME - 1))"},
		{"c-style", "i=0; while [ $i -lt N ]; do …; i=$((i + 1)); done"}, {"((", ": $((…)), or [ A -lt B ]"}, {"{!", `eval "x=\$$NAME"`},
	} {
		if strings.Contains(what, way[0]) {
			return "write " + way[1]
		}
	}
	return ""
}

// common makes the last finding a warning if busybox and bash both have what it
// is about, so that dash alone fails.
func (s *script) common(what string) {
	for _, sign := range []string{"&>", "${NAME/", "${NAME:", "search and replace", "slicing", "function", "in $((…))"} {
		if strings.Contains(what, sign) {
			s.found[len(s.found)-1].Severity = finding.Warning
		}
	}
}

func (s *script) dollarQuote(dollar bool, at syntax.Pos) {
	if dollar {
		s.report("GL408", at, "", "a dollar before quotes: dash takes it for a dollar")
	}
}

// dollarWord finds $'…' in a POSIX tree: a literal that ends in a dollar, then
// quotes. $"$x" may be meant as a dollar and a value.
func (s *script) dollarWord(w *syntax.Word) {
	for i, p := range w.Parts {
		lit, ok := p.(*syntax.Lit)
		if !ok || i+1 == len(w.Parts) || !strings.HasSuffix(lit.Value, "$") || strings.HasSuffix(lit.Value, `\$`) {
			continue
		}
		switch q := w.Parts[i+1].(type) {
		case *syntax.SglQuoted:
			s.dollarQuote(true, q.Pos())
		case *syntax.Lit:
			if strings.HasPrefix(q.Value, "[") {
				s.more(lit.Pos(), "$[…]")
			}
		}
	}
}

// bashRedirect finds redirections of other shells.
func (s *script) bashRedirect(n *syntax.Redirect) {
	switch n.Op {
	case syntax.RdrAll, syntax.AppAll, syntax.WordHdoc:
		s.more(n.OpPos, n.Op.String())
	case syntax.DplOut: // >&2 is POSIX's; >&FILE is not
		if text, ok := Literal(n.Word); ok && n.N == nil && text != "-" && strings.Trim(text, "0123456789-") != "" {
			s.more(n.OpPos, ">& FILE")
		}
	}
	if n.N != nil && strings.HasPrefix(n.N.Value, "{") {
		s.more(n.N.Pos(), n.N.Value+">")
	}
}

// doubleParens finds ((…)), which a POSIX parser takes for two subshells.
func (s *script) doubleParens(n *syntax.Subshell) {
	if len(n.Stmts) != 1 {
		return
	}
	in, ok := n.Stmts[0].Cmd.(*syntax.Subshell)
	if ok && in.Lparen.Offset() == n.Lparen.Offset()+1 && in.Rparen.Offset()+1 == n.Rparen.Offset() {
		s.more(n.Pos(), "((…))")
	}
}

// bashParam finds expansions and variables of other shells.
func (s *script) bashParam(p *syntax.ParamExp) {
	at := p.Pos()
	switch {
	case p.Index != nil:
		s.more(at, "arrays")
	case p.Excl || p.Names != 0:
		s.more(at, "${!NAME}")
	case p.Slice != nil:
		s.more(at, "${NAME:OFFSET:LENGTH}")
	case p.Repl != nil:
		s.more(at, "${NAME/PATTERN/TEXT}")
	case p.Exp != nil && p.Exp.Op >= syntax.UpperFirst:
		s.more(at, "${NAME"+p.Exp.Op.String()+"}")
	}
	if p.Param == nil || p.Index != nil || s.set(p.Param.Value) {
		return
	}
	switch name := p.Param.Value; name {
	case "RANDOM", "UID", "EUID", "SECONDS", "BASHPID", "BASH_SOURCE", "BASH_VERSINFO", "FUNCNAME", "PIPESTATUS", "OSTYPE",
		"MACHTYPE", "HOSTTYPE", "SHLVL", "DIRSTACK", "BASH_REMATCH", "SRANDOM", "EPOCHSECONDS":
		pair := name == "UID" && strings.Contains(string(s.src), "GID") // which bash does not set: conf.d does
		if p.Exp == nil && !pair {                                      // a default says that it may be empty
			s.report("GL405", at, "", "%s: only bash sets it", name)
		}
	}
}
