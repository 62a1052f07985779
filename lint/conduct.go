package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/finding"
)

func conductRules() finding.Catalogue {
	return finding.Catalogue{
		{ID: "GL501", Title: "sleep instead of a wait", Severity: finding.Info,
			Why: "On a fast host the time is wasted at every start or stop, and on a slow one it is too short.",
			Fix: "wait for the event: start-stop-daemon --retry when stopping; --wait, notify= or ewaitfile when starting"},
		{ID: "GL502", Title: "ebegin without eend", Severity: finding.Warning,
			Why: "The line that ebegin begins says neither ok nor !!, whatever comes of it.",
			Fix: "end it with 'eend $?'"},
		{ID: "GL503", Title: "a return between ebegin and eend", Severity: finding.Info,
			Why: "On that way the line that ebegin began stays without a mark.",
			Fix: "call eend with the status before the return: 'eend 1 \"why\"; return 1', or 'cmd; eend $? \"why\" || return 1'"},
		{ID: "GL504", Title: "the status of a daemon's start or stop is lost", Severity: finding.Warning,
			Why: "What is told, and what OpenRC takes for the service's state, is the status of a later command: a failure looks like success.",
			Fix: "keep it: rc=$? right after the command, and 'eend $rc' in the end"},
		{ID: "GL505", Title: "eend without a status", Severity: finding.Warning,
			Why: "eend takes its status from its first argument: without one it is 0, always, and with a message there it is 1.",
			Fix: "write 'eend $?'"},
		{ID: "GL506", Title: "a function that fails when a condition is false", Severity: finding.Warning,
			Why: "'[ … ] && cmd' has a status of 1 if the test is false; as the last command it is the function's, and OpenRC takes the service for failed.",
			Fix: "write 'if [ … ]; then cmd; fi'"},
		{ID: "GL507", Title: "the status of local", Severity: finding.Warning,
			Why: "In 'local x=$(cmd)' the status is that of local, which is 0, and cmd's is lost.",
			Fix: "declare first, assign then: local x; x=$(cmd)"},
		{ID: "GL508", Title: "the status of a pipeline", Severity: finding.Warning,
			Why: "A pipeline has its last command's status: what fails before counts for nothing.",
			Fix: "write to a file, or let the daemon log by itself: output_log, output_logger"},
		{ID: "GL509", Title: "a status that is always started", Severity: finding.Warning,
			Why: "rc-service NAME status, and whatever watches by it, sees the service running when it is not.",
			Fix: "return 3 when it is not running, or leave it to OpenRC: do not define status()"},
		{ID: "GL510", Title: "restart() is never called", Severity: finding.Warning,
			Why: "OpenRC restarts by stop and start, with all that depends on it; the script's function has no effect.",
			Fix: "put it into stop and start, which may look at RC_CMD"},
		{ID: "GL511", Title: "a status that is always 0", Severity: finding.Warning,
			Why: "$? is the status of the last command that ended, and that one cannot fail: a failure of what was meant counts as success.",
			Fix: "keep it: rc=$? right after the command"},
	}
}

// conduct looks at how functions go about their work.
func (s *script) conduct() {
	if s.kind != Script {
		return
	}
	for _, f := range s.order {
		if f.name != "depend" { // GL206
			s.paths(f)
		}
	}
	for _, f := range s.nodes {
		s.voids(f.node)
		if list := statements(f.node); len(list) > 1 {
			s.statuses(list)
		}
	}
	for _, name := range [...]string{"start", "stop", "start_pre", "start_post", "stop_pre", "stop_post"} {
		if f := s.funcs[name]; f != nil {
			s.lastCommand(f)
		}
	}
	s.sleeps()
	s.alwaysStarted()
	if f := s.funcs["restart"]; f != nil && s.calling("restart") == nil {
		s.report("GL510", f.decl.Pos(), "", "restart(): OpenRC never calls it")
	}
}

// simpleCall is the simple command that a statement is, and its name; nil: it is
// another thing.
func simpleCall(st *syntax.Stmt) (*syntax.CallExpr, string) {
	c, ok := st.Cmd.(*syntax.CallExpr)
	if !ok || len(c.Args) == 0 {
		return nil, ""
	}
	name, _ := Literal(c.Args[0])
	return c, name[strings.LastIndexByte(name, '/')+1:]
}

// usesStatus tells whether $? is in a node.
func usesStatus(n syntax.Node) (found bool) {
	syntax.Walk(n, func(n syntax.Node) bool {
		if p, ok := n.(*syntax.ParamExp); ok && p.Param != nil && p.Param.Value == "?" {
			found = true
		}
		return !found
	})
	return found
}
