package lint

import (
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

// readInto is the file that a variable was read from in the call's function,
// before it; empty if it may have another value.
func (s *script) readInto(c *call, name string) (file string) {
	for _, a := range s.assigns {
		if a.name != name || a.call != nil || a.in != c.in {
			continue
		}
		if a.value == nil || len(a.value.Parts) == 0 { // local pid=
			continue
		}
		if file = s.readBy(a.value); file == "" || a.node.Pos().After(c.node.Pos()) {
			return ""
		}
	}
	for _, r := range s.calls {
		if r.name != "read" || r.in != c.in || r.node.Pos().After(c.node.Pos()) {
			continue
		}
		for _, w := range r.args {
			if text, _ := Literal(w); text == name {
				file = s.input(r.stmt)
			}
		}
	}
	return file
}

// looks tells whether the function that a call is in asks which process it is.
func (s *script) looks(c *call) bool {
	if c.in == nil {
		return false
	}
	for _, other := range c.in.calls {
		switch name, _ := other.program(); name {
		case "ps", "pgrep", "pidof", "readlink", "fuser", "lsof":
			return true
		}
	}
	body := s.text(c.in.decl)
	for _, file := range []string{"/exe", "/cmdline", "/comm", "/stat"} {
		if strings.Contains(body, file) && strings.Contains(body, "/proc/") {
			return true
		}
	}
	return false
}
