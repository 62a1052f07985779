package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/finding"
)

func processRules() finding.Catalogue {
	return finding.Catalogue{
		{ID: "GL101", Title: "processes signalled by name", Severity: finding.Warning,
			Why: "On a host with containers, that name is run by guests, too: the host sees their processes, and signals them as well.",
			Fix: "stop by pidfile (start-stop-daemon --stop --pidfile FILE --retry TERM/20/KILL/5), or within the host alone: guestrc killall --exec PROGRAM --retry TERM/20/KILL/5 NAME"},
		{ID: "GL102", Title: "processes looked for by name", Severity: finding.Warning,
			Why: "On a host with containers, that name is run by guests, too: what is found may be theirs, and the service counts as running, or the wrong process is signalled.",
			Fix: "go by the pidfile; OpenRC's own status does that for what start-stop-daemon started"},
		{ID: "GL103", Title: "a number from a file signalled unseen", Severity: finding.Warning,
			Why: "After a crash or a reboot the number in a pidfile belongs to some other process, and that is hit.",
			Fix: "guestrc signal --pidfile FILE --exec PROGRAM SIGNAL looks first which process it is; start-stop-daemon --signal at least tells when there is none"},
		{ID: "GL104", Title: "processes looked for in ps's table", Severity: finding.Warning,
			Why: "ps shows the processes of all containers as well, and grep finds itself, editors and log readers, too: what is found may be anything that has those letters in its arguments.",
			Fix: "go by the pidfile, which start-stop-daemon --background --make-pidfile writes if the daemon does not"},
	}
}

// processes finds what meets processes that are not the service's.
func (s *script) processes() {
	for _, c := range s.calls {
		if s.kind == Conf && c.in == nil {
			continue // GL701 says it
		}
		name, args := c.program()
		if s.funcs[name] != nil {
			continue // the script's own
		}
		switch name {
		case "killall", "pkill", "killall5", "pidof", "pgrep":
			s.byName(c, name, s.fields(args))
		case "kill":
			s.fromFile(c, args)
		case "sh", "su", "runuser", "trap", "eval":
			s.quotedKill(c, args)
		case "ps":
			s.table(c, s.fields(args))
		}
	}
}

// quotedKill is about a command for another shell that is one call of killall or
// pkill.
func (s *script) quotedKill(c *call, args []*syntax.Word) {
	for _, w := range args {
		text, _ := Literal(w)
		words := strings.Fields(text)
		if len(words) < 2 || words[0] != "killall" && words[0] != "pkill" || strings.ContainsAny(text, "|&;<>()$`\\\"'*?[#") {
			continue
		}
		var fields []field
		for _, word := range words[1:] {
			fields = append(fields, field{text: word})
		}
		s.byName(c, words[0], fields)
		return
	}
}
