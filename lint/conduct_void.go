package lint

import (
	"mvdan.cc/sh/v3/syntax"
)

// voids looks for a $? that cannot tell anything: what ran right before it always
// has the same status, and is not what the status was meant of.
func (s *script) voids(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.IfClause:
		if len(n.Cond) > 0 && len(n.Then) > 0 && statusFirst(n.Then[0]) && !s.isTest(n.Then[0]) {
			s.voidCondition(n.Cond[len(n.Cond)-1], n.Then[0])
		}
		s.voidAfter(n.Then)
	default:
		s.voidAfter(statements(n))
	}
}

// voidCondition: in the branch that a condition leads to, the condition was true
// and $? is 0.
func (s *script) voidCondition(cond, st *syntax.Stmt) {
	switch {
	case cond.Negated && cond.Cmd != nil:
		s.report("GL511", st.Pos(), "cmd || { rc=$?; …; return $rc; }", "$? is 0 here: the ! in line %d made it so, whatever the command's status was", cond.Pos().Line())
	case s.isTest(cond) && usesStatus(cond):
		s.report("GL511", st.Pos(), "rc=$?; if [ $rc -ne 0 ]; then …", "$? is 0 here: it is the status of the test in line %d", cond.Pos().Line())
	}
}

// passesOn tells whether a statement hands $? on: to eend, return or exit.
func passesOn(st *syntax.Stmt) bool {
	c, name := simpleCall(st)
	return c != nil && (isEend(name) || name == "return" || name == "exit") && len(c.Args) > 1 && isStatus(c.Args[1])
}

// voidAfter: a command in the background has no status yet, and what only prints
// or assigns always has 0.
func (s *script) voidAfter(list []*syntax.Stmt) {
	for i, st := range list {
		if i == 0 || !passesOn(st) {
			continue
		}
		before := list[i-1]
		switch {
		case before.Background:
			s.report("GL511", st.Pos(), "start-stop-daemon --start --background --make-pidfile --pidfile FILE --exec PROGRAM", "$? is 0 here: the command in line %d runs in the background, and has not ended", before.Pos().Line())
		case i > 1 && s.alwaysWell(before) && s.matters(list[:i-1]):
			s.report("GL511", st.Pos(), "rc=$? right after the command that matters, and $rc here", "$? is 0 here: it is the status of line %d, which cannot fail", before.Pos().Line())
		}
	}
}

// alwaysWell tells whether a statement has the status 0 whatever happens. What
// writes to a file may fail, and that is often what is asked for.
func (s *script) alwaysWell(st *syntax.Stmt) bool {
	call, ok := st.Cmd.(*syntax.CallExpr)
	if !ok || st.Negated || len(st.Redirs) > 0 {
		return false
	}
	if len(call.Args) == 0 {
		return s.housekeeping(st)
	}
	switch _, name := simpleCall(st); name {
	case "echo", "einfo", "einfon", "veinfo", ":", "true":
		return s.funcs[name] == nil
	case "local", "export", "readonly": // of local x=$(cmd) GL507 tells
		return !hasSubst(call)
	}
	return false
}

// matters tells whether the command before, of those up to the last ebegin, is
// one of which the status was meant; of a daemon's GL504 tells.
func (s *script) matters(list []*syntax.Stmt) bool {
	for i := len(list) - 1; i >= 0; i-- {
		c, name := simpleCall(list[i])
		switch {
		case c == nil && !s.alwaysWell(list[i]), name == "ebegin", isEend(name), s.actsOnDaemon(list[i]), usesStatus(list[i]):
			return false
		case !s.alwaysWell(list[i]) && !s.housekeeping(list[i]):
			return true
		}
	}
	return false
}
