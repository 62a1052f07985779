package lint

import (
	"mvdan.cc/sh/v3/syntax"
)

// sleeps looks for a sleep of some length after something was started or
// signalled. In a loop it is the pause of one that looks again, and in the
// background nobody waits for it.
func (s *script) sleeps() {
	for _, f := range s.order {
		var before *call
		what := ""
		for _, c := range f.calls {
			if name := c.base(); name == "sleep" || name == "usleep" {
				s.sleep(c, before, what)
			} else if now := begins(c); now != "" {
				before, what = c, now
			}
		}
	}
}

func (s *script) sleep(c, before *call, what string) {
	if c.substituted() || c.inside(pauses) || s.funcs[c.name] != nil {
		return
	}
	if before != nil {
		s.report("GL501", c.node.Pos(), "", "%s after %s in line %d: nobody knows how long it takes", s.text(c.node), what, before.node.Pos().Line())
	} else if c.in.name == "stop_post" || c.in.name == "start_post" {
		s.report("GL501", c.node.Pos(), "", "%s in %s(): nobody knows how long it takes", s.text(c.node), c.in.name)
	}
}

// pauses tells whether a node is a loop, or runs in the background.
func pauses(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.WhileClause, *syntax.ForClause:
		return true
	case *syntax.Stmt:
		return n.Background
	}
	return false
}

// begins is how a command is called that starts or ends a process; empty: it does
// not.
func begins(c *call) string {
	switch name := c.base(); name {
	case "start-stop-daemon", "supervise-daemon", "kill", "killall", "pkill", "svc_start", "svc_stop", "default_start", "default_stop",
		"start", "stop", "rc-service":
		return name
	}
	if c.stmt.Background {
		return "a command in the background"
	}
	return ""
}
