package lint

import (
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/finding"
)

// script is one file: its tree, and an index of what rules ask for.
type script struct {
	name  string
	kind  Kind
	src   []byte
	tree  *syntax.File
	bash  bool // it does not parse as POSIX sh
	world World
	rules finding.Catalogue

	funcs   map[string]*function // by name; of several definitions the first
	order   []*function          // as they stand in the file, with all definitions
	calls   []*call              // every simple command with a name, as they stand in the file
	assigns []*assign            // every assignment, those before a command and of local, export, readonly included
	named   map[string][]*assign // the same, by name
	nodes   []*frame             // every node, each before what lies in it
	steps   int                  // that expand took

	unnamed     syntax.Pos // where it stopped, and found no name for what is bash's
	unnamedText string

	stumbled, foreign uint // the lines where the POSIX parser stopped, and where more() last reported

	guards map[string]bool // variables that are set or looked at anywhere; nil: see guarded

	blanks []uint // the offsets of those that the file does not have: see negated

	nameless syntax.Pos // of a function without a name
	deep     syntax.Pos // where more lies in each other than a script has

	reader    bool    // it reads another script
	reads     []*call // of "read"
	origins   map[any]*origin
	counted   bool                       // enders is known
	enders    bool                       // see endsElsewhere
	looking   map[*function]bool         // see looks
	leftAsked map[*syntax.BinaryCmd]bool // see leftAsks

	found []finding.Finding
}

// function is one definition.
type function struct {
	name  string
	decl  *syntax.FuncDecl
	calls []*call // in it
	ends  *bool   // nil: see endsLine
}

// frame is a node and what it lies in.
type frame struct {
	node syntax.Node
	up   *frame
}

// maxDeep is how many nodes may lie in each other; the deepest script known has
// 32. Rules look from each call outwards, at "a && b && …" of any length, too.
const maxDeep = 400

// call is one simple command.
type call struct {
	node *syntax.CallExpr
	stmt *syntax.Stmt   // that it is; with its redirections, "!" and "&"
	name string         // of the command, if that is plain text: "killall", "/usr/bin/killall"
	args []*syntax.Word // what follows the name
	in   *function      // nil: at global scope
	up   *frame         // what it lies in, from the inside out; begins with stmt
}

// base is the command's name without a directory.
func (c *call) base() string { return c.name[strings.LastIndexByte(c.name, '/')+1:] }

// inside tells whether the call lies in a node for which is holds, within its
// function.
func (c *call) inside(is func(syntax.Node) bool) bool {
	for f := c.up; f != nil; f = f.up {
		if _, ok := f.node.(*syntax.FuncDecl); ok {
			return false
		}
		if is(f.node) {
			return true
		}
	}
	return false
}

// substituted tells whether it runs in a $(…).
func (c *call) substituted() bool {
	return c.inside(func(n syntax.Node) bool { _, ok := n.(*syntax.CmdSubst); return ok })
}

// assign is one assignment.
type assign struct {
	node  *syntax.Assign
	name  string
	value *syntax.Word // nil: empty
	in    *function    // nil: at global scope
	up    *frame
	call  *call // that it stands before; nil: a statement of its own
}

// index walks the tree once.
func (s *script) index() {
	s.funcs, s.named = map[string]*function{}, map[string][]*assign{}
	s.looking, s.leftAsked = map[*function]bool{}, map[*syntax.BinaryCmd]bool{}
	var top *frame
	var in []*function // that we are in, the innermost last
	var stmts []*syntax.Stmt
	current := func() *function {
		if len(in) == 0 {
			return nil
		}
		return in[len(in)-1]
	}
	var entered []syntax.Node
	syntax.Walk(s.tree, func(n syntax.Node) bool {
		if n == nil {
			last := entered[len(entered)-1]
			entered = entered[:len(entered)-1]
			top = top.up
			switch last.(type) {
			case *syntax.FuncDecl:
				in = in[:len(in)-1]
			case *syntax.Stmt:
				stmts = stmts[:len(stmts)-1]
			}
			return true
		}
		switch n := n.(type) {
		case *syntax.FuncDecl:
			f := &function{decl: n}
			if n.Name != nil { // the parser takes "() cmd", which no shell does
				f.name = n.Name.Value
			} else if !s.nameless.IsValid() {
				s.nameless = n.Pos()
			}
			s.order = append(s.order, f)
			if s.funcs[f.name] == nil {
				s.funcs[f.name] = f
			}
			in = append(in, f)
		case *syntax.Stmt:
			stmts = append(stmts, n)
		case *syntax.CallExpr:
			s.simple(n, stmts[len(stmts)-1], current(), top)
		case *syntax.DeclClause: // export, local, readonly
			for _, a := range n.Args {
				s.assigned(a, current(), top, nil)
			}
		}
		entered = append(entered, n)
		if len(entered) == maxDeep {
			s.deep = n.Pos()
		}
		top = &frame{n, top}
		s.nodes = append(s.nodes, top)
		return true
	})
}

func (s *script) simple(n *syntax.CallExpr, stmt *syntax.Stmt, in *function, up *frame) {
	var c *call
	if len(n.Args) > 0 {
		name, _ := Literal(n.Args[0])
		c = &call{node: n, stmt: stmt, name: name, args: n.Args[1:], in: in, up: up}
		s.calls = append(s.calls, c)
		if in != nil {
			in.calls = append(in.calls, c)
		}
		switch name {
		case "read":
			s.reads = append(s.reads, c)
		case ".", "source", "sourcex":
			s.reader = true
		case "export", "local", "readonly", "declare", "typeset": // as POSIX's parser has them
			for _, w := range c.args {
				if a := declared(w); a != nil {
					s.assigned(a, in, up, nil)
				}
			}
		}
	}
	for _, a := range n.Assigns {
		s.assigned(a, in, up, c)
	}
}

func (s *script) assigned(a *syntax.Assign, in *function, up *frame, before *call) {
	if a.Name != nil && !a.Naked {
		added := &assign{a, a.Name.Value, a.Value, in, up, before}
		s.assigns = append(s.assigns, added)
		s.named[added.name] = append(s.named[added.name], added)
	}
}

// declared is the assignment that a word like NAME=VALUE is after "local"; nil:
// it is none.
func declared(w *syntax.Word) *syntax.Assign {
	first, ok := w.Parts[0].(*syntax.Lit)
	if !ok {
		return nil
	}
	name, value, ok := strings.Cut(first.Value, "=")
	if !ok || !syntax.ValidName(name) {
		return nil
	}
	begin := first.Pos()
	after := syntax.NewPos(begin.Offset()+uint(len(name))+1, begin.Line(), begin.Col()+uint(len(name))+1)
	a := &syntax.Assign{Name: &syntax.Lit{ValuePos: begin, ValueEnd: begin, Value: name}}
	parts := w.Parts[1:]
	if value != "" {
		parts = append([]syntax.WordPart{&syntax.Lit{ValuePos: after, ValueEnd: first.End(), Value: value}}, parts...)
	}
	if len(parts) > 0 {
		a.Value = &syntax.Word{Parts: parts}
	}
	return a
}

// service is the name that the script has as a service.
func (s *script) service() string {
	name := filepath.Base(s.name)
	for _, suffix := range []string{".in", ".initd", ".init", ".confd", ".sh"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// global is the value of a variable that is assigned once, at global scope and
// under no condition; nil for every other.
func (s *script) global(name string) *assign {
	var only *assign
	for _, a := range s.named[name] {
		if a.call != nil {
			continue
		}
		if only != nil || a.in != nil || conditional(a.up) {
			return nil
		}
		only = a
	}
	return only
}

// set tells whether the script gives name a value anywhere.
func (s *script) set(name string) bool {
	for _, a := range s.named[name] {
		if a.call == nil {
			return true
		}
	}
	return false
}

// conditional tells whether what lies there may not be run.
func conditional(up *frame) bool {
	for f := up; f != nil; f = f.up {
		switch f.node.(type) {
		case *syntax.IfClause, *syntax.CaseClause, *syntax.WhileClause, *syntax.ForClause, *syntax.BinaryCmd, *syntax.Subshell:
			return true
		}
	}
	return false
}
