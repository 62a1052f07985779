package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// unquoted looks for words of an rm -r that a shell splits and globs, if what
// they will be is not known.
func (s *script) unquoted(c *call) {
	for _, w := range c.args {
		text := s.source(w)
		if plain(w) || !s.unsure(w) {
			continue
		}
		s.report("GL416", w.Pos(), `"`+strings.NewReplacer(`"`, "", "*", `"*`).Replace(text)+`"`, "rm -r %s: a blank or a star in it makes other paths of it", text)
		return
	}
}

// unsure tells whether an expansion outside of quotes may have blanks in it: a
// command's output, or a variable that the script gets from conf.d.
func (s *script) unsure(w *syntax.Word) bool {
	for _, p := range w.Parts {
		switch p := p.(type) {
		case *syntax.CmdSubst:
			return true
		case *syntax.ParamExp:
			if p.Param != nil && syntax.ValidName(p.Param.Value) && !p.Length && !strings.HasPrefix(p.Param.Value, "RC_") && p.Param.Value != "SVCNAME" &&
				!s.ownValue(p.Param.Value) {
				return true
			}
		}
	}
	return false
}

// ownValue tells whether a variable has a value of the script's own.
func (s *script) ownValue(name string) bool {
	if s.gives(name) {
		return true
	}
	for _, f := range s.nodes {
		if n, ok := f.node.(*syntax.WordIter); ok && n.Name.Value == name {
			return true
		}
	}
	for _, r := range s.reads {
		for _, w := range r.args {
			if text, _ := Literal(w); text == name {
				return true
			}
		}
	}
	return false
}

// search looks for a find that removes below a variable without quotes: if that
// is empty, find begins in the working directory, which is / for a service.
func (s *script) search(c *call) {
	if len(c.args) == 0 || !s.mayVanish(c.args[0]) {
		return
	}
	removes := false
	for i, w := range c.args {
		text, _ := Literal(w)
		removes = removes || text == "-delete" || text == "rm" && i > 0
	}
	if removes {
		s.report("GL411", c.node.Pos(), "", "find %s: all of the working directory, which is / for a service, if the variable is empty", s.source(c.args[0]))
	}
}
