package confd

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Hints that serve several refusals.
const (
	hintStatic  = "the file is read, not run: write the resulting value, or ${NAME:-default}"
	hintQuote   = `if it belongs to the value, quote the value: NAME="a b"`
	hintCommand = `the file is read, not run; if the words belong to a value, quote it: NAME="a b"`
)

// refuse says that something is not allowed here. Messages never hold text
// from the file beyond variable names: it may be a password.
func (s *source) refuse(p syntax.Pos, what, hint string) *Error {
	return s.refuseAt(s.pos(p), what, hint)
}

func (s *source) refuseAt(p Pos, what, hint string) *Error {
	return &Error{Pos: p, Msg: what + " is not allowed here", Hint: hint}
}

func (s *source) refuseName(p syntax.Pos, name string) *Error {
	return &Error{Pos: s.pos(p), Msg: name + " cannot be set here: it belongs to the shell or to OpenRC",
		Hint: "choose another name, in lower case"}
}

// refuseCommand explains why a compound command is not understood.
func (s *source) refuseCommand(c syntax.Command) *Error {
	what, hint := "a compound command", hintStatic
	switch c := c.(type) {
	case *syntax.IfClause:
		what, hint = "an if command", "the file is read, not run: write the value for this guest, or ${NAME:-default}"
	case *syntax.CaseClause:
		what = "a case command"
	case *syntax.ForClause:
		what = "a for command"
	case *syntax.WhileClause:
		what = "a while command"
		if c.Until {
			what = "an until command"
		}
	case *syntax.FuncDecl:
		what, hint = "a function", "the file is read, not run: hooks belong into a service of their own, ordered by rc_before or rc_after"
	case *syntax.Subshell:
		what = "a subshell"
	case *syntax.Block:
		what, hint = "a { } group", "write its lines without the braces"
	case *syntax.DeclClause:
		what, hint = c.Variant.Value, "write NAME=value alone"
	case *syntax.BinaryCmd:
		return s.refuse(c.OpPos, "the operator "+c.Op.String(), hintCommand)
	}
	return s.refuse(c.Pos(), what, hint)
}

func (s *source) refuseQuote(p syntax.Pos) *Error {
	return s.refuse(p, "a quote inside quoted braces", "leave out the inner quotes")
}

// refuseSpaces explains NAME=value word, mostly a value without quotes.
func (s *source) refuseSpaces(c *syntax.CallExpr) *Error {
	last := c.Assigns[len(c.Assigns)-1]
	e := s.refuse(c.Args[0].Pos(), "a command after an assignment", "")
	if last.Value == nil {
		e.Hint = fmt.Sprintf("write no space after =: %s=value", last.Name.Value)
	} else {
		e.Hint = fmt.Sprintf("quote a value that has spaces: %s=\"a b\"", last.Name.Value)
	}
	return e
}

// refuseCall explains why a command is not run.
func (s *source) refuseCall(c *syntax.CallExpr) *Error {
	command := c.Args[0].Lit()
	at := c.Pos()
	switch command {
	case ".", "source":
		return s.refuse(at, "reading another file", "put shared settings into the file of the kind, such as /etc/conf.d/qemu, which is read first")
	case "unset":
		return s.refuse(at, "unset", "write NAME= (empty means: use the default)")
	case "readonly", "local", "declare", "typeset":
		return s.refuse(at, command, "write NAME=value alone")
	case "export":
		return s.refuse(at, "export without a name", `write export NAME="value"`)
	case ":":
		return s.refuse(at, `":" without an operand`, `write : "${NAME:=value}"`)
	case "eval", "set", "exec", "exit", "return", "test", "[", "echo", "printf", "trap", "cd", "umask", "ulimit", "shift", "alias", "read":
		return s.refuse(at, "the command "+command, hintStatic)
	}
	start := command
	if lit, ok := c.Args[0].Parts[0].(*syntax.Lit); ok {
		start = lit.Value
	}
	name, _, isAssign := strings.Cut(start, "=")
	switch {
	case isAssign && strings.HasSuffix(name, "+") && syntax.ValidName(name[:len(name)-1]):
		name = name[:len(name)-1]
		return s.refuse(at, "+=", fmt.Sprintf(`write %s="$%s more"`, name, name))
	case isAssign:
		return s.refuse(at, "an assignment to something that is not a variable name", "a name is letters, digits and _, not beginning with a digit")
	case len(c.Args) > 1 && syntax.ValidName(command) && strings.HasPrefix(c.Args[1].Lit(), "="):
		return s.refuse(at, "a space before =", "write "+command+"=value, without spaces around =")
	}
	return s.refuse(at, "a command", hintCommand)
}

// refusePart explains why a part of a word is not understood.
func (s *source) refusePart(p syntax.WordPart) *Error {
	switch p := p.(type) {
	case *syntax.CmdSubst:
		what := "command substitution $(…)"
		if p.Backquotes {
			what = "command substitution `…`"
		}
		return s.refuse(p.Left, what, "the file is read, not run: run the command once and write what it says")
	case *syntax.ArithmExp:
		return s.refuse(p.Left, "arithmetic $((…))", "write the result")
	}
	return s.refuse(p.Pos(), "this expansion", hintStatic)
}

// refuseExpansion explains why a ${…} is not understood.
func (s *source) refuseExpansion(pe *syntax.ParamExp) *Error {
	what, hint := "this form of ${…}", "these are understood: ${A} ${A:-x} ${A-x} ${A:+x} ${A+x} ${A#x} ${A##x} ${A%x} ${A%%x}"
	switch {
	case pe.Length:
		what, hint = "the length ${#…}", "write the number"
	case pe.Exp != nil && (pe.Exp.Op == syntax.ErrorUnset || pe.Exp.Op == syntax.ErrorUnsetOrNull):
		what, hint = "${…:?…}", "leave it out: guestrc checks every value that it needs"
	}
	return s.refuse(pe.Dollar, what, hint)
}
