package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// sleeps looks for a sleep of some length after something was started or
// signalled. In a loop it is the pause of one that looks again, and in the
// background nobody waits for it.
func (s *script) sleeps() {
	for _, f := range s.order {
		var before *call
		what := ""
		for i, c := range f.calls {
			if name := c.base(); name == "sleep" || name == "usleep" {
				s.sleep(c, before, what)
				s.endlessWait(c)
			} else if now := begins(c); now != "" {
				before, what = c, now
			} else if i+1 < len(f.calls) && s.daemonByHand(c, f.calls[i+1]) {
				before, what = c, c.base()
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

// daemonByHand tells whether start() calls a program by its path and sleeps right
// after it.
func (s *script) daemonByHand(c, next *call) bool {
	return c.in.name == "start" && strings.HasPrefix(c.name, "/") && !external(c.base()) && !c.substituted() && next.base() == "sleep"
}

// endlessWait is about a loop that does nothing but sleep until a file is there.
func (s *script) endlessWait(c *call) {
	if c.up.up == nil {
		return
	}
	loop, ok := c.up.up.node.(*syntax.WhileClause)
	if !ok || len(loop.Do) != 1 || len(loop.Cond) != 1 || c.inside(func(n syntax.Node) bool { st, ok := n.(*syntax.Stmt); return ok && st.Background }) {
		return
	}
	test, name := simpleCall(loop.Cond[0])
	if test == nil || name != "[" && name != "test" {
		return
	}
	words := test.Args[1:]
	absent := loop.Cond[0].Negated
	if len(words) > 0 && s.text(words[0]) == "!" {
		absent, words = !absent, words[1:]
	}
	if len(words) < 2 || len(words) == 3 && name == "test" || len(words) > 3 || absent == loop.Until {
		return
	}
	switch op, _ := Literal(words[0]); op {
	case "-e", "-f", "-S", "-s", "-d", "-c", "-b", "-r":
		s.report("GL501", c.node.Pos(), "ewaitfile 10 "+s.source(words[1]), "this waits for %s without end: if it never comes, the boot stays here", s.source(words[1]))
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
