package lint

import (
	"mvdan.cc/sh/v3/syntax"
)

// housekeeping tells whether a statement is one whose status is of no interest
// beside that of a daemon's start, or is always 0.
func (s *script) housekeeping(st *syntax.Stmt) bool {
	if st.Negated || s.actsOnDaemon(st) {
		return !st.Negated
	}
	switch c := st.Cmd.(type) {
	case *syntax.BinaryCmd: // [ … ] && rm …
		return c.Op == syntax.AndStmt && s.isTest(c.X) && s.housekeeping(c.Y)
	case *syntax.CallExpr:
		if len(c.Args) == 0 {
			for _, a := range c.Assigns {
				if a.Value != nil && hasSubst(a.Value) {
					return false
				}
			}
			return true
		}
	}
	c, name := simpleCall(st)
	if c == nil || s.funcs[name] != nil {
		return false
	}
	switch name {
	case "rm", "sleep", "echo", "einfo", "ewarn", "einfon", "ewarnn", "veinfo", "vewarn", "true", ":", "unset", "local", "eindent",
		"eoutdent", "veindent", "veoutdent", "printf", "rmdir", "usleep", "service_set_value", "mark_service_started", "mark_service_stopped":
		return true
	}
	return false
}

func hasSubst(n syntax.Node) (found bool) {
	syntax.Walk(n, func(n syntax.Node) bool {
		_, ok := n.(*syntax.CmdSubst)
		found = found || ok
		return !found
	})
	return found
}

// isTest tells whether a statement asks something and does nothing.
func (s *script) isTest(st *syntax.Stmt) bool {
	if b, ok := st.Cmd.(*syntax.BinaryCmd); ok {
		return (b.Op == syntax.AndStmt || b.Op == syntax.OrStmt) && s.isTest(b.X) && s.isTest(b.Y)
	}
	if _, ok := st.Cmd.(*syntax.TestClause); ok {
		return true
	}
	_, name := simpleCall(st)
	switch name {
	case "[", "[[", "test", "yesno":
		return s.funcs[name] == nil
	}
	return false
}
