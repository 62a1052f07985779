package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// bashSubstitution finds $(<FILE), which says nothing in dash and busybox.
func (s *script) bashSubstitution(n *syntax.CmdSubst) {
	if len(n.Stmts) != 1 {
		return
	}
	st := n.Stmts[0]
	if st.Cmd == nil && len(st.Redirs) == 1 && st.Redirs[0].Op == syntax.RdrIn && st.Redirs[0].N == nil {
		s.more(n.Pos(), "$(<FILE)")
	}
}

// bashArithmetic finds ++ and -- in $((…)): an error in dash.
func (s *script) bashArithmetic(n *syntax.ArithmExp) {
	syntax.Walk(n, func(m syntax.Node) bool {
		if u, ok := m.(*syntax.UnaryArithm); ok && (u.Op == syntax.Inc || u.Op == syntax.Dec) {
			s.more(n.Pos(), u.Op.String()+" in $((…))")
		}
		return true
	})
}

// misread looks for a test that the shell reads in another way than it was meant:
// [ $a=b ] is one word, which is never empty; [ "$a"] has no end.
func (s *script) misread(c *call) {
	words := c.args
	if len(words) == 0 {
		return
	}
	last := words[len(words)-1]
	text, known := Literal(last)
	if c.name == "[" && (known && text != "]" || strings.HasSuffix(s.text(last), "]") && text != "]") {
		s.report("GL415", c.node.Pos(), "write a blank before ], and one after [", "the test has no end: [ wants a word ] to close it")
		return
	}
	if c.name == "[" {
		words = words[:len(words)-1]
	}
	if len(words) == 2 && s.text(words[0]) == "!" {
		words = words[1:]
	}
	if len(words) == 1 && joined(words[0]) {
		s.report("GL415", words[0].Pos(), "write blanks around =", "%s is one word, which is never empty: the test is always true", s.source(words[0]))
	}
}

// unopened looks for "[-f FILE ]", which is a command of that name.
func (s *script) unopened(c *call) {
	first, ok := c.node.Args[0].Parts[0].(*syntax.Lit)
	if !ok || len(c.args) == 0 || !strings.HasPrefix(first.Value, "[") || c.name == "[" || c.name == "[[" {
		return
	}
	if text, _ := Literal(c.args[len(c.args)-1]); text == "]" || text == "]]" {
		s.report("GL415", c.node.Pos(), "write a blank after [", "%s is no test: the shell looks for a command of that name", s.source(c.node.Args[0]))
	}
}

// joined tells whether a word has an operator that was meant to stand alone.
func joined(w *syntax.Word) bool {
	for _, p := range w.Parts[1:] {
		if lit, ok := p.(*syntax.Lit); ok && (strings.HasPrefix(lit.Value, "=") || strings.HasPrefix(lit.Value, "!=")) {
			return true
		}
	}
	return false
}
