package lint

import (
	"mvdan.cc/sh/v3/syntax"
)

// line says what is known of the line that ebegin begins, on the ways that lead
// to a place; both bits: it depends. Zero: no way leads there.
type line int

const (
	ended line = 1 << iota
	begun
)

// way follows a function from its beginning to its ends.
type way struct {
	s      *script
	last   syntax.Pos // of the last ebegin
	broken []line     // what break leaves a loop with, of all loops around
	lost   []syntax.Pos

	elsewhere bool // the script reads another, whose functions may have an eend
}

// paths looks for ways through a function on which ebegin has no eend. Where it
// is not certain that the line is open it says nothing.
func (s *script) paths(f *function) {
	if !f.has("ebegin", "vebegin") {
		return
	}
	w := &way{s: s, elsewhere: s.sources()}
	after := w.stmt(f.decl.Body, ended)
	if !f.has("eend", "ewend", "veend", "vewend") && s.endsElsewhere() {
		return
	}
	if after == begun {
		s.report("GL502", w.last, f.swallowed(), "%s() ends, and no eend tells what came of this", f.name)
		return // its returns are the same fault
	}
	for _, at := range w.lost {
		s.report("GL503", at, "", "%s() returns here without eend", f.name)
	}
}

// swallowed is the hint where an eend is there, but as an argument of the command
// before it.
func (f *function) swallowed() string {
	for _, c := range f.calls {
		for _, w := range c.args {
			if text, _ := Literal(w); text == "eend" {
				return "take away the backslash at the end of the line before eend"
			}
		}
	}
	return ""
}

// has tells whether one of the commands is called in the function.
func (f *function) has(names ...string) bool {
	for _, c := range f.calls {
		for _, n := range names {
			if c.name == n {
				return true
			}
		}
	}
	return false
}

// endsElsewhere tells whether another function has an eend, but no ebegin: it may
// be this one's.
func (s *script) endsElsewhere() bool {
	if !s.counted {
		s.counted = true
		for _, g := range s.order {
			if g.has("eend", "ewend", "veend", "vewend") && !g.has("ebegin", "vebegin") {
				s.enders = true
			}
		}
	}
	return s.enders // f itself begins a line
}

func (w *way) list(list []*syntax.Stmt, at line) line {
	for _, st := range list {
		if at == 0 {
			return 0
		}
		at = w.stmt(st, at)
	}
	return at
}

func (w *way) stmt(st *syntax.Stmt, at line) line {
	switch c := st.Cmd.(type) {
	case *syntax.CallExpr:
		return w.call(st, at)
	case *syntax.Block:
		return w.list(c.Stmts, at)
	case *syntax.Subshell:
		if after := w.inner(c.Stmts, at); after != 0 {
			return after
		}
		return at
	case *syntax.BinaryCmd:
		left := w.stmt(c.X, at)
		if c.Op == syntax.AndStmt || c.Op == syntax.OrStmt {
			return left | w.stmt(c.Y, left)
		}
		return w.inner([]*syntax.Stmt{c.Y}, left) | left&begun
	case *syntax.IfClause:
		return w.branch(c, at)
	case *syntax.WhileClause:
		at = w.list(c.Cond, at)
		return w.loop(c.Do, at, endless(c))
	case *syntax.ForClause:
		return w.loop(c.Do, at, false)
	case *syntax.CaseClause:
		return w.choice(c, at)
	}
	return at
}

// inner follows what runs in a shell of its own: a return there is none.
func (w *way) inner(list []*syntax.Stmt, at line) line {
	lost := len(w.lost)
	after := w.list(list, at)
	w.lost = w.lost[:lost]
	return after
}

func (w *way) call(st *syntax.Stmt, at line) line {
	c, name := simpleCall(st)
	if c == nil || at == 0 {
		return at
	}
	switch name {
	case "ebegin", "vebegin":
		w.last = c.Pos()
		return begun
	case "eend", "ewend", "veend", "vewend", ".", "eval", "default_start", "default_stop", "start", "stop", "trap":
		return ended
	case "return":
		if at == begun {
			w.lost = append(w.lost, c.Pos())
		}
		return 0
	case "exit", "exec":
		if name == "exec" && len(c.Args) == 1 { // redirections alone
			return at
		}
		return 0
	case "break", "continue":
		if n := len(w.broken); n > 0 {
			w.broken[n-1] |= at
		}
		return 0
	}
	if w.s.endsLine(name) || w.elsewhere && !builtin(name) && !external(name) && !asks(name) {
		return ended
	}
	return at
}
