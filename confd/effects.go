package confd

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// functions are those of one file. A call of one is taken to set what any of
// them sets.
type functions struct {
	list     []*syntax.FuncDecl
	names    map[string]bool
	sets     []string
	anything bool
}

func functionsOf(tree *syntax.File) *functions {
	known := &functions{names: map[string]bool{}}
	var outermost syntax.Pos // where the last one ends that is in no other
	bodies := &functions{}
	syntax.Walk(tree, func(n syntax.Node) bool {
		f, ok := n.(*syntax.FuncDecl)
		if !ok || f.Name == nil {
			return true
		}
		known.list = append(known.list, f)
		known.names[f.Name.Value] = true
		if !outermost.After(f.Pos()) {
			outermost = f.End()
			sets, anything := bodies.effects(f.Body)
			known.sets, known.anything = append(known.sets, sets...), known.anything || anything
		}
		return true
	})
	known.sets = unique(known.sets)
	return known
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// effects lists the variables that a node may set when a shell runs it, sorted,
// and says whether that is all. It errs on the side of too many.
func (f *functions) effects(node syntax.Node) (sets []string, anything bool) {
	add := func(name string) {
		if name, _, _ = strings.Cut(name, "="); syntax.ValidName(strings.TrimSuffix(name, "+")) {
			sets = append(sets, strings.TrimSuffix(name, "+"))
		}
	}
	syntax.Walk(node, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Assign:
			if n.Name != nil {
				add(n.Name.Value)
			}
		case *syntax.WordIter:
			add(n.Name.Value)
		case *syntax.ParamExp:
			if n.Param != nil && n.Exp != nil && assigns(n.Exp.Op) {
				add(n.Param.Value)
			}
		case *syntax.BinaryArithm:
			if w, ok := n.X.(*syntax.Word); ok {
				add(w.Lit())
			}
		case *syntax.UnaryArithm:
			if w, ok := n.X.(*syntax.Word); ok {
				add(w.Lit())
			}
		case *syntax.CallExpr:
			anything = f.call(n, add) || anything
		}
		return true
	})
	return unique(sets), anything
}

// call adds what a command may set: assignments are operands of some, and
// others cannot be followed.
func (f *functions) call(c *syntax.CallExpr, add func(string)) (anything bool) {
	if len(c.Args) == 0 {
		return false
	}
	// NAME+=… and NAME[0]=… are commands to a shell that has neither.
	if lit, ok := c.Args[0].Parts[0].(*syntax.Lit); ok && strings.ContainsAny(lit.Value, "=[") && lit.Value[0] != '[' {
		name, _, _ := strings.Cut(lit.Value, "[")
		add(name)
		return false
	}
	command := c.Args[0].Lit()
	switch command {
	case "", ".", "source", "eval", "return", "exit", "exec":
		return true
	case "command", "builtin":
		return len(c.Args) < 2 || !strings.EqualFold(c.Args[1].Lit(), "-v") // a question only
	case "printf":
		if len(c.Args) > 2 && c.Args[1].Lit() == "-v" {
			add(c.Args[2].Lit())
		}
		return false
	case "export", "readonly", "local", "declare", "typeset", "read", "unset", "getopts", "mapfile", "readarray", "let":
		for _, w := range c.Args[1:] {
			if lit, ok := w.Parts[0].(*syntax.Lit); ok {
				add(lit.Value)
			} else {
				anything = true
			}
		}
		return anything
	}
	if f.names[command] {
		for _, name := range f.sets {
			add(name)
		}
		return f.anything
	}
	return false
}
