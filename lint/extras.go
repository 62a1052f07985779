package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// listed is a command that the script says it has.
type listed struct {
	name string
	at   *assign
}

// extras are the commands that the script names in its extra_…commands, at
// whatever place; not sure if a part of them is not known.
func (s *script) extras() (all map[string]listed, sure bool) {
	all, sure = map[string]listed{}, true
	for _, a := range s.assigns {
		switch a.name {
		case "extra_commands", "extra_started_commands", "extra_stopped_commands", "opts":
		default:
			continue
		}
		text := s.expandOthers(a)
		for _, name := range strings.Fields(text) {
			switch {
			case strings.Contains(name, Hole):
				sure = false
			case all[name].name == "":
				all[name] = listed{name, a}
			}
		}
	}
	return all, sure
}

// expandOthers is the value of an assignment without what it takes over from the
// list itself: extra_commands="${extra_commands} reload".
func (s *script) expandOthers(a *assign) string {
	if a.value == nil {
		return ""
	}
	s.steps = 0
	var text strings.Builder
	for _, p := range a.value.Parts {
		q, ok := p.(*syntax.DblQuoted)
		if !ok {
			s.part(&text, p, a.name)
			continue
		}
		for _, inner := range q.Parts {
			s.part(&text, inner, a.name)
		}
	}
	return text.String()
}

func (s *script) part(text *strings.Builder, p syntax.WordPart, self string) {
	if e, ok := p.(*syntax.ParamExp); ok && e.Param != nil && (e.Param.Value == self || e.Param.Value == "opts" || strings.HasPrefix(e.Param.Value, "extra_")) {
		text.WriteByte(' ')
		return
	}
	s.expandParts(text, []syntax.WordPart{p}, 0)
}
