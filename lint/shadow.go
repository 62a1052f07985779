package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// shadows finds functions and variables that take the place of OpenRC's. One that
// is defined under a condition is a stand-in for where OpenRC has it not.
func (s *script) shadows() {
	for _, at := range s.nodes {
		decl, ok := at.node.(*syntax.FuncDecl)
		if !ok || decl.Name == nil || !openrcs(decl.Name.Value) || standIn(at.up) {
			continue
		}
		what := "OpenRC's own %s is not reached any more"
		if dependWord(decl.Name.Value) {
			what = "OpenRC calls %s when it asks for dependencies: this is run then"
		}
		s.report("GL205", decl.Pos(), "", what, decl.Name.Value)
	}
	for _, a := range s.assigns {
		if ours(a.name) && a.call == nil && !s.keeps(a) {
			s.report("GL205", a.node.Pos(), "", "%s is OpenRC's to set: what runs after this takes the service for another", a.name)
		}
	}
}

// openrcs tells whether a name is that of a function or a program of OpenRC's.
func openrcs(name string) bool {
	return shellFunction(name) || asks(name) || marks(name) || tells(name) && name != "elog" && name != "eqawarn" || name == "checkpath"
}

// standIn tells whether what lies there is defined under a condition or within a
// function.
func standIn(up *frame) bool {
	for f := up; f != nil; f = f.up {
		switch f.node.(type) {
		case *syntax.IfClause, *syntax.CaseClause, *syntax.BinaryCmd, *syntax.FuncDecl:
			return true
		}
	}
	return false
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
