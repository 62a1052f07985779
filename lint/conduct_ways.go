package lint

import (
	"mvdan.cc/sh/v3/syntax"
)

func (w *way) branch(c *syntax.IfClause, at line) line {
	if len(c.Cond) == 0 { // else
		return w.list(c.Then, at)
	}
	at = w.list(c.Cond, at)
	after := w.list(c.Then, at)
	if c.Else == nil {
		return after | at
	}
	return after | w.branch(c.Else, at)
}

func (w *way) loop(do []*syntax.Stmt, at line, forever bool) line {
	w.broken = append(w.broken, 0)
	after := w.list(do, at)
	broken := w.broken[len(w.broken)-1]
	w.broken = w.broken[:len(w.broken)-1]
	if forever {
		return broken
	}
	return at | after | broken
}

// endless tells whether a loop ends by break alone.
func endless(c *syntax.WhileClause) bool {
	if c.Until || len(c.Cond) != 1 {
		return false
	}
	_, name := simpleCall(c.Cond[0])
	return name == "true" || name == ":"
}

func (w *way) choice(c *syntax.CaseClause, at line) line {
	var after line
	whole := false
	for _, item := range c.Items {
		after |= w.list(item.Stmts, at)
		for _, p := range item.Patterns {
			text, _ := Literal(p)
			whole = whole || text == "*"
		}
	}
	if !whole {
		after |= at
	}
	return after
}

// endsLine tells whether a function of the script may have an eend, by itself or
// by others of it, which are not followed.
func (s *script) endsLine(name string) bool {
	f := s.funcs[name]
	if f == nil {
		return false
	}
	if f.ends == nil {
		ends := f.has("eend", "ewend", "veend", "vewend", "ebegin", "vebegin", "exit", "default_start", "default_stop", ".", "eval")
		for _, c := range f.calls {
			ends = ends || s.funcs[c.name] != nil
		}
		f.ends = &ends
	}
	return *f.ends
}
