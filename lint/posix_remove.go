package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// removal looks for rm -r of a path that is one at the root if a variable is empty.
func (s *script) removal(c *call) {
	if !recursive(c) {
		return
	}
	before := len(s.found)
	for _, w := range c.args {
		parts := flat(w.Parts)
		if lit, ok := parts[0].(*syntax.Lit); ok && lit.Value == "/" { // "/$A": / itself
			parts = parts[1:]
			if len(parts) == 1 && s.emptyParam(parts[0]) {
				s.report("GL411", w.Pos(), "", "rm -r %s: all of / if the variable is empty", s.source(w))
			}
			continue
		}
		if len(parts) < 2 || !s.emptyParam(parts[0]) {
			continue
		}
		if rest, ok := Literal(&syntax.Word{Parts: parts[1:]}); ok && rooted(rest) {
			s.report("GL411", w.Pos(), "", "rm -r %s: %s if the variable is empty", s.source(w), rest)
		}
	}
	if len(s.found) == before {
		s.unquoted(c)
	}
}

func (s *script) emptyParam(p syntax.WordPart) bool {
	param, ok := p.(*syntax.ParamExp)
	return ok && param.Exp == nil && s.maybeEmpty(param)
}

func recursive(c *call) bool {
	for _, w := range c.args {
		text, _ := Literal(w)
		if text == "--recursive" || strings.HasPrefix(text, "-") && !strings.HasPrefix(text, "--") && strings.ContainsAny(text, "rR") {
			return true
		}
	}
	return false
}

// flat takes double quotes away.
func flat(parts []syntax.WordPart) (all []syntax.WordPart) {
	for _, p := range parts {
		if q, ok := p.(*syntax.DblQuoted); ok {
			all = append(all, flat(q.Parts)...)
		} else {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return parts
	}
	return all
}

// rooted tells whether a path is the root, all in it, or a directory of it.
func rooted(path string) bool {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return false
	}
	top, below, _ := strings.Cut(rest, "/")
	switch top {
	case "", "*", ".*":
		return true
	case "bin", "boot", "dev", "etc", "home", "lib", "lib64", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys", "usr", "var", "tmp":
		return strings.Trim(below, "*/") == ""
	}
	return false
}

// cdThenRemove looks for a cd whose failure nobody heeds, and an rm of what lies
// in the working directory.
func (s *script) cdThenRemove(list []*syntax.Stmt) {
	into := syntax.Pos{}
	for _, st := range list {
		c, ok := st.Cmd.(*syntax.CallExpr)
		if !ok || len(c.Args) == 0 {
			continue
		}
		name, _ := Literal(c.Args[0])
		switch {
		case name == "cd" && len(c.Args) == 2 && !st.Negated:
			into = st.Pos()
			if dir, ok := Literal(c.Args[1]); ok && (dir == "/" || dir == "/tmp" || dir == "-" || strings.HasPrefix(dir, "..")) {
				into = syntax.Pos{}
			}
		case name == "rm" && into.IsValid() && relative(c.Args[1:]):
			s.report("GL414", st.Pos(), "", "rm of what is in the working directory, and nothing heeds whether the cd in line %d succeeded", into.Line())
			return
		}
	}
}

// cdNowhere: without quotes, cd of an empty variable goes home, and succeeds; with
// them it stays.
func (s *script) cdNowhere(n *syntax.BinaryCmd) {
	cd, into := simpleCall(n.X)
	rm, name := simpleCall(n.Y)
	if n.Op != syntax.AndStmt || into != "cd" || name != "rm" || len(cd.Args) != 2 || !relative(rm.Args[1:]) {
		return
	}
	if parts := flat(cd.Args[1].Parts); len(parts) == 1 && s.emptyParam(parts[0]) {
		s.report("GL414", n.Y.Pos(), "write ${NAME:?}", "rm of what is in the working directory: if the variable is empty, the cd in line %d succeeds and goes elsewhere", cd.Pos().Line())
	}
}

// relative tells whether a path among the words begins neither with / nor with an
// expansion.
func relative(words []*syntax.Word) bool {
	for _, w := range words {
		if lit, ok := w.Parts[0].(*syntax.Lit); ok && !strings.HasPrefix(lit.Value, "-") && !strings.HasPrefix(lit.Value, "/") && !strings.HasPrefix(lit.Value, "~") {
			return true
		}
	}
	return false
}
