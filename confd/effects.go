package confd

import (
	"maps"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// functions are those of one file. A call of one is taken to set what any of
// them sets.
type functions struct {
	list  []*syntax.FuncDecl
	names map[string]bool
	does  effects
}

func functionsOf(tree *syntax.File) *functions {
	known := &functions{names: map[string]bool{}, does: effects{sets: map[string]bool{}}}
	var outermost syntax.Pos // where the last one ends that is in no other
	syntax.Walk(tree, func(n syntax.Node) bool {
		f, ok := n.(*syntax.FuncDecl)
		if !ok || f.Name == nil {
			return true
		}
		known.list = append(known.list, f)
		if !outermost.After(f.Pos()) {
			outermost = f.End()
			known.does.of(f.Body, nil)
		}
		return true
	})
	for _, f := range known.list {
		known.names[f.Name.Value] = true
	}
	return known
}

// effects lists the variables that a node may set when a shell runs it, sorted,
// and says whether that is all. It errs on the side of too many.
func (f *functions) effects(node syntax.Node) (sets []string, anything bool) {
	e := effects{sets: map[string]bool{}}
	e.of(node, f.names)
	if e.calls {
		maps.Copy(e.sets, f.does.sets)
		e.anything = e.anything || f.does.anything
	}
	return slices.Sorted(maps.Keys(e.sets)), e.anything
}

// effects are gathered from the commands of a node.
type effects struct {
	sets     map[string]bool
	anything bool // what else is set cannot be known
	calls    bool // functions of the file
}

func (e *effects) add(name string) {
	name, _, _ = strings.Cut(name, "=")
	if name = strings.TrimSuffix(name, "+"); syntax.ValidName(name) {
		e.sets[name] = true
	}
}

// of adds those of a node; functions has the names of those that it may call.
func (e *effects) of(node syntax.Node, functions map[string]bool) {
	syntax.Walk(node, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Assign:
			if n.Name != nil {
				e.add(n.Name.Value)
			}
		case *syntax.WordIter:
			e.add(n.Name.Value)
		case *syntax.ParamExp:
			if n.Param != nil && n.Exp != nil && assigns(n.Exp.Op) {
				e.add(n.Param.Value)
			}
		case *syntax.BinaryArithm:
			if w, ok := n.X.(*syntax.Word); ok {
				e.add(w.Lit())
			}
		case *syntax.UnaryArithm:
			if w, ok := n.X.(*syntax.Word); ok {
				e.add(w.Lit())
			}
		case *syntax.CallExpr:
			e.call(n, functions)
		}
		return true
	})
}

// call adds what a command may set: assignments are operands of some, and
// others cannot be followed. What functions do is added once, by their caller.
func (e *effects) call(c *syntax.CallExpr, functions map[string]bool) {
	if len(c.Args) == 0 {
		return
	}
	// NAME+=… and NAME[0]=… are commands to a shell that has neither.
	if lit, ok := c.Args[0].Parts[0].(*syntax.Lit); ok && strings.ContainsAny(lit.Value, "=[") && lit.Value[0] != '[' {
		name, _, _ := strings.Cut(lit.Value, "[")
		e.add(name)
		return
	}
	switch command := c.Args[0].Lit(); command {
	case "", ".", "source", "eval", "return", "exit", "exec":
		e.anything = true
	case "command", "builtin":
		question := len(c.Args) > 1 && strings.EqualFold(c.Args[1].Lit(), "-v")
		e.anything = e.anything || !question
	case "printf":
		if len(c.Args) > 2 && c.Args[1].Lit() == "-v" {
			e.add(c.Args[2].Lit())
		}
	case "export", "readonly", "local", "declare", "typeset", "read", "unset", "getopts", "mapfile", "readarray", "let":
		for _, w := range c.Args[1:] {
			if lit, ok := w.Parts[0].(*syntax.Lit); ok {
				e.add(lit.Value)
			} else {
				e.anything = true
			}
		}
	default:
		e.calls = e.calls || functions[command]
	}
}
