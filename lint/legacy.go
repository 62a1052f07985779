package lint

import (
	"bytes"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/confd"
)

// legacy looks for what OpenRC has given up, or keeps for old scripts alone.
func (s *script) legacy() {
	first, _, _ := bytes.Cut(s.src, []byte("\n"))
	if bytes.HasSuffix(bytes.TrimSpace(first), []byte("/runscript")) {
		s.at("GL307", confd.Pos{File: s.name, Line: 1, Col: 1}, "", "the interpreter is runscript, which OpenRC has no longer")
	}
	interpreter, ok := bytes.CutPrefix(bytes.TrimSpace(first), []byte("#!"))
	switch at := (confd.Pos{File: s.name, Line: 1, Col: 1}); {
	case ok && otherShell(interpreter):
		s.at("GL309", at, "", "the interpreter is %s", bytes.TrimSpace(interpreter))
	case !ok && bytes.HasPrefix(first, []byte("\xef\xbb\xbf")):
		s.at("GL309", at, "save it without a byte order mark", "a byte order mark is before #!, so no interpreter is found")
	case !ok && installed(s.name):
		s.at("GL309", at, "", "the first line names no interpreter")
	}
	if s.set("SVCNAME") {
		return
	}
	for _, f := range s.nodes {
		if p, ok := f.node.(*syntax.ParamExp); ok && p.Param != nil && p.Param.Value == "SVCNAME" {
			s.report("GL308", p.Pos(), "", "SVCNAME is the old name of RC_SVCNAME")
			break
		}
	}
}

// otherShell tells whether what stands behind #! is no openrc-run, under whatever
// name.
func otherShell(interpreter []byte) bool {
	return !bytes.Contains(interpreter, []byte("openrc-run")) && !bytes.Contains(interpreter, []byte("runscript"))
}
