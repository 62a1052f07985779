package confd

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// pattern is what ${NAME#pattern} and its kin take away: plain text with at
// most one *, which is all that "${RC_SVCNAME#*.}" needs and what every shell
// matches alike in any locale.
type pattern struct {
	before, after string // of the *
	star          bool
}

const patternChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:@+=/-*"

func (s *source) pattern(pe *syntax.ParamExp, parts []syntax.WordPart) (pattern, *Error) {
	var text string
	if len(parts) > 0 {
		lit, ok := parts[0].(*syntax.Lit)
		if !ok || len(parts) > 1 || strings.Trim(lit.Value, patternChars) != "" || strings.Count(lit.Value, "*") > 1 {
			return pattern{}, s.refuse(pe.Dollar, "this pattern", "understood are letters, digits, _ . , : @ + = / - and at most one *")
		}
		text = lit.Value
	}
	var p pattern
	p.before, p.after, p.star = strings.Cut(text, "*")
	return p, nil
}

// remove takes the shortest or longest match from one end of text.
func (p pattern) remove(text string, op syntax.ParExpOperator) string {
	switch op {
	case syntax.RemSmallPrefix, syntax.RemLargePrefix:
		rest, ok := strings.CutPrefix(text, p.before)
		if !ok || !p.star {
			return rest
		}
		find := strings.Index
		if op == syntax.RemLargePrefix {
			find = strings.LastIndex
		}
		if i := find(rest, p.after); i >= 0 {
			return rest[i+len(p.after):]
		}
		return text
	default:
		tail := p.after
		if !p.star {
			tail = p.before
		}
		rest, ok := strings.CutSuffix(text, tail)
		if !ok || !p.star {
			return rest
		}
		find := strings.LastIndex
		if op == syntax.RemLargeSuffix {
			find = strings.Index
		}
		if i := find(rest, p.before); i >= 0 {
			return rest[:i]
		}
		return text
	}
}
