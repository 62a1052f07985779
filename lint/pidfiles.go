package lint

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// pidfilePlace is one pidfile that the script names.
type pidfilePlace struct {
	text   string // with Holes
	source string // as it is written
	at     syntax.Pos
	start  bool // at a start; else at a stop
	call   bool // by start-stop-daemon; else declared
}

// pidfiles is about where pidfiles are.
func (s *script) pidfiles(v service, all []*ssd) {
	var places []pidfilePlace
	if a := s.global("pidfile"); a != nil && a.value != nil {
		p := pidfilePlace{text: s.expand(a.value), source: s.source(a.value), at: a.node.Pos()}
		p.start = v.starts
		places = append(places, p)
	}
	for _, d := range all {
		if o, ok := d.option("pidfile"); ok && o.value.word != nil {
			places = append(places, pidfilePlace{o.value.text, s.source(o.value.word), d.call.node.Pos(), !d.stops(), true})
		}
	}
	s.whereabouts(places)
	s.differ(v, places)
	if supervisor, _, ok := s.value("supervisor"); ok && supervisor != "" {
		return
	}
	given := s.given()
	for _, p := range places[:min(len(places), maxGiven)] {
		if s.replaceable(p, given) {
			return
		}
	}
}

// whereabouts: one finding of each sort is enough for a script.
func (s *script) whereabouts(places []pidfilePlace) {
	old, open := false, false
	for _, p := range places {
		switch {
		case strings.HasPrefix(p.text, "/var/run/") && !old:
			old = true
			s.report("GL608", p.at, readable("/run/"+p.text[len("/var/run/"):]), "%s is in /var/run", readable(p.text))
		case (strings.HasPrefix(p.text, "/tmp/") || strings.HasPrefix(p.text, "/var/tmp/") || strings.HasPrefix(p.text, "/dev/shm/")) && strings.Count(p.text, "/") == strings.Count(path.Dir(p.text), "/")+1 && !open && sticky(path.Dir(p.text)):
			open = true
			s.report("GL609", p.at, "", "%s: every user may write there", readable(p.text))
		}
	}
}

// sticky tells whether a directory is one of those that are open to all.
func sticky(dir string) bool { return dir == "/tmp" || dir == "/var/tmp" || dir == "/dev/shm" }

// differ is about a script with one pidfile for starts and another for stops, both
// known. Scripts with several daemons are left alone.
func (s *script) differ(v service, places []pidfilePlace) {
	var start, stop *pidfilePlace
	for i := range places {
		p := &places[i]
		if strings.Contains(p.text, Hole) || p.text == "" {
			return
		}
		switch {
		case p.call && p.start && start == nil:
			start = p
		case p.call && !p.start && stop == nil:
			stop = p
		case !p.call && v.starts && s.funcs["stop"] != nil && !v.stops: // declared, and stopped by hand
			start = p
		case !p.call && v.stops && s.funcs["start"] != nil && !v.starts: // started by hand, and stopped by OpenRC
			stop = p
		case p.call && p.start && same(start.text, p.text), p.call && !p.start && same(stop.text, p.text):
		case p.call:
			return
		}
	}
	if start != nil && stop != nil && !same(start.text, stop.text) {
		s.report("GL607", stop.at, "", "started with %s, stopped by %s", start.text, stop.text)
	}
}

func same(a, b string) bool { return tidy(a) == tidy(b) }

// tidy is a path as the kernel finds it on Linux.
func tidy(p string) string {
	p = path.Clean(p)
	if rest, ok := strings.CutPrefix(p, "/var/run"); ok && (rest == "" || rest[0] == '/') {
		return "/run" + rest
	}
	return p
}
