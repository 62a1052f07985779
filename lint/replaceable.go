package lint

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// given is a path that somebody but root may write to from then on.
type given struct {
	at    syntax.Pos
	who   string
	path  field
	sorts []bool // what it may be: true for a file, false for a directory
}

// maxGiven of one script; the longest known has 14.
const maxGiven = 200

// given are the paths that the script gives to others: by checkpath, chown, and
// install -d.
func (s *script) given() (all []given) {
	for _, c := range s.calls {
		name, args := c.program()
		var cp checked
		sorts := []bool{false}
		switch {
		case s.funcs[name] != nil:
			continue
		case name == "checkpath":
			cp = s.checkpath(args)
			sorts[0] = cp.file
		case name == "chown":
			cp = s.chown(args)
			sorts = []bool{false, true}
		case name == "install":
			cp = s.install(args)
		}
		who := cp.writer()
		for _, f := range cp.paths {
			if who != "" && len(all) < maxGiven {
				all = append(all, given{c.node.Pos(), who, f, sorts})
			}
		}
	}
	return all
}

// chown reads a call of chown(1); with --reference and its like nothing is known.
func (s *script) chown(args []*syntax.Word) (c checked) {
	for _, f := range s.fields(args) {
		switch {
		case strings.HasPrefix(f.text, "--") && f.text != "--recursive" && f.text != "--quiet" && f.text != "--verbose":
			return checked{}
		case strings.HasPrefix(f.text, "-"):
		case c.owner == "":
			c.set('o', f.text, bare(s.source(f.word)))
		default:
			c.paths = append(c.paths, f)
		}
	}
	return c
}

// install reads a call of install(1), if it makes directories.
func (s *script) install(args []*syntax.Word) (c checked) {
	directories := false
	fields := s.fields(args)
	for i := 0; i < len(fields); i++ {
		text := fields[i].text
		switch {
		case (text == "-o" || text == "-m" || text == "-g") && i+1 < len(fields):
			i++
			if text != "-g" {
				c.set(text[1], fields[i].text, bare(s.source(fields[i].word)))
			}
		case strings.HasPrefix(text, "-"):
			directories = directories || text == "-d" || text == "--directory"
		default:
			c.paths = append(c.paths, fields[i])
		}
	}
	if !directories {
		return checked{}
	}
	return c
}

// replaceable reports what gives a pidfile or its directory to somebody else.
func (s *script) replaceable(p pidfilePlace, all []given) bool {
	for _, g := range all {
		for _, file := range g.sorts {
			if what := s.holds(g.path, p, file); what != "" {
				s.report("GL605", g.at, "", "%s may write to %s, and so replace the pidfile that root goes by", g.who, what)
				return true
			}
		}
	}
	return false
}

// holds tells what of a pidfile a path is: its directory, or itself.
func (s *script) holds(f field, p pidfilePlace, file bool) string {
	shown := f.text
	if !f.known() {
		shown = s.source(f.word)
	}
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
