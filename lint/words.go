package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Literal is the text of a word without any expansion; false if it has one.
func Literal(w *syntax.Word) (string, bool) {
	if w == nil {
		return "", true
	}
	var text strings.Builder
	for _, p := range w.Parts {
		if !literalPart(&text, p) {
			return "", false
		}
	}
	return text.String(), true
}

func literalPart(text *strings.Builder, p syntax.WordPart) bool {
	switch p := p.(type) {
	case *syntax.Lit:
		text.WriteString(unescaped(p.Value))
	case *syntax.SglQuoted:
		text.WriteString(p.Value)
	case *syntax.DblQuoted:
		for _, q := range p.Parts {
			if !literalPart(text, q) {
				return false
			}
		}
	default:
		return false
	}
	return true
}

// unescaped takes backslashes away, as outside of quotes.
func unescaped(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// Hole stands for what expand does not know.
const Hole = "\uFFFC"

// expand is the text of a word as far as it can be known: variables that have
// one value at global scope and the service's name are filled in, everything else
// is a Hole.
func (s *script) expand(w *syntax.Word) string {
	s.steps = 0
	return s.expandTo(w, 0)
}

func (s *script) expandTo(w *syntax.Word, depth int) string {
	if w == nil {
		return ""
	}
	var text strings.Builder
	s.expandParts(&text, w.Parts, depth)
	return text.String()
}

// maxDepth of variables that refer to others; A=$A would never end.
const maxDepth = 8

// maxSteps of one expansion: A=$B$B, B=$C$C and so on would double at each.
const maxSteps = 1000

// maxText is more than any word of a script has; A of that length, put together a
// thousand times, would fill the memory.
const maxText = 64 << 10

func (s *script) expandParts(text *strings.Builder, parts []syntax.WordPart, depth int) {
	for _, p := range parts {
		if text.Len() > maxText {
			text.WriteString(Hole)
			return
		}
		switch p := p.(type) {
		case *syntax.DblQuoted:
			s.expandParts(text, p.Parts, depth)
		case *syntax.ParamExp:
			text.WriteString(s.expandParam(p, depth))
		default:
			if !literalPart(text, p) {
				text.WriteString(Hole)
			}
		}
	}
}

func (s *script) expandParam(p *syntax.ParamExp, depth int) string {
	if p.Param == nil {
		return Hole
	}
	if s.steps++; s.steps > maxSteps {
		return Hole
	}
	name := p.Param.Value
	def := p.Exp != nil && (p.Exp.Op == syntax.DefaultUnset || p.Exp.Op == syntax.DefaultUnsetOrNull ||
		p.Exp.Op == syntax.AssignUnset || p.Exp.Op == syntax.AssignUnsetOrNull)
	simple := p.Exp == nil && !p.Length && p.Slice == nil && p.Repl == nil && p.Index == nil && !p.Excl && p.Names == 0
	switch {
	case depth > maxDepth || !simple && !def:
		return Hole
	case name == "RC_SVCNAME" || name == "SVCNAME":
		return s.service()
	}
	if a := s.global(name); a != nil && !(def && within(p, a.node)) { // X=${X:-default} is the default
		return s.expandTo(a.value, depth+1)
	} else if a != nil {
		return s.expandTo(p.Exp.Word, depth+1)
	}
	if def && !s.set(name) { // the default, which conf.d may replace
		return s.expandTo(p.Exp.Word, depth+1)
	}
	return Hole
}

// plain tells whether a word has no expansion that a shell would split or glob
// where it stands: all are quoted.
func plain(w *syntax.Word) bool {
	for _, p := range w.Parts {
		switch p.(type) {
		case *syntax.Lit, *syntax.SglQuoted, *syntax.DblQuoted:
		default:
			return false
		}
	}
	return true
}

// within tells whether a node lies in another.
func within(inner, outer syntax.Node) bool {
	return inner.Pos().Offset() >= outer.Pos().Offset() && inner.End().Offset() <= outer.End().Offset()
}
