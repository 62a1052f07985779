package lint

import "strings"

// unstopped is about a start() of the script's own with OpenRC's stop, which has
// nothing to go by.
func (s *script) unstopped(v service, all []*ssd) {
	if v.vague || s.funcs["start"] == nil || s.funcs["stop"] != nil || v.starts || s.gives("supervisor") {
		return
	}
	for _, name := range []string{"command", "pidfile", "procname"} {
		if s.gives(name) || strings.Contains(string(s.src), "$"+name) || strings.Contains(string(s.src), "${"+name) {
			return
		}
	}
	if s.calling("service_set_value") != nil {
		return
	}
	var start *ssd
	for _, d := range all {
		switch {
		case d.vague || d.stops():
			return
		case d.call.in == s.funcs["start"]:
			start = d
		}
	}
	if start != nil {
		s.report("GL615", start.call.node.Pos(), "", "start() starts a daemon, and there is no stop(): OpenRC's own has neither command nor pidfile to go by")
	}
}
