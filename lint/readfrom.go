package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// readBy is the file that a word is read from: $(cat FILE), $(<FILE); empty for
// every other word.
func (s *script) readBy(w *syntax.Word) string {
	sub := substitution(w)
	if sub == nil || len(sub.Stmts) != 1 {
		return ""
	}
	stmt := sub.Stmts[0]
	if pipe, ok := stmt.Cmd.(*syntax.BinaryCmd); ok && pipe.Op == syntax.Pipe { // cat FILE | head -1
		stmt = pipe.X
	}
	if stmt.Cmd == nil {
		return s.input(stmt)
	}
	cmd, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || len(cmd.Args) == 0 {
		return ""
	}
	name, _ := Literal(cmd.Args[0])
	switch name[strings.LastIndexByte(name, '/')+1:] {
	case "cat", "head":
	default:
		return ""
	}
	if len(cmd.Args) == 1 {
		return s.input(stmt)
	}
	return s.pidfile(cmd.Args[len(cmd.Args)-1])
}

// input is the file that a statement reads, if that is what its only redirection
// says.
func (s *script) input(stmt *syntax.Stmt) string {
	for _, r := range stmt.Redirs {
		if r.Op == syntax.RdrIn {
			return s.pidfile(r.Word)
		}
	}
	return ""
}

// pidfile is how a file stands in the script; empty if the kernel keeps it, which
// tells of processes that are there.
func (s *script) pidfile(w *syntax.Word) string {
	text := s.expand(w)
	source := s.source(w)
	for _, live := range []string{"/proc/", "/sys/", "cgroup", "procs", "tasks"} {
		if strings.Contains(text, live) || strings.Contains(strings.ToLower(source), live) {
			return ""
		}
	}
	if strings.HasPrefix(text, "-") || len(source) > 80 {
		return ""
	}
	return source
}

// substitution is the $(…) that a word consists of.
func substitution(w *syntax.Word) *syntax.CmdSubst {
	if w == nil || len(w.Parts) != 1 {
		return nil
	}
	part := w.Parts[0]
	if q, ok := part.(*syntax.DblQuoted); ok && len(q.Parts) == 1 {
		part = q.Parts[0]
	}
	sub, _ := part.(*syntax.CmdSubst)
	return sub
}

// variable is the name of the variable that a word consists of.
func variable(w *syntax.Word) string {
	if w == nil || len(w.Parts) != 1 {
		return ""
	}
	part := w.Parts[0]
	if q, ok := part.(*syntax.DblQuoted); ok && len(q.Parts) == 1 {
		part = q.Parts[0]
	}
	if p, ok := part.(*syntax.ParamExp); ok && p.Param != nil && p.Exp == nil && !p.Length && !p.Excl {
		return p.Param.Value
	}
	return ""
}
