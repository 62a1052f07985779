package confd

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// quoting is where in a command some text stands. What a backslash does and
// which characters are special depends on it.
type quoting int

const (
	inValue        quoting = iota // NAME=text
	inExport                      // export NAME=text
	inBraces                      // ${NAME:-text}
	inQuotes                      // "text"
	inQuotedBraces                // "${NAME:-text}"
)

type spot struct {
	in    quoting
	depth int // of braces
}

// word understands one word. expand.Literal of the parser's library is not
// used: it keeps the backslashes of unquoted text and drops the single quotes
// in "${A:-'b'}", where shells do the opposite.
func (s *source) word(parts []syntax.WordPart, at spot) (word, *Error) {
	w := make(word, 0, len(parts))
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			text, err := s.literal(p, at)
			if err != nil {
				return nil, err
			}
			w = append(w, part{text: text})
		case *syntax.SglQuoted:
			if p.Dollar || at.in == inQuotedBraces {
				return nil, s.refuseQuote(p.Left)
			}
			w = append(w, part{text: p.Value})
		case *syntax.DblQuoted:
			if p.Dollar || at.in == inQuotedBraces {
				return nil, s.refuseQuote(p.Left)
			}
			quoted, err := s.word(p.Parts, spot{inQuotes, at.depth})
			if err != nil {
				return nil, err
			}
			w = append(w, quoted...)
		case *syntax.ParamExp:
			if at.in == inExport {
				return nil, s.refuse(p.Dollar, "an unquoted variable in an export command (older shells split it)",
					`write export NAME="$OTHER"`)
			}
			ref, err := s.reference(p, at)
			if err != nil {
				return nil, err
			}
			if assigns(ref.op) {
				return nil, s.refuse(p.Dollar, "an assignment inside a value",
					`write : "${NAME:=value}" on a line of its own, and $NAME here`)
			}
			w = append(w, part{ref: ref})
		default:
			return nil, s.refusePart(p)
		}
	}
	return w, nil
}

// literal removes the quoting from text as shells do, and refuses the
// characters that they treat differently there.
func (s *source) literal(lit *syntax.Lit, at spot) (string, *Error) {
	text := lit.Value
	if !strings.ContainsAny(text, "\\~${}*?[<>()&;|") {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			switch {
			case i+1 == len(text):
				return "", s.refuseAt(s.within(lit, i), "a backslash at the end of the file", "quote it, or leave it out")
			case text[i+1] == '\n':
				i++ // a joined line, which the parser overlooks after "\\"
				continue
			case text[i+1] == '}' && at.in == inQuotes && at.depth > 0:
				return "", s.refuseAt(s.within(lit, i), `\} in quotes inside braces (shells differ)`, `write }, which needs no backslash there`)
			}
			if escapes(text[i+1], at.in) {
				i++
				c = text[i]
			}
			b.WriteByte(c)
			continue
		}
		if err := s.special(c, lit, i, at); err != nil {
			return "", err
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

// escapes reports whether a backslash before c goes (POSIX.1-2024 XCU 2.2.1,
// 2.2.3, 2.6.2). Where it does not go, it stays and c is ordinary.
func escapes(c byte, in quoting) bool {
	switch in {
	case inQuotes:
		return strings.IndexByte("$`\"\\", c) >= 0
	case inQuotedBraces:
		return strings.IndexByte("$`\"\\}", c) >= 0
	}
	return true
}

// special refuses an unescaped character that does not simply mean itself.
func (s *source) special(c byte, lit *syntax.Lit, i int, at spot) *Error {
	refuse := func(what, hint string) *Error { return s.refuseAt(s.within(lit, i), what, hint) }
	quoted := at.in == inQuotes || at.in == inQuotedBraces
	switch {
	case c == '$' && at.in == inQuotes && s.endsDollar(lit, i):
		return nil
	case c == '$':
		return refuse("a lone dollar sign", `write \$ for the sign itself`)
	case c == '~' && !quoted:
		return refuse("an unquoted ~ (a home directory)", "write the path, or quote the value")
	case c == '{' && (at.in == inBraces || at.in == inQuotedBraces):
		return refuse("a { inside braces (they end at the first })", `set another variable to the text and write ${NAME:-$OTHER}`)
	case c == '(' && i > 0 && (lit.Value[i-1] == '<' || lit.Value[i-1] == '>') && at.depth > 0:
		return refuse("<( or >( inside braces (bash runs it)", `set another variable to the text and write ${NAME:-$OTHER}`)
	case strings.IndexByte("<>()&;|", c) >= 0 && at.in == inBraces:
		return refuse("an unquoted operator inside braces", `write "${NAME:-text}"`)
	case strings.IndexByte("{*?[", c) >= 0 && at.in == inExport:
		return refuse("an unquoted pattern in an export command", `write export NAME="value"`)
	}
	return nil
}

// endsDollar reports whether the dollar sign at byte i of a quoted text is
// followed by something that no shell takes for a variable: the common case
// is a regular expression.
func (s *source) endsDollar(lit *syntax.Lit, i int) bool {
	offset := int(lit.ValuePos.Offset()) + i
	return s.has(offset, "$") && strings.IndexByte("\" \t\n|)/", s.after(offset)) >= 0
}

func assigns(op syntax.ParExpOperator) bool {
	return op == syntax.AssignUnset || op == syntax.AssignUnsetOrNull
}

// reference understands $NAME and ${NAME…}.
func (s *source) reference(pe *syntax.ParamExp, at spot) (*reference, *Error) {
	if pe.Param == nil || pe.Flags != nil || pe.NestedParam != nil || pe.Excl || pe.Length || pe.Width || pe.IsSet ||
		pe.Index != nil || len(pe.Modifiers) > 0 || pe.Slice != nil || pe.Repl != nil || pe.Names != 0 {
		return nil, s.refuseExpansion(pe)
	}
	name := pe.Param.Value
	if !syntax.ValidName(name) {
		return nil, s.refuse(pe.Dollar, "a parameter of the shell itself, such as $1 or $?,", hintStatic)
	}
	if at.depth > maxNesting {
		return nil, s.refuse(pe.Dollar, "such deep nesting of braces", hintStatic)
	}
	written := "$" + name
	if !pe.Short {
		written = "${" + name
		if pe.Exp != nil {
			written += pe.Exp.Op.String()
		}
	}
	if !s.has(int(pe.Dollar.Offset()), written) {
		return nil, s.refuse(pe.Dollar, "a variable name broken over lines", "write $NAME on one line")
	}
	ref := &reference{name: name, pos: s.pos(pe.Dollar)}
	if pe.Exp == nil {
		return ref, nil
	}
	ref.op = pe.Exp.Op
	var parts []syntax.WordPart
	if pe.Exp.Word != nil {
		parts = pe.Exp.Word.Parts
	}
	switch ref.op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AlternateUnset, syntax.AlternateUnsetOrNull,
		syntax.AssignUnset, syntax.AssignUnsetOrNull:
		within := spot{inBraces, at.depth + 1}
		if at.in == inQuotes || at.in == inQuotedBraces {
			within.in = inQuotedBraces
		}
		arg, err := s.word(parts, within)
		ref.arg = arg
		return ref, err
	case syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix:
		cut, err := s.pattern(pe, parts)
		ref.cut = cut
		return ref, err
	}
	return nil, s.refuseExpansion(pe)
}
