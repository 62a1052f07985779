package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/finding"
)

// directive is "# guestrc-lint: disable=ID,ID", and the lines that it is about.
type directive struct {
	ids      []string
	from, to uint // to 0: to the end
}

const mark = "guestrc-lint:"

// enabled is what was found and no directive silences. One at the end of a line
// is about that line; one right above a command about all lines of it; any other
// before the first command about the whole file.
func (s *script) enabled() []finding.Finding {
	all := s.directives()
	if len(all) == 0 {
		return s.found
	}
	var kept []finding.Finding
	for _, f := range s.found {
		if !silenced(all, f) {
			kept = append(kept, f)
		}
	}
	return kept
}

func silenced(all []directive, f finding.Finding) bool {
	line := uint(f.Pos.Line)
	for _, d := range all {
		if line < d.from || d.to != 0 && line > d.to {
			continue
		}
		for _, id := range d.ids {
			if strings.EqualFold(id, f.ID) || strings.EqualFold(id, "all") {
				return true
			}
		}
	}
	return false
}

func (s *script) directives() (all []directive) {
	if !strings.Contains(string(s.src), mark) {
		return nil
	}
	var stmts []*syntax.Stmt
	var comments []*syntax.Comment
	syntax.Walk(s.tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Stmt:
			stmts = append(stmts, n)
		case *syntax.Comment:
			comments = append(comments, n)
		}
		return true
	})
	lines := linesOf(stmts)
	for _, c := range comments {
		if ids := s.silences(c); len(ids) > 0 {
			all = append(all, place(c, ids, stmts, lines))
		}
	}
	return all
}

// silences are the ids that a comment names.
func (s *script) silences(c *syntax.Comment) (ids []string) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(c.Text), mark)
	if !ok {
		return nil
	}
	if !strings.HasPrefix(strings.TrimSpace(rest), "disable=") {
		s.report("GL004", c.Pos(), mark+" disable=ID", "%q is no directive", strings.TrimSpace(c.Text))
		return nil
	}
	for _, word := range strings.Fields(strings.ReplaceAll(rest, ", ", ",")) {
		list, ok := strings.CutPrefix(word, "disable=")
		if !ok {
			break // what follows is for people
		}
		for _, id := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
			if _, known := s.rules.Rule(id); !known && !strings.EqualFold(id, "all") {
				s.report("GL004", c.Pos(), "", "no rule has the id %q", id)
				continue
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// place finds the lines that a directive is about.
func place(c *syntax.Comment, ids []string, stmts []*syntax.Stmt, lines map[uint]*syntax.Stmt) directive {
	line := c.Pos().Line()
	_, shared := lines[line]
	if next := lines[line+1]; next != nil && !shared {
		return directive{ids, line + 1, next.End().Line()}
	}
	if len(stmts) > 0 && line < stmts[0].Pos().Line() || len(stmts) == 0 {
		return directive{ids, 0, 0}
	}
	return directive{ids, line, line}
}

// linesOf are the lines where a command begins, with the outermost of those that
// begin there, and where one ends, with nil if none begins there.
func linesOf(stmts []*syntax.Stmt) map[uint]*syntax.Stmt {
	lines := map[uint]*syntax.Stmt{}
	for _, st := range stmts { // the outermost comes first
		if begin := st.Pos().Line(); lines[begin] == nil {
			lines[begin] = st
		}
		if end := st.End().Line(); lines[end] == nil {
			lines[end] = nil
		}
	}
	return lines
}
