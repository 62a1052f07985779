package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// bashCommand reports commands and options of bash.
func (s *script) bashCommand(c *call) {
	at := c.node.Pos()
	switch c.name {
	case "[[":
		s.report("GL401", at, "", "[[: a test of bash and ksh")
	case "source":
		s.report("GL403", at, "", "source is bash's name of the dot")
	case "let":
		s.report("GL406", at, "write : $((…))", "let is bash's")
	case "declare", "typeset":
		s.report("GL406", at, "use local, or nothing", "%s is bash's", c.name)
	case "pushd", "popd", "shopt", "mapfile", "readarray", "disown", "compgen", "coproc", "builtin", "enable", "caller":
		s.report("GL406", at, "", "%s is bash's", c.name)
	case "echo":
		s.echo(c)
	case "read":
		s.bashOption(c, "apntdsuNei", "r")
	case "type":
		s.bashOption(c, "tpPaf", "")
	case "local", "export", "readonly":
		s.bashOption(c, "aAirnlufgx", "p")
	case "wait":
		s.bashOption(c, "nfp", "")
	case "exec":
		s.bashOption(c, "acl", "")
	case "printf":
		s.bashOption(c, "v", "")
	case "set":
		if len(c.args) > 1 && strings.Contains(s.expand(c.args[1]), "pipefail") {
			s.report("GL406", at, "", "set -o pipefail: a shell without it ends there")
		}
	case "trap":
		s.trap(c)
	default:
		s.bashAssign(c)
	}
}

// bashOption reports the first option that is bash's alone.
func (s *script) bashOption(c *call, bash, posix string) {
	for _, w := range c.args {
		text, ok := Literal(w)
		if !ok || len(text) < 2 || text[0] != '-' || text == "--" {
			return
		}
		for _, letter := range text[1:] {
			if strings.ContainsRune(posix, letter) {
				continue
			}
			if strings.ContainsRune(bash, letter) {
				s.report("GL406", w.Pos(), "", "%s -%c is bash's", c.name, letter)
			}
			return
		}
	}
}

func (s *script) echo(c *call) {
	if len(c.args) == 0 {
		return
	}
	text, ok := Literal(c.args[0])
	if ok && len(text) > 1 && text[0] == '-' && strings.Trim(text[1:], "neE") == "" && strings.ContainsAny(text, "eE") {
		s.report("GL404", c.args[0].Pos(), "", "echo %s: dash prints the option", text)
	}
}

// trap looks for the conditions that POSIX does not have; the first word is what
// to do then.
func (s *script) trap(c *call) {
	for i, w := range c.args {
		text, _ := Literal(w)
		switch short, long := strings.CutPrefix(text, "SIG"); {
		case i == 0:
		case text == "ERR" || text == "DEBUG" || text == "RETURN":
			s.report("GL406", w.Pos(), "", "trap %s is bash's", text)
		case long && signalName(text):
			s.report("GL406", w.Pos(), "write "+short, "trap %s: dash knows the signal as %s", text, short)
		}
	}
}

// bashAssign finds NAME+=VALUE and NAME[0]=VALUE, which a POSIX shell takes for
// the names of commands.
func (s *script) bashAssign(c *call) {
	first, ok := c.node.Args[0].Parts[0].(*syntax.Lit)
	if !ok {
		return
	}
	name, _, ok := strings.Cut(first.Value, "=")
	if !ok {
		return
	}
	if before, ok := strings.CutSuffix(name, "+"); ok && syntax.ValidName(before) {
		s.more(first.Pos(), before+"+=")
	} else if before, _, ok := strings.Cut(name, "["); ok && syntax.ValidName(before) && strings.HasSuffix(name, "]") {
		s.more(first.Pos(), "arrays")
	}
}

// braces finds {a,b} and {1..9} among the words of a command or a loop. They are expanded
// there alone, and not in assignments, patterns or quotes.
func (s *script) braces(words []*syntax.Word) {
	for _, w := range words {
		for _, p := range w.Parts {
			if b, ok := p.(*syntax.BraceExp); ok { // in a bash tree
				s.report("GL407", b.Pos(), "", "braces in a word: POSIX shells take them as they stand")
				break
			}
		}
		if braced(w) {
			s.report("GL407", w.Pos(), "", "braces in a word: POSIX shells take them as they stand")
		}
	}
}

func braced(w *syntax.Word) bool {
	var text strings.Builder
	for _, p := range w.Parts {
		if lit, ok := p.(*syntax.Lit); ok {
			text.WriteString(lit.Value)
		} else {
			text.WriteByte('x')
		}
	}
	word := text.String()
	open := strings.IndexByte(word, '{')
	if open < 0 || open > 0 && (word[open-1] == '\\' || word[open-1] == '$') {
		return false
	}
	in, _, ok := strings.Cut(word[open+1:], "}")
	if !ok || strings.ContainsAny(in, `\ {`) {
		return false
	}
	from, to, sequence := strings.Cut(in, "..")
	return strings.Contains(in, ",") || sequence && isEnd(from) && isEnd(to)
}

// isEnd tells whether a sequence of bash's may begin or end with it.
func isEnd(text string) bool {
	return len(text) == 1 || text != "" && strings.Trim(text, "0123456789-") == ""
}
