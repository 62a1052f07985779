package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// statuses looks for exit statuses that come to nothing, in a list of statements.
func (s *script) statuses(list []*syntax.Stmt) {
	for i, st := range list {
		s.bareEnd(list, i)
		if i+1 == len(list) || st.Negated || st.Background {
			continue
		}
		next := list[i+1]
		switch {
		case s.actsOnDaemon(st):
			if !usesStatus(next) {
				s.lostStatus(list, i)
			}
		case declares(st) && statusFirst(next):
			s.report("GL507", next.Pos(), "", "$? here is that of the declaration in line %d, and no longer the command's", st.Pos().Line())
		case s.piped(st) && statusFirst(next):
			s.report("GL508", next.Pos(), "", "$? here is that of the last command of the pipeline in line %d", st.Pos().Line())
		}
	}
}

// actsOnDaemon tells whether a statement starts or stops a daemon, and no more.
func (s *script) actsOnDaemon(st *syntax.Stmt) bool {
	c, name := simpleCall(st)
	if c == nil || name != "start-stop-daemon" && name != "supervise-daemon" {
		return false
	}
	does := false
	for i, w := range c.Args[1:] {
		text, _ := Literal(w)
		switch {
		case text == "--":
			return does
		case text == "--start" || text == "--stop":
			does = true
		case text == "--test" || text == "--signal" || text == "-t" || text == "-s":
			return false
		case len(text) > 1 && text[0] == '-' && text[1] != '-' && strings.ContainsAny(text, "SK"):
			does = i == 0 || does
		}
	}
	return does
}

// lostStatus looks at what comes after the daemon's command i, if its status is
// not used at once.
func (s *script) lostStatus(list []*syntax.Stmt, i int) {
	for k := i + 1; k < len(list); k++ {
		c, name := simpleCall(list[k])
		if isEend(name) {
			if len(c.Args) > 1 && isStatus(c.Args[1]) && k > i+1 && s.housekeeping(list[k-1]) {
				s.report("GL504", list[k].Pos(), "", "%s $? is the status of line %d, and not of the daemon's command in line %d", name, list[k-1].Pos().Line(), list[i].Pos().Line())
			}
			return
		}
		if usesStatus(list[k]) || name == "return" || name == "ebegin" {
			return
		}
		if s.actsOnDaemon(list[k]) { // it has its own turn
			if k+1 == len(list) {
				return
			}
			if _, next := simpleCall(list[k+1]); !isEend(next) {
				return
			}
		}
	}
}

func isEend(name string) bool {
	return name == "eend" || name == "ewend" || name == "veend" || name == "vewend"
}

func isStatus(w *syntax.Word) bool {
	parts := flat(w.Parts)
	if len(parts) != 1 {
		return false
	}
	p, ok := parts[0].(*syntax.ParamExp)
	return ok && p.Param != nil && p.Param.Value == "?"
}

// declares tells whether a statement is "local x=$(cmd)" or the like.
func declares(st *syntax.Stmt) bool {
	if d, ok := st.Cmd.(*syntax.DeclClause); ok {
		return len(d.Args) == 1 && d.Args[0].Value != nil && hasSubst(d.Args[0].Value)
	}
	c, name := simpleCall(st)
	return c != nil && (name == "local" || name == "export" || name == "readonly") && len(c.Args) == 2 && hasSubst(c.Args[1])
}

// statusFirst tells whether a statement asks for $? before it runs anything.
func statusFirst(st *syntax.Stmt) bool {
	switch c := st.Cmd.(type) {
	case *syntax.IfClause:
		return len(c.Cond) > 0 && statusFirst(c.Cond[0])
	case *syntax.BinaryCmd:
		return statusFirst(c.X)
	case *syntax.CaseClause:
		return usesStatus(c.Word)
	case *syntax.CallExpr:
		return usesStatus(c) && !hasSubst(c)
	case *syntax.TestClause:
		return usesStatus(c)
	}
	return false
}

// piped tells whether a statement is a daemon's command, or the service's own,
// with what only passes its output on.
func (s *script) piped(st *syntax.Stmt) bool {
	b, ok := st.Cmd.(*syntax.BinaryCmd)
	if !ok || b.Op != syntax.Pipe {
		return false
	}
	switch _, name := simpleCall(b.Y); name {
	case "tee", "cat", "logger":
	default: // a loop or a filter may be asked for its own status
		return false
	}
	_, first := simpleCall(b.X)
	switch first {
	case "echo", "printf", "cat", "":
		return s.actsOnDaemon(b.X)
	}
	return true
}

// bareEnd looks at eend's first argument.
func (s *script) bareEnd(list []*syntax.Stmt, i int) {
	c, name := simpleCall(list[i])
	if !isEend(name) || s.funcs[name] != nil {
		return
	}
	if len(c.Args) > 1 {
		if text, ok := Literal(c.Args[1]); ok && text != "" && strings.Trim(text, "-0123456789") != "" {
			s.report("GL505", c.Pos(), "", "%s %q: that is no status, so it counts as 1", name, text)
		}
		return
	}
	if i == 0 {
		return
	}
	before, what := simpleCall(list[i-1])
	if before != nil && what != "ebegin" && what != "vebegin" && !s.housekeeping(list[i-1]) || s.actsOnDaemon(list[i-1]) {
		s.report("GL505", c.Pos(), "", "%s without a status says ok, whatever came of line %d", name, list[i-1].Pos().Line())
	}
}
