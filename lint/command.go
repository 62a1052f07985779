package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// program is what a call runs in the end, without exec, command, busybox, timeout
// and their like; without a directory, and empty if it is not known.
func (c *call) program() (name string, args []*syntax.Word) {
	name, args = c.base(), c.args
	for len(args) > 0 {
		skip := 0
		switch name {
		case "exec", "command", "busybox", "builtin", "nohup", "setsid":
		case "nice", "ionice", "timeout", "sudo", "env":
			skip = leading(name, args)
		default:
			return name, args
		}
		if skip >= len(args) {
			return name, args
		}
		next, ok := Literal(args[skip])
		if !ok || strings.HasPrefix(next, "-") {
			return name, args // command -v, exec 3>&1
		}
		name, args = next[strings.LastIndexByte(next, '/')+1:], args[skip+1:]
	}
	return name, args
}

// leading counts the words that belong to a command that runs another.
func leading(name string, args []*syntax.Word) (n int) {
	for n < len(args) {
		text, _ := Literal(args[n])
		switch {
		case name == "env" && strings.Contains(text, "="):
		case len(text) == 2 && text[0] == '-' && strings.Contains("ncpugks", text[1:]): // with a value of their own
			n++
		case strings.HasPrefix(text, "-"):
		case name == "timeout":
			return n + 1 // how long
		default:
			return n
		}
		n++
	}
	return n
}

// field is one word as a command gets it.
type field struct {
	text  string // with a Hole for what is not known
	loose bool   // there is a Hole outside of quotes: it may be no word, or several
	word  *syntax.Word
}

// known tells whether nothing of it is a Hole.
func (f field) known() bool { return !strings.Contains(f.text, Hole) }

// fields expands words and splits what a shell would split.
func (s *script) fields(words []*syntax.Word) (all []field) {
	for _, w := range words {
		text := s.expand(w)
		switch {
		case plain(w):
			all = append(all, field{text: text, word: w})
		case strings.Contains(text, Hole):
			all = append(all, field{text: text, loose: true, word: w})
		default:
			for _, part := range strings.Fields(text) {
				all = append(all, field{text: part, word: w})
			}
		}
	}
	return all
}

// sources tells whether the script reads another, whose functions and variables
// are not known.
func (s *script) sources() bool { return s.reader }

// gives tells whether name may have a value when a function runs: from this
// script, by an assignment, a default or read, or from what it sources.
func (s *script) gives(name string) bool {
	return s.set(name) || strings.Contains(string(s.src), "{"+name+":=") || strings.Contains(string(s.src), "{"+name+"=") || s.sources()
}

// text is a stretch of the file.
func (s *script) text(n syntax.Node) string {
	from, to := n.Pos().Offset(), n.End().Offset()
	if to > uint(len(s.src)) || from > to {
		return ""
	}
	return string(s.src[from:to])
}

// source is how a word stands in the file, on one line.
func (s *script) source(w *syntax.Word) string { return strings.Join(strings.Fields(s.text(w)), " ") }

// calling is the first call of a name in the script, in no order of running.
func (s *script) calling(names ...string) *call {
	for _, c := range s.calls {
		for _, n := range names {
			if c.name == n {
				return c
			}
		}
	}
	return nil
}
