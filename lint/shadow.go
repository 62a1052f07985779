package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// shadows finds functions and variables that take the place of OpenRC's. One that
// is defined under a condition is a stand-in for where OpenRC has it not.
func (s *script) shadows() {
	for _, f := range s.order {
		if !shellFunction(f.name) && !asks(f.name) && !marks(f.name) && (!tells(f.name) || f.name == "elog" || f.name == "eqawarn") && f.name != "checkpath" || s.standIn(f) {
			continue
		}
		what := "OpenRC's own %s is not reached any more"
		if dependWord(f.name) {
			what = "OpenRC calls %s when it asks for dependencies: this is run then"
		}
		s.report("GL205", f.decl.Pos(), "", what, f.name)
	}
	for _, a := range s.assigns {
		if ours(a.name) && a.call == nil && !s.keeps(a) {
			s.report("GL205", a.node.Pos(), "", "%s is OpenRC's to set: what runs after this takes the service for another", a.name)
		}
	}
}

// standIn tells whether a function is defined under a condition or within another.
func (s *script) standIn(f *function) bool {
	conditional := false
	syntax.Walk(s.tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.IfClause, *syntax.CaseClause, *syntax.BinaryCmd, *syntax.FuncDecl:
			if n != syntax.Node(f.decl) && within(f.decl, n) {
				conditional = true
			}
		}
		return !conditional
	})
	return conditional
}

// ours are the variables by which OpenRC's shell knows what it is about. SVCNAME
// is there for old scripts alone, and read by nobody else.
func ours(name string) bool {
	switch name {
	case "RC_SVCNAME", "RC_SERVICE", "RC_CMD", "RC_SVCDIR", "RC_LIBEXECDIR", "RC_GOINGDOWN", "RC_OPENRC_PID":
		return true
	}
	return false
}

// keeps: a default for where there is no OpenRC changes nothing where there is.
func (s *script) keeps(a *assign) bool {
	return a.value != nil && strings.Contains(s.text(a.value), a.name+":-") || a.value != nil && strings.Contains(s.text(a.value), a.name+"-")
}
