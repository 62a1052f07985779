package lint

import (
	"cmp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// fromFile is about kill with a number that was read from a file: in its place, or
// before in the same function. A function that looks at /proc or asks ps which
// process it is may.
func (s *script) fromFile(c *call, args []*syntax.Word) {
	fields := s.fields(args)
	if signal := signalOf(fields); signal == "0" || len(args) == 0 || args[0] != nil && fields0(fields) == "-l" {
		return
	}
	for _, w := range args {
		file := s.readBy(w)
		if file == "" {
			if name := variable(w); name != "" {
				file = s.readInto(c, name)
			}
		}
		if file == "" || s.looks(c) {
			continue
		}
		signal := signalOf(fields)
		if signal == "" || strings.Contains(signal, Hole) {
			signal = "TERM"
		}
		say := s.lesser // a reload, of a service that is started
		switch signal {
		case "TERM", "KILL", "INT", "QUIT", "ABRT", "15", "9", "2", "3":
			say = s.report
		}
		say("GL103", c.node.Pos(), "guestrc signal --pidfile "+file+" --exec PROGRAM "+signal, "kill gets a number from %s and does not look whose it is", file)
		return
	}
}

func fields0(fields []field) string {
	if len(fields) == 0 {
		return ""
	}
	return fields[0].text
}

// origin is where a variable of a function gets its values.
type origin struct {
	file    string // that it is assigned from
	unknown bool   // or has another value
	last    syntax.Pos
	reads   []*call // "read NAME"
}

// origin is worked out once: a function may kill as often as it likes.
func (s *script) origin(in *function, name string) *origin {
	type key struct {
		in   *function
		name string
	}
	if s.origins == nil {
		s.origins = map[any]*origin{}
	}
	if o := s.origins[key{in, name}]; o != nil {
		return o
	}
	o := &origin{}
	s.origins[key{in, name}] = o
	for _, a := range s.named[name] {
		if a.call != nil || a.in != in || a.value == nil || len(a.value.Parts) == 0 { // local pid=
			continue
		}
		o.last = a.node.Pos()
		if o.file = s.readBy(a.value); o.file == "" {
			o.unknown = true
			return o
		}
	}
	for _, r := range s.reads {
		if r.in != in {
			continue
		}
		for _, w := range r.args {
			if text, _ := Literal(w); text == name {
				o.reads = append(o.reads, r)
			}
		}
	}
	return o
}

// readInto is the file that a variable was read from in the call's function,
// before it; empty if it may have another value.
func (s *script) readInto(c *call, name string) string {
	o := s.origin(c.in, name)
	if o.unknown || o.last.IsValid() && o.last.After(c.node.Pos()) {
		return ""
	}
	before, _ := slices.BinarySearchFunc(o.reads, c.node.Pos(), func(r *call, at syntax.Pos) int { return cmp.Compare(r.node.Pos().Offset(), at.Offset()) })
	if before > 0 {
		return s.input(o.reads[before-1].stmt)
	}
	return o.file
}

// looks tells whether the function that a call is in asks which process it is.
func (s *script) looks(c *call) bool {
	if c.in == nil {
		return false
	}
	looks, known := s.looking[c.in]
	if !known {
		looks = s.looksIn(c.in)
		s.looking[c.in] = looks
	}
	return looks
}

func (s *script) looksIn(f *function) bool {
	for _, other := range f.calls {
		switch name, _ := other.program(); name {
		case "ps", "pgrep", "pidof", "readlink", "fuser", "lsof":
			return true
		}
	}
	body := s.text(f.decl)
	for _, file := range []string{"/exe", "/cmdline", "/comm", "/stat"} {
		if strings.Contains(body, file) && strings.Contains(body, "/proc/") {
			return true
		}
	}
	return false
}
