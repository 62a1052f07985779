package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// test looks at the words of [ … ].
func (s *script) test(c *call) {
	words := c.args
	if c.name == "[" {
		if len(words) == 0 {
			return
		}
		if text, _ := Literal(words[len(words)-1]); text != "]" {
			return
		}
		words = words[:len(words)-1]
	}
	for i, w := range words {
		switch op, _ := Literal(w); op {
		case "==", "=~":
			if i > 0 && i+1 < len(words) {
				s.report("GL402", w.Pos(), "", "%s in [ ]: POSIX has = alone", op)
				s.operands(words, i)
			}
		case "-v":
			if len(words) == i+2 && (i == 0 || i == 1 && s.text(words[0]) == "!") {
				s.report("GL402", w.Pos(), `[ -n "${NAME+set}" ]`, "-v in [ ]: bash alone has it")
			}
		case "-n":
			if i+1 < len(words) && s.mayVanish(words[i+1]) {
				s.report("GL412", words[i+1].Pos(), "", "[ -n %s ] is true when it is empty, too", s.source(words[i+1]))
			}
		case "=", "!=", "-eq", "-ne", "-lt", "-gt", "-le", "-ge":
			s.operands(words, i)
		}
	}
}

// operands looks at both sides of the operator at i.
func (s *script) operands(words []*syntax.Word, i int) {
	if i == 0 || i+1 == len(words) {
		return
	}
	for _, w := range []*syntax.Word{words[i-1], words[i+1]} {
		if s.mayVanish(w) {
			s.report("GL413", w.Pos(), "", "%s without quotes: an error if it is empty", s.source(w))
			return
		}
	}
}

// mayVanish tells whether a word is nothing but an expansion without quotes that
// is likely to be empty.
func (s *script) mayVanish(w *syntax.Word) bool {
	if len(w.Parts) != 1 {
		return false
	}
	switch p := w.Parts[0].(type) {
	case *syntax.ParamExp:
		return s.maybeEmpty(p)
	case *syntax.CmdSubst:
		return s.maySayNothing(p)
	}
	return false
}

// maybeEmpty tells whether a variable may well be empty: the script neither sets
// it, nor gives it a default, nor asks whether it is.
func (s *script) maybeEmpty(p *syntax.ParamExp) bool {
	if p.Param == nil || p.Length || p.Index != nil || p.Excl || p.Names != 0 || p.Repl != nil || p.Slice != nil {
		return false
	}
	if p.Exp != nil && p.Exp.Op != syntax.AlternateUnset && p.Exp.Op != syntax.AlternateUnsetOrNull {
		return false
	}
	name := p.Param.Value
	if !syntax.ValidName(name) || strings.HasPrefix(name, "RC_") && name != "RC_GOINGDOWN" && name != "RC_REBOOT" && name != "RC_SYS" {
		return false
	}
	switch name {
	case "SVCNAME", "PATH", "PWD", "PPID", "IFS", "OPTIND":
		return false
	}
	return !s.guarded(name)
}
