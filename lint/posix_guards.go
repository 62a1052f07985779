package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// guarded tells whether the script does anything with a variable beside using
// its value: sets it, reads it, loops over it, asks whether it is empty.
func (s *script) guarded(name string) bool {
	if s.guards == nil {
		s.guards = s.guardedNames()
	}
	return s.guards[name]
}

func (s *script) guardedNames() map[string]bool {
	names := map[string]bool{}
	for _, a := range s.assigns {
		if a.call == nil || a.value != nil {
			names[a.name] = true
		}
	}
	for _, f := range s.nodes {
		switch n := f.node.(type) {
		case *syntax.WordIter:
			names[n.Name.Value] = true
		case *syntax.ParamExp:
			if n.Param != nil && n.Exp != nil {
				names[n.Param.Value] = true // ${A:=…}, ${A:?}, ${A:+…}: somebody thought of it
			}
		case *syntax.CaseClause:
			names[variableIn(n.Word)] = true
		case *syntax.TestClause, *syntax.ArithmCmd:
			syntax.Walk(n, func(m syntax.Node) bool {
				if p, ok := m.(*syntax.ParamExp); ok && p.Param != nil {
					names[p.Param.Value] = true
				}
				return true
			})
		}
	}
	for _, c := range s.calls {
		s.guardsOf(c, names)
	}
	return names
}

// guardsOf adds what a command makes of variables.
func (s *script) guardsOf(c *call, names map[string]bool) {
	switch c.name {
	case "read", "local", "export", "readonly", "getopts", "declare", "typeset", "eval", "unset", "let":
		for _, w := range c.args {
			for _, word := range strings.FieldsFunc(s.source(w), func(r rune) bool { return strings.ContainsRune(" \t=\"';$\\{}", r) }) {
				names[word] = true
			}
		}
	case "[", "test":
		for i, w := range c.args {
			switch op, _ := Literal(w); op {
			case "-n", "-z", "-d", "-e", "-f", "-r", "-x", "-s", "-w":
				if i+1 < len(c.args) && plain(c.args[i+1]) {
					names[variableIn(c.args[i+1])] = true
				}
			}
		}
		if len(c.args) == 2 && plain(c.args[0]) { // [ "$A" ]
			names[variableIn(c.args[0])] = true
		}
	}
}

// variableIn is the first variable in a word.
func variableIn(w *syntax.Word) (name string) {
	syntax.Walk(w, func(n syntax.Node) bool {
		if p, ok := n.(*syntax.ParamExp); ok && p.Param != nil && name == "" {
			name = p.Param.Value
		}
		return name == ""
	})
	return name
}

// maySayNothing tells whether the output of a command is likely to be empty at
// times: that of those that search is.
func (s *script) maySayNothing(p *syntax.CmdSubst) bool {
	if len(p.Stmts) != 1 {
		return false
	}
	last := p.Stmts[0].Cmd
	for {
		b, ok := last.(*syntax.BinaryCmd)
		if !ok || b.Op != syntax.Pipe {
			break
		}
		last = b.Y.Cmd
	}
	c, ok := last.(*syntax.CallExpr)
	if !ok || len(c.Args) == 0 {
		return false
	}
	name, _ := Literal(c.Args[0])
	switch name[strings.LastIndexByte(name, '/')+1:] {
	case "pidof", "pgrep", "find", "head", "tail", "getprop", "service_get_value":
		return true
	case "grep", "egrep", "fgrep":
		for _, w := range c.Args[1:] {
			if text, ok := Literal(w); ok && strings.HasPrefix(text, "-") && strings.Contains(text, "c") {
				return false // counts
			}
		}
		return true
	case "cat":
		return false // a file in /proc or /sys
	}
	return false
}
