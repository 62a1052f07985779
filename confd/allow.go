package confd

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// maxRefusals is how many complaints about one file are worth reading.
const maxRefusals = 20

// translate turns a syntax tree into a program, or says of each statement why
// it cannot. It is a list of what is allowed: a node that is not named here
// is refused.
func (s *source) translate(tree *syntax.File) ([]statement, error) {
	program := make([]statement, 0, len(tree.Stmts))
	var refused []error
	for _, st := range tree.Stmts {
		if len(refused) == maxRefusals {
			break
		}
		do, err := s.statement(st)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		program = append(program, do)
	}
	return program, join(refused)
}

func (s *source) statement(st *syntax.Stmt) (statement, *Error) {
	call, ok := st.Cmd.(*syntax.CallExpr)
	switch {
	case st.Cmd != nil && !ok:
		return statement{}, s.refuseCommand(st.Cmd)
	case len(st.Redirs) > 0:
		return statement{}, s.refuse(st.Redirs[0].OpPos, "a redirection or here-document", hintQuote)
	case st.Negated:
		return statement{}, s.refuse(st.Position, "a negated command", hintStatic)
	case st.Background || st.Coprocess || st.Disown:
		return statement{}, s.refuse(st.Semicolon, "a background command", hintQuote)
	}
	return s.call(call)
}

// call understands NAME=value…, : ${NAME:=value}… and export NAME[=value]… .
func (s *source) call(c *syntax.CallExpr) (statement, *Error) {
	if len(c.Args) == 0 {
		do := statement{assigns: make([]assign, 0, len(c.Assigns))}
		for _, a := range c.Assigns {
			set, err := s.assignment(a)
			if err != nil {
				return statement{}, err
			}
			do.assigns = append(do.assigns, set)
		}
		return do, nil
	}
	if len(c.Assigns) > 0 {
		return statement{}, s.refuseSpaces(c)
	}
	switch command := c.Args[0].Lit(); {
	case command == ":" && len(c.Args) > 1:
		return s.operands(c.Args[1:], s.defaulting, false)
	case command == "export" && len(c.Args) > 1:
		return s.operands(c.Args[1:], s.exporting, true)
	default:
		return statement{}, s.refuseCall(c)
	}
}

func (s *source) operands(words []*syntax.Word, understand func(*syntax.Word) (assign, *Error), atOnce bool) (statement, *Error) {
	do := statement{atOnce: atOnce}
	for _, w := range words {
		set, err := understand(w)
		if err != nil {
			return statement{}, err
		}
		do.assigns = append(do.assigns, set)
	}
	return do, nil
}

// assignment understands NAME=value.
func (s *source) assignment(a *syntax.Assign) (assign, *Error) {
	name := a.Name.Value
	switch {
	case a.Array != nil && s.foreign && !a.Append && s.has(int(a.Name.ValuePos.Offset()), name+"=("):
		return s.array(a)
	case a.Index != nil || a.Array != nil:
		return assign{}, s.refuse(a.Pos(), "an array", hintStatic)
	case a.Append:
		return assign{}, s.refuse(a.Pos(), "+=", `write NAME="$NAME more"`)
	case a.Naked || !s.has(int(a.Name.ValuePos.Offset()), name+"="):
		return assign{}, s.refuse(a.Pos(), "a variable name broken over lines", "write NAME= on one line")
	case reserved(name):
		return assign{}, s.refuseName(a.Pos(), name)
	}
	set := assign{name: name, pos: s.pos(a.Name.ValuePos)}
	if a.Value != nil {
		value, err := s.word(a.Value.Parts, spot{in: inValue})
		if err != nil {
			return assign{}, err
		}
		set.value = value
	}
	return set, nil
}

// array understands NAME=( "a" "b" ), where all words mean themselves, as the
// text of the words, one to a line.
func (s *source) array(a *syntax.Assign) (assign, *Error) {
	name := a.Name.Value
	if reserved(name) {
		return assign{}, s.refuseName(a.Pos(), name)
	}
	set := assign{name: name, pos: s.pos(a.Name.ValuePos), array: true}
	for i, e := range a.Array.Elems {
		if e.Index != nil || e.Value == nil {
			return assign{}, s.refuse(e.Pos(), "an array with keys", hintStatic)
		}
		text, err := s.word(e.Value.Parts, spot{in: inExport})
		if err != nil {
			err.Msg = "an array whose elements are not plain words is not allowed here"
			err.Hint = "write one text, a line for each element: " + name + "=\"…\""
			return assign{}, err
		}
		if i > 0 {
			set.value = append(set.value, part{text: "\n"})
		}
		set.value = append(set.value, text...)
	}
	return set, nil
}

// defaulting understands an operand of ":", which is one ${NAME:=word} or
// ${NAME=word}, quoted or not.
func (s *source) defaulting(w *syntax.Word) (assign, *Error) {
	parts, where := w.Parts, spot{in: inBraces, depth: 1}
	if q, ok := parts[0].(*syntax.DblQuoted); ok && len(parts) == 1 && !q.Dollar {
		parts, where.in = q.Parts, inQuotedBraces
	}
	if len(parts) == 1 {
		if pe, ok := parts[0].(*syntax.ParamExp); ok && pe.Exp != nil {
			set := assign{when: ifEmpty}
			switch pe.Exp.Op {
			case syntax.AssignUnset:
				set.when = ifUnset
				fallthrough
			case syntax.AssignUnsetOrNull:
				ref, err := s.reference(pe, where)
				if err != nil {
					return assign{}, err
				}
				if foreign(ref.name) { // whether it is set already cannot be known
					return assign{}, s.refuseName(pe.Param.ValuePos, ref.name)
				}
				set.name, set.pos, set.value = ref.name, s.pos(pe.Param.ValuePos), ref.arg
				return set, nil
			}
		}
	}
	return assign{}, s.refuse(w.Pos(), `an operand of ":" that is not ${NAME:=value}`, `write : "${NAME:=value}"`)
}

// exporting understands an operand of export. A value must be quoted where
// shells of different age would split it, match files or expand braces.
func (s *source) exporting(w *syntax.Word) (assign, *Error) {
	const hint = `write export NAME="value"`
	first, ok := w.Parts[0].(*syntax.Lit)
	if !ok {
		return assign{}, s.refuse(w.Pos(), "an operand of export that is not a name", hint)
	}
	name, rest, valued := strings.Cut(first.Value, "=")
	switch {
	case !syntax.ValidName(name) || !valued && len(w.Parts) > 1 ||
		!s.has(int(first.ValuePos.Offset()), first.Value[:len(first.Value)-len(rest)]):
		return assign{}, s.refuse(w.Pos(), "an operand of export that is not a name", hint)
	case reserved(name):
		return assign{}, s.refuseName(w.Pos(), name)
	}
	set := assign{name: name, pos: s.pos(w.Pos()), export: true, when: never}
	if !valued {
		return set, nil
	}
	set.when = always
	parts := w.Parts[1:]
	if rest != "" {
		lit := *first
		skipped := len(first.Value) - len(rest)
		lit.Value = rest
		lit.ValuePos = syntax.NewPos(first.ValuePos.Offset()+uint(skipped), first.ValuePos.Line(), first.ValuePos.Col()+uint(skipped))
		parts = append([]syntax.WordPart{&lit}, parts...)
	}
	value, err := s.word(parts, spot{in: inExport})
	set.value = value
	return set, err
}
