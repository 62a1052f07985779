package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/guestrc/guestrc/finding"
)

func dependRules() finding.Catalogue {
	return finding.Catalogue{
		{ID: "GL301", Title: "the network is used and nothing waits for it", Severity: finding.Warning,
			Why: "Without a word on the network in depend() the service may start before any interface is up, and what it does there fails.",
			Fix: "add 'use net' or 'after net' to depend(); 'need net' where it is of no use without"},
		{ID: "GL302", Title: "files on a file system that may not be mounted yet", Severity: finding.Warning,
			Why: "localmount mounts what /etc/fstab names beside the root; what starts before it finds an empty directory there.",
			Fix: "add 'need localmount' to depend()"},
		{ID: "GL303", Title: "a dependency on a service that does not exist", Severity: finding.Warning,
			Why: "OpenRC refuses to start what needs a service that is not there; with use, want, after and before it says nothing, and the order is not kept.",
			Fix: "write the service's name as it is in /etc/init.d, or as another service provides it"},
		{ID: "GL304", Title: "'need net' for a service that does without", Severity: finding.Warning,
			Why: "need ties the service to the interfaces: it stops when the last of them is stopped and does not start without one, and loopback does not count.",
			Fix: "say 'want net' or 'use net', or nothing: all addresses and loopback are there from boot on"},
		{ID: "GL305", Title: "dependencies that contradict each other", Severity: finding.Warning,
			Why: "OpenRC drops one of them without a word, and which one depends on their order.",
			Fix: "keep the one that is meant"},
		{ID: "GL306", Title: "a word in depend() that OpenRC does not know", Severity: finding.Warning,
			Why: "OpenRC knows need, use, want, after, before, provide, config and keyword, and some keywords; anything else is passed over, or is a command that is not found.",
			Fix: "openrc-run(8) lists them under DEPENDENCIES"},
		{ID: "GL307", Title: "run by runscript", Severity: finding.Warning,
			Why: "OpenRC 0.52 removed runscript: the script cannot be executed there.",
			Fix: "begin it with #!/sbin/openrc-run"},
		{ID: "GL308", Title: "SVCNAME, the old name of RC_SVCNAME", Severity: finding.Info,
			Why: "OpenRC still sets SVCNAME, for old scripts alone.",
			Fix: "use RC_SVCNAME"},
		{ID: "GL309", Title: "an init script that openrc-run does not run", Severity: finding.Error,
			Why: "OpenRC executes its scripts by their first line: a shell defines the functions of such a one and ends, and the service counts as started.",
			Fix: "#!/sbin/openrc-run, and POSIX sh below it"},
	}
}

// depends looks at what the script says of other services.
func (s *script) depends() {
	if s.kind != Script && s.kind != Conf {
		return
	}
	r := s.relations()
	s.names(r)
	s.contradictions(r)
	if s.kind == Script {
		s.network(r)
		s.mounts(r)
		s.unknownWords(r)
		s.legacy()
	}
}

// relation is one name that a script gives OpenRC in depend(), or by rc_need and
// its like.
type relation struct {
	kind   string // need, use, want, after, before, provide, keyword
	name   string // with a Hole where it is not known
	at     syntax.Pos
	always bool // under no condition
}

// relations are all of a script.
type relations struct {
	all  []relation
	open bool // there may be others
}

// kinds of relations, as openrc-run(8) has them.
func kindOfRelation(word string) bool {
	switch word {
	case "need", "use", "want", "after", "before", "provide", "keyword":
		return true
	}
	return false
}

func (s *script) relations() (r relations) {
	for _, c := range s.calls {
		switch {
		case c.in == nil:
			r.open = r.open || c.name == "." || c.name == "source"
		case kindOfRelation(c.name) && s.funcs[c.name] == nil && !c.substituted():
			for _, w := range c.args {
				s.relate(&r, c.name, w, !conditional(c.up) && c.in.name == "depend")
			}
		case c.name == "need_if_exists":
			r.open = true
		case c.in.name == "depend" && (c.name == "." || c.name == "eval" || c.name == ""):
			r.open = true
		}
	}
	for _, a := range s.assigns {
		if kind, ok := strings.CutPrefix(a.name, "rc_"); ok && kindOfRelation(kind) && a.call == nil && a.value != nil {
			s.relate(&r, kind, a.value, !conditional(a.up))
		}
	}
	return r
}

// maxRelations of one script; the longest known has 60.
const maxRelations = 500

func (s *script) relate(r *relations, kind string, w *syntax.Word, always bool) {
	for _, name := range strings.Fields(s.expand(w)) {
		if strings.Contains(name, Hole) || strings.ContainsAny(name, "@%") { // a template's place
			r.open = true
			continue
		}
		if len(r.all) == maxRelations {
			r.open = true
			return
		}
		r.all = append(r.all, relation{kind, name, w.Pos(), always})
	}
}

// waits tells whether the service starts after others for which is holds.
func (r relations) waits(is func(name string) bool) bool {
	for _, d := range r.all {
		if (d.kind == "need" || d.kind == "use" || d.kind == "want" || d.kind == "after") && !strings.HasPrefix(d.name, "!") && is(d.name) {
			return true
		}
	}
	return false
}

// says tells whether there is a relation of that kind for which is holds.
func (r relations) says(kind string, is func(name string) bool) bool {
	for _, d := range r.all {
		if d.kind == kind && is(d.name) {
			return true
		}
	}
	return false
}

// lesser reports what is less grave, or less sure, than its rule usually is.
func (s *script) lesser(id string, at syntax.Pos, hint, format string, args ...any) {
	s.report(id, at, hint, format, args...)
	s.found[len(s.found)-1].Severity = finding.Info
}
