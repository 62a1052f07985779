package lint

import (
	"path"
	"strings"
)

// replaceable reports checkpath calls that give a pidfile or its directory to
// somebody else.
func (s *script) replaceable(p pidfilePlace) bool {
	for _, c := range s.calls {
		name, args := c.program()
		if name != "checkpath" {
			continue
		}
		cp := s.checkpath(args)
		who := cp.writer()
		if who == "" {
			continue
		}
		for _, f := range cp.paths {
			if what := s.holds(f, p, cp.file); what != "" {
				s.report("GL605", c.node.Pos(), "", "%s may write to %s, and so replace the pidfile that root goes by", who, what)
				return true
			}
		}
	}
	return false
}

// holds tells what of a pidfile a path is: its directory, or itself.
func (s *script) holds(f field, p pidfilePlace, file bool) string {
	shown := readable(f.text)
	if file {
		if f.known() && same(f.text, p.text) || bare(s.source(f.word)) == bare(p.source) || bare(s.source(f.word)) == "$pidfile" && !p.call {
			return shown
		}
		return ""
	}
	source := bare(s.source(f.word))
	switch {
	case f.known() && !strings.Contains(p.text, Hole) && p.text != "":
		if same(f.text, path.Dir(p.text)) && strings.Contains(p.text, "/") {
			return shown
		}
	case !p.call && (source == "$pidfile%/*" || source == "$(dirname $pidfile)" || source == "`dirname $pidfile`"):
		return "the directory of $pidfile"
	case source == bare(dirOf(p.source)) && source != "" && source != ".":
		return s.source(f.word)
	}
	return ""
}

// dirOf is a path's directory as it is written, expansions and all.
func dirOf(source string) string {
	i := strings.LastIndexByte(source, '/')
	if i < 0 || strings.ContainsAny(source[i:], "}") && !strings.Contains(source[i:], "{") {
		return ""
	}
	return source[:i]
}

// bare takes quotes and braces away.
func bare(source string) string {
	return strings.TrimSuffix(strings.NewReplacer(`"`, "", "'", "", "{", "", "}", "").Replace(source), "/")
}
