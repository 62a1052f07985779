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
	name   string
	broken []line // what break leaves a loop with, of all loops around
	lost   []syntax.Pos
}

// paths looks for ways through a function on which ebegin has no eend. Where it
// is not certain that the line is open it says nothing.
func (s *script) paths(f *function) {
	w := &way{s: s}
	if !f.has("ebegin", "vebegin") {
		return
	}
	after := w.stmt(f.decl.Body, ended)
	if !f.has("eend", "ewend", "veend", "vewend") && s.endsElsewhere(f) {
		return
	}
	if after == begun {
		s.report("GL502", w.last, "", "%s() ends, and no eend tells what came of this", f.name)
		return // its returns are the same fault
	}
	for _, at := range w.lost {
		s.report("GL503", at, "", "%s() returns here without eend", f.name)
	}
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
func (s *script) endsElsewhere(f *function) bool {
	for _, g := range s.order {
		if g != f && g.has("eend", "ewend", "veend", "vewend") && !g.has("ebegin", "vebegin") {
			return true
		}
	}
	return false
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
	if w.s.endsLine(name) {
		return ended
	}
	return at
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
