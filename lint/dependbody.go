package lint

import "mvdan.cc/sh/v3/syntax"

// depend is about what depend() does besides saying its words.
func (w *weigher) depend(f *function) {
	told := false
	for _, c := range f.calls {
		name, args := c.program()
		own := w.funcs[c.name] != nil
		switch {
		case own && dependWord(c.name): // GL205 says it
		case own:
			if p := w.process(c); p != nil && !asks(p.base()) {
				w.report("GL203", c.node.Pos(), "", "%s in depend() runs %s each time OpenRC renews its table of dependencies", c.name, p.base())
			}
		case asks(name): // as openrc-run(8) does in its example
		case effect(name) && !asking(name, args):
			w.report("GL206", c.node.Pos(), "", "%s in depend(): it is done whether the service is started or not", name)
		case tells(name):
			if told || captured(c) { // once is enough
				continue
			}
			told = true
			if conditional(c.up) { // somebody is to know what is set wrongly
				w.lesser("GL206", c.node.Pos(), "", "%s in depend() may print each time OpenRC renews its table of dependencies", name)
			} else {
				w.report("GL206", c.node.Pos(), "", "%s in depend() prints each time OpenRC renews its table of dependencies", name)
			}
		case name == "exit" && !captured(c):
			w.report("GL206", c.node.Pos(), "use return", "exit in depend(): what conf.d adds to the dependencies is lost")
		case w.process(c) != nil:
			w.report("GL203", c.node.Pos(), "", "%s in depend() is a process each time OpenRC renews its table of dependencies", c.base())
		}
	}
}

// captured tells whether what a call prints goes to another command, to a
// variable or to a file.
func captured(c *call) bool {
	for _, r := range c.stmt.Redirs {
		if r.Op == syntax.RdrOut || r.Op == syntax.AppOut || r.Op == syntax.RdrAll {
			return true
		}
	}
	return c.inside(func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst, *syntax.Subshell:
			return true
		case *syntax.BinaryCmd:
			return (n.Op == syntax.Pipe || n.Op == syntax.PipeAll) && within(c.node, n.X)
		case *syntax.Stmt:
			return len(n.Redirs) > 0
		}
		return false
	})
}
