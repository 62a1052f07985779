package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// lastCommand looks at the last command of a function whose status OpenRC asks
// for: of start, stop, and what runs before and after them.
func (s *script) lastCommand(f *function) {
	body, ok := f.decl.Body.Cmd.(*syntax.Block)
	if !ok {
		return
	}
	alone := len(body.Stmts) == 1 && (f.name == "start" || f.name == "stop")
	s.falseAtLast(f.name, body.Stmts, alone)
	if f.name == "start" || f.name == "stop" {
		s.lostAtLast(f.name, body.Stmts)
	}
}

// lostAtLast looks for a daemon's command whose status nothing uses, in a
// function that ends in what always succeeds.
func (s *script) lostAtLast(name string, list []*syntax.Stmt) {
	if len(list) == 0 || s.actsOnDaemon(list[len(list)-1]) {
		return
	}
	if c, _ := simpleCall(list[len(list)-1]); c == nil || !s.housekeeping(list[len(list)-1]) {
		return
	}
	for i, st := range list {
		if !s.actsOnDaemon(st) || st.Negated || st.Background {
			continue
		}
		for _, later := range list[i+1:] {
			if _, name := simpleCall(later); usesStatus(later) || isEend(name) {
				return
			}
		}
		s.report("GL504", st.Pos(), "", "%s() ends in a command that succeeds whatever comes of this one", name)
		return
	}
}

func (s *script) falseAtLast(name string, list []*syntax.Stmt, alone bool) {
	if len(list) == 0 {
		return
	}
	last := list[len(list)-1]
	switch c := last.Cmd.(type) {
	case *syntax.Block:
		s.falseAtLast(name, c.Stmts, alone)
	case *syntax.IfClause:
		for ; c != nil; c = c.Else {
			s.falseAtLast(name, c.Then, alone)
		}
	case *syntax.ForClause:
		s.falseAtLast(name, c.Do, false)
	case *syntax.CaseClause:
		for _, item := range c.Items {
			s.falseAtLast(name, item.Stmts, alone)
		}
	case *syntax.BinaryCmd:
		if c.Op == syntax.AndStmt && !last.Negated && s.isTest(c.X) && s.isAside(c.Y) && !alone {
			s.report("GL506", last.Pos(), "", "%s() fails when this condition is false: its status is the function's", name)
		}
	}
}

// isAside tells whether a command is done on the side: what comes of it is not
// what the function was called for.
func (s *script) isAside(st *syntax.Stmt) bool {
	if b, ok := st.Cmd.(*syntax.Block); ok {
		if len(b.Stmts) == 0 {
			return false
		}
		st = b.Stmts[len(b.Stmts)-1]
	}
	c, name := simpleCall(st)
	if c == nil {
		_, ok := st.Cmd.(*syntax.CallExpr) // an assignment
		return ok
	}
	switch name {
	case "return", "exit", "eend", "ewend", "veend", "vewend", "true", "false", ":", "start-stop-daemon", "supervise-daemon", "":
		return false
	}
	return s.funcs[name] == nil && !s.isTest(st) && !strings.HasPrefix(name, "default_")
}

// alwaysStarted looks for a status() that cannot say that a service is down.
func (s *script) alwaysStarted() {
	f := s.funcs["status"]
	if f == nil {
		return
	}
	body, ok := f.decl.Body.Cmd.(*syntax.Block)
	if !ok || !endsWell(body.Stmts) {
		return
	}
	for _, c := range f.calls {
		switch c.name {
		case "exit", "exec", ".", "eval":
			return
		case "return":
			if c.substituted() {
				continue
			}
			if len(c.args) == 0 {
				return
			}
			if text, _ := Literal(c.args[0]); text != "0" {
				return
			}
		}
	}
	s.report("GL509", f.decl.Pos(), "", "status() succeeds whether the service runs or not")
}

// endsWell tells whether the last command of a list always succeeds.
func endsWell(list []*syntax.Stmt) bool {
	if len(list) == 0 {
		return false
	}
	last := list[len(list)-1]
	if last.Negated {
		return false
	}
	if c, ok := last.Cmd.(*syntax.IfClause); ok {
		for ; c != nil; c = c.Else {
			if !endsWell(c.Then) {
				return false
			}
		}
		return true
	}
	switch _, name := simpleCall(last); name {
	case "return", "echo", "einfo", "ewarn", "true", ":", "printf": // every return is looked at
		return true
	}
	return false
}
