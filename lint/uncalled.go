package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// exits finds exits that end a command as if it were done.
func (s *script) exits() {
	for _, c := range s.calls {
		if c.name != "exit" || c.in == nil || c.in.name == "depend" || captured(c) || piped(c) {
			continue
		}
		if status, ok := first0(c.args); len(c.args) > 0 && (!ok || strings.Trim(status, "0") != "") {
			continue // it fails, as a return would
		}
		name, say := c.in.name, s.report
		if len(c.args) > 0 {
			say = s.lesser // somebody wrote the 0: it is meant, as far as it goes
		}
		switch {
		case strings.HasSuffix(name, "_pre"):
			say("GL208", c.node.Pos(), "", "exit in %s: %s is not run, yet OpenRC takes it for done", name, strings.TrimSuffix(name, "_pre"))
		case s.funcs[name+"_post"] != nil:
			say("GL208", c.node.Pos(), "", "exit in %s: %s_post is not run", name, name)
		}
	}
}

// piped tells whether a call is part of a pipeline, or runs beside the script:
// it has a shell of its own then.
func piped(c *call) bool {
	return c.stmt.Background || c.inside(func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.BinaryCmd:
			return n.Op == syntax.Pipe || n.Op == syntax.PipeAll
		case *syntax.Stmt:
			return n.Background
		}
		return false
	})
}

// uncalled finds functions that look as if OpenRC would call them.
func (s *script) uncalled() {
	extra, sure := s.extras()
	if !sure || s.sources() {
		return
	}
	for _, f := range s.order {
		meant := misnamed(f.name)
		if meant == "" && f.name != "reload" || s.funcs[f.name] != f {
			continue
		}
		if _, listed := extra[f.name]; listed || s.mentioned(f) {
			continue
		}
		switch {
		case f.name == "reload":
			s.report("GL209", f.decl.Pos(), `extra_started_commands="reload"`, "reload() is never run: no extra_…commands names it")
		default:
			s.report("GL209", f.decl.Pos(), "call it "+meant, "%s() is never run: OpenRC calls %s", f.name, meant)
		}
	}
}

// misnamed is what OpenRC calls instead.
func misnamed(name string) string {
	switch name {
	case "pre_start", "prestart", "start_before":
		return "start_pre"
	case "post_start", "poststart", "start_after":
		return "start_post"
	case "pre_stop", "prestop", "stop_before":
		return "stop_pre"
	case "post_stop", "poststop", "stop_after":
		return "stop_post"
	case "depends", "dependencies":
		return "depend"
	}
	return ""
}

// mentioned tells whether the script names a function besides where it defines
// it: it may call it, or have it called by eval or trap.
func (s *script) mentioned(f *function) bool {
	for _, c := range s.calls {
		if c.name == f.name {
			return true
		}
		for _, w := range c.args {
			for _, part := range w.Parts {
				if lit, ok := part.(*syntax.Lit); ok && lit.Value == f.name && c.base() != "rc-service" {
					return true
				}
			}
			if (c.name == "eval" || c.name == "trap") && strings.Contains(s.text(w), f.name) {
				return true
			}
		}
	}
	return false
}
