package lint

import (
	"mvdan.cc/sh/v3/syntax"
)

// twice looks for variables of which the first value never counts: nothing lies
// between that could use it.
func (s *script) twice() {
	first := map[string]*syntax.Assign{}
	for _, f := range s.nodes {
		switch n := f.node.(type) {
		case *syntax.ParamExp:
			if n.Param != nil {
				delete(first, n.Param.Value)
			}
		case *syntax.CmdSubst, *syntax.FuncDecl, *syntax.ArithmExp:
			clear(first)
		case *syntax.CallExpr:
			if len(n.Args) > 0 {
				clear(first)
			}
		case *syntax.Assign:
			s.again(first, n, f)
		}
	}
}

func (s *script) again(first map[string]*syntax.Assign, n *syntax.Assign, f *frame) {
	if n.Name == nil || n.Value == nil || n.Append || n.Index != nil || conditional(f.up) {
		return
	}
	for up := f.up; up != nil; up = up.up {
		if _, ok := up.node.(*syntax.FuncDecl); ok {
			return
		}
	}
	name := n.Name.Value
	if before := first[name]; before != nil && !uses(n.Value, name) {
		s.report("GL703", before.Pos(), "", "%s is set again in line %d", name, n.Pos().Line())
	}
	first[name] = n
}

// uses tells whether a word may use a variable.
func uses(w *syntax.Word, name string) (found bool) {
	syntax.Walk(w, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ParamExp:
			found = found || n.Param != nil && n.Param.Value == name
		case *syntax.CmdSubst, *syntax.ArithmExp:
			found = true
		}
		return !found
	})
	return found
}
