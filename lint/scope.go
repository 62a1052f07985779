package lint

import (
	"slices"
	"strings"

	"github.com/guestrc/guestrc/finding"
)

func scopeRules() finding.Catalogue {
	return finding.Catalogue{
		{ID: "GL201", Title: "a process at global scope", Severity: finding.Warning,
			Why: "OpenRC reads every script whenever it renews its table of dependencies, and the script itself for every command, status included. Each process costs about 1 ms there, in every runlevel and before other filesystems are mounted.",
			Fix: "do it in the function that needs it (start_pre), or with what the shell has itself: ${path##*/} for basename, ${path%/*} for dirname"},
		{ID: "GL202", Title: "output at global scope", Severity: finding.Warning,
			Why: "It is printed whenever OpenRC renews its table of dependencies, by whichever command did that, and at every status.",
			Fix: "print in start_pre, or in the function that it is about"},
		{ID: "GL203", Title: "a process in depend()", Severity: finding.Warning,
			Why: "OpenRC runs depend() of every script when it renews its table of dependencies; each process costs about 1 ms, and what it reads is not noticed when it changes later.",
			Fix: "let conf.d say it: rc_need, rc_use and rc_after there add to what depend() says; if a file must be read, name it with config"},
		{ID: "GL204", Title: "an effect at global scope", Severity: finding.Warning,
			Why: "It happens whenever OpenRC reads the script: when any service is started after some script changed, and at every status, even if this service is never started.",
			Fix: "do it in start_pre"},
		{ID: "GL205", Title: "a name that is OpenRC's own", Severity: finding.Error,
			Why: "OpenRC's shell goes on to use that name after it has read the script, and gets the script's.",
			Fix: "give it another name, such as one that begins with the service's"},
		{ID: "GL206", Title: "an effect or output in depend()", Severity: finding.Warning,
			Why: "depend() is run for every script whenever OpenRC renews its table of dependencies, not when the service starts.",
			Fix: "let depend() say need, use, want, before, after, provide, keyword and config alone; the rest belongs to start_pre"},
		{ID: "GL207", Title: "an end at global scope", Severity: finding.Warning,
			Why: "OpenRC reads the script to learn its dependencies. When that fails the service is not in the table: nothing can depend on it, and it can be neither stopped nor asked for its status.",
			Fix: "check in start_pre, and return 1 there; required_files and required_dirs do it without a function"},
		{ID: "GL208", Title: "an exit that counts as success", Severity: finding.Warning,
			Why: "exit ends the shell that runs the service: what comes after is left out, yet OpenRC takes the command for done.",
			Fix: "use return"},
		{ID: "GL209", Title: "a function that nothing calls", Severity: finding.Warning,
			Why: "OpenRC calls start, stop and status, what the extra_…commands name, and for each of these NAME_pre and NAME_post.",
			Fix: "name it in extra_started_commands, or rename it"},
	}
}

// scopes finds what OpenRC runs when it only reads the script.
func (s *script) scopes() {
	if s.kind != Script {
		return
	}
	w := &weigher{script: s, costs: map[*function]*call{}}
	for _, c := range s.calls {
		if c.in == nil {
			w.global(c)
		}
	}
	if depend := s.funcs["depend"]; depend != nil {
		w.depend(depend)
	}
	s.oneEach("GL201", "GL203")
	s.shadows()
	s.exits()
	s.uncalled()
}

// weigher finds out what calls cost, functions of the script included.
type weigher struct {
	*script
	costs map[*function]*call // the first process of each; nil while it is looked at, and for none
}

// process is what a call starts: itself, or what the function that it calls
// starts; nil if it surely costs none, or nobody knows.
func (w *weigher) process(c *call) *call {
	if f := w.funcs[c.name]; f != nil {
		return w.cost(f)
	}
	name, _ := c.program()
	switch {
	case name == "" || strings.ContainsAny(name, "@$%"+Hole):
		return nil
	case builtin(name) || shellFunction(name) || tells(name) || silencing(c):
		return nil
	case external(name) || asks(name) || strings.HasPrefix(c.name, "/"):
		return c
	case c.substituted() && programName(name) && !w.sources(): // nothing else is left that could have that name
		return c
	}
	return nil
}

// programName tells whether a name looks like a program's, and not like a place in
// a template or a function that conf.d may have.
func programName(name string) bool {
	return len(name) > 2 && name[0] >= 'a' && name[0] <= 'z' && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.+") == ""
}

func (w *weigher) cost(f *function) *call {
	if found, seen := w.costs[f]; seen {
		return found
	}
	w.costs[f] = nil
	for _, c := range f.calls {
		if found := w.process(c); found != nil {
			w.costs[f] = found
			return found
		}
	}
	return nil
}

// silencing: command -v and hash only ask whether there is such a program.
func silencing(c *call) bool {
	return (c.name == "command" || c.name == "exec") && len(c.args) > 0 && strings.HasPrefix(c.args[0].Lit(), "-")
}

// oneEach keeps the first finding of an id in each line: grep | sed | cut is one
// thing to mend.
func (s *script) oneEach(ids ...string) {
	type place struct {
		id   string
		line int
	}
	seen := map[place]bool{}
	s.found = slices.DeleteFunc(s.found, func(f finding.Finding) bool {
		at := place{f.ID, f.Pos.Line}
		if !slices.Contains(ids, f.ID) || !seen[at] {
			seen[at] = true
			return false
		}
		return true
	})
}
