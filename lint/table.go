package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// table is about ps with something behind it that searches. ps that is told which
// processes it is to show does not show others'.
func (s *script) table(c *call, args []field) {
	for i, a := range args {
		long, _, _ := strings.Cut(a.text, "=")
		switch {
		case long == "--pid" || long == "--ppid" || long == "--cgroup" || long == "-p" || long == "-q" || strings.HasPrefix(long, "-p") && len(long) > 2:
			return
		case long == "-C" && i+1 < len(args):
			s.report("GL102", c.node.Pos(), s.lookHint(), "ps -C %s looks at every process of that name, those in containers included", strings.ReplaceAll(args[i+1].text, Hole, "…"))
			return
		case long == "pid" || long == "pid=": // -eo pid: numbers alone
			return
		case i == 0 && long != "" && strings.Trim(long, "0123456789") == "": // ps PID
			return
		}
	}
	if search := searcher(c); search != nil && !strings.Contains(strings.ToLower(s.text(search.node)), "pid") { // by number is not by name
		s.report("GL104", c.node.Pos(), "", "ps and %s find whatever has those letters in its arguments, also in containers", search.base())
	}
}

// searcher is what reads a call's output through a pipe and searches in it.
func searcher(c *call) *call {
	for f := c.up; f != nil; f = f.up {
		switch n := f.node.(type) {
		case *syntax.CmdSubst, *syntax.FuncDecl:
			return nil
		case *syntax.BinaryCmd:
			if n.Op != syntax.Pipe || !within(c.node, n.X) {
				continue
			}
			if found := first(n.Y); found != nil {
				return found
			}
		}
	}
	return nil
}

// first is the first simple command of a statement that searches, if there is one.
func first(stmt *syntax.Stmt) *call {
	switch cmd := stmt.Cmd.(type) {
	case *syntax.CallExpr:
		if len(cmd.Args) == 0 {
			return nil
		}
		name, _ := Literal(cmd.Args[0])
		c := &call{node: cmd, name: name, args: cmd.Args[1:]}
		switch c.base() {
		case "grep", "egrep", "fgrep":
			return c
		case "awk", "gawk", "sed": // '{print $1}' picks a column and searches nothing
			for _, w := range c.args {
				if text, ok := Literal(w); !ok || strings.ContainsAny(text, "/~=") {
					return c
				}
			}
		}
	case *syntax.BinaryCmd:
		if cmd.Op == syntax.Pipe {
			if c := first(cmd.X); c != nil {
				return c
			}
			return first(cmd.Y)
		}
	}
	return nil
}
