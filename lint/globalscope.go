package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// global is about one call at global scope.
func (w *weigher) global(c *call) {
	name, args := c.program()
	if w.funcs[c.name] != nil {
		if p := w.process(c); p != nil {
			w.report("GL201", c.node.Pos(), "", "%s at global scope runs %s each time the script is read", c.name, p.base())
		}
		return
	}
	switch {
	case name == "exit" || name == "return":
		w.ends(c, name, args)
	case w.guardedByCommand(c):
	case effect(name) && !asking(name, args):
		w.report("GL204", c.node.Pos(), "", "%s at global scope: it is done each time the script is read", name)
	case name == "echo" || name == "printf" || tells(name) || name == "cat" && len(c.stmt.Redirs) > 0:
		w.prints(c, name)
	case w.process(c) != nil:
		w.report("GL201", c.node.Pos(), instead(name), "%s at global scope is a process each time the script is read", c.base())
	}
}

// guardedByCommand tells whether a call depends on which command OpenRC carries
// out: then it is not done each time.
func (s *script) guardedByCommand(c *call) bool {
	return c.inside(func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.IfClause:
			return asksCommand(n.Cond)
		case *syntax.CaseClause:
			return asksCommandWord(n.Word)
		case *syntax.BinaryCmd:
			return n.Op != syntax.Pipe && n.Op != syntax.PipeAll && within(c.node, n.Y) && s.leftAsks(n)
		}
		return false
	})
}

// leftAsks remembers the answer: a chain of && is looked at from each of its ends.
func (s *script) leftAsks(n *syntax.BinaryCmd) bool {
	asks, known := s.leftAsked[n]
	if !known {
		asks = asksCommand([]*syntax.Stmt{n.X})
		s.leftAsked[n] = asks
	}
	return asks
}

func asksCommand(stmts []*syntax.Stmt) (found bool) {
	for _, st := range stmts {
		syntax.Walk(st, func(n syntax.Node) bool {
			if w, ok := n.(*syntax.Word); ok && asksCommandWord(w) {
				found = true
			}
			return !found
		})
	}
	return found
}

func asksCommandWord(w *syntax.Word) bool {
	if w == nil {
		return false
	}
	switch variable(w) {
	case "RC_CMD", "RC_RUNLEVEL", "RC_OPENRC_PID", "RC_PID", "1":
		return true
	}
	return false
}

// ends: a return that is not 0, or an exit, is an error while the script is read.
func (w *weigher) ends(c *call, name string, args []*syntax.Word) {
	if name == "return" {
		if status, ok := first0(args); !ok || strings.Trim(status, "0") == "" {
			return
		}
	}
	if c.substituted() || c.inside(func(n syntax.Node) bool { _, ok := n.(*syntax.Subshell); return ok }) {
		return
	}
	w.report("GL207", c.node.Pos(), "", "%s at global scope: OpenRC then does not know the service", w.source0(c))
}

// first0 is the first word, if it is there and plain.
func first0(args []*syntax.Word) (string, bool) {
	if len(args) == 0 {
		return "", false
	}
	return Literal(args[0])
}

// source0 is a call as it stands in the file.
func (w *weigher) source0(c *call) string { return strings.Join(strings.Fields(w.text(c.node)), " ") }

// prints is about a call that writes: to a file, or for people. What is
// substituted or piped is for neither.
func (w *weigher) prints(c *call, name string) {
	if c.substituted() || c.inside(func(n syntax.Node) bool {
		b, ok := n.(*syntax.BinaryCmd)
		return ok && (b.Op == syntax.Pipe || b.Op == syntax.PipeAll) && within(c.node, b.X)
	}) {
		if !builtin(name) {
			w.report("GL201", c.node.Pos(), "", "%s at global scope is a process each time the script is read", name)
		}
		return
	}
	for _, r := range c.stmt.Redirs {
		if r.Op != syntax.RdrOut && r.Op != syntax.AppOut && r.Op != syntax.RdrClob && r.Op != syntax.RdrAll && r.Op != syntax.AppAll {
			continue
		}
		if to := w.expand(r.Word); strings.HasPrefix(to, "/dev/") {
			if to == "/dev/null" {
				return
			}
			continue
		}
		w.report("GL204", c.node.Pos(), "", "%s at global scope writes %s each time the script is read", name, w.source(r.Word))
		return
	}
	w.report("GL202", c.node.Pos(), "", "%s at global scope prints while OpenRC only reads the script", name)
}

// asking: some programs change something or tell, by their arguments.
func asking(name string, args []*syntax.Word) bool {
	for _, a := range args {
		text, _ := Literal(a)
		switch {
		case name == "tar" && strings.HasPrefix(text, "-t"), name == "iptables" && (text == "-L" || text == "-S"),
			name == "losetup" && (text == "-a" || text == "-f"), name == "chattr", text == "--version", text == "--help", text == "-V":
			return true
		}
	}
	return len(args) == 0
}

// instead is how a shell does without a program.
func instead(name string) string {
	switch name {
	case "basename":
		return "${path##*/} does that without a process"
	case "dirname":
		return "${path%/*} does that without a process"
	case "which":
		return "command -v does that without a process, but write the path down: it does not change"
	case "cat":
		return "read -r line <FILE does that without a process; or do it in start_pre"
	case "cut", "sed", "tr", "awk", "expr":
		return "${name%%PATTERN}, ${name#PATTERN} and $((…)) do much of that without a process; or do it in start_pre"
	}
	return ""
}
