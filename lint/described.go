package lint

import (
	"strings"

	"github.com/guestrc/guestrc/confd"
)

// described is about descriptions, and the commands that they are for.
func (s *script) described(v service) {
	if v.vague {
		return
	}
	described := s.gives("description")
	if !described {
		s.at("GL610", confd.Pos{File: s.name, Line: 1, Col: 1}, "", "the service has no description")
	}
	extra, _ := s.extras()
	missing := map[*assign][]string{}
	var order []*assign
	for _, a := range s.assigns {
		for _, name := range strings.Fields(s.expandIf(a)) {
			l, ok := extra[name]
			if !ok || l.at != a || !identifier(name) {
				continue
			}
			delete(extra, name)
			s.absent(l)
			if described && !s.gives("description_"+name) && s.funcs[name] != nil {
				if missing[a] == nil {
					order = append(order, a)
				}
				missing[a] = append(missing[a], name)
			}
		}
	}
	for _, a := range order {
		names := missing[a]
		s.report("GL611", a.node.Pos(), "description_"+names[0]+`="what it does"`, "no description of %s", strings.Join(names, ", "))
	}
}

// expandIf is the value of a list of commands; nothing of other variables.
func (s *script) expandIf(a *assign) string {
	switch a.name {
	case "extra_commands", "extra_started_commands", "extra_stopped_commands":
		return s.expandOthers(a)
	}
	return ""
}

func identifier(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || !digit(c)) {
			return false
		}
	}
	return name != ""
}

// absent is about a command that has no function. OpenRC's shell has some itself,
// and eval may define one.
func (s *script) absent(l listed) {
	switch l.name {
	case "start", "stop", "status", "describe", "healthcheck", "unhealthy", "restart", "zap":
		return
	case "reload":
		if s.gives("supervisor") {
			return
		}
	}
	if s.funcs[l.name] != nil || builtin(l.name) {
		return
	}
	for _, c := range s.calls {
		if c.name == "eval" && strings.Contains(s.text(c.node), "()") || c.name == "alias" {
			return
		}
	}
	s.report("GL612", l.at.node.Pos(), "", "there is no function %s", l.name)
}
