package lint

import (
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// names looks for services that do not exist.
func (s *script) names(r relations) {
	for _, d := range r.all {
		name := strings.TrimPrefix(d.name, "!")
		if d.kind == "keyword" || d.kind == "provide" || strings.ContainsAny(name, "*?[") || s.exists(name) {
			continue
		}
		if hint := s.noName(name); hint != "" {
			s.report("GL303", d.at, hint, "%s %s: no service can have that name", d.kind, d.name)
		} else if meant := misspelt(name); meant != "" {
			s.report("GL303", d.at, "write "+meant, "%s %s: there is no such service; %s is one", d.kind, name, meant)
		} else if d.kind == "need" && d.always && s.world.Service != nil && name == d.name && s.kind == Script {
			say := s.report
			if filepath.Base(filepath.Dir(s.name)) != "init.d" { // not installed here, and so not started here
				say = s.lesser
			}
			say("GL303", d.at, "", "need %s: no service of that name is here, so this one cannot be started", name)
		}
	}
}

// noName is what to write for a name that no service of OpenRC has; empty if one
// may have it.
func (s *script) noName(name string) string {
	switch {
	case strings.Contains(name, "/"):
		return "write " + name[strings.LastIndexByte(name, '/')+1:]
	case strings.Contains(name, ","):
		return "write " + strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == ',' }), " ") + ", with blanks"
	}
	for _, suffix := range [...]string{".service", ".target", ".socket"} {
		if unit, ok := strings.CutSuffix(name, suffix); ok {
			if suffix == ".target" {
				return "that is systemd's; OpenRC's like it are localmount, net, netmount"
			}
			return "that is systemd's name; write " + unit
		}
	}
	if dependWord(name) {
		return "write " + name + " on a line of its own"
	}
	return ""
}

func (s *script) exists(name string) bool {
	return s.world.Service != nil && s.world.Service(name)
}

// misspelt is the well-known service that a name is one edit away from. The list
// has no name that another real one is so close to but for its first letter, which
// slips seldom hit: "slogger" and "random" are services of other systems.
func misspelt(name string) string {
	meant := ""
	for _, known := range [...]string{"localmount", "bootmisc", "logger", "netmount", "hostname", "firewall", "modules",
		"procfs", "keymaps", "urandom", "hwclock", "swclock", "sysctl", "loopback", "consolefont", "ntp-client",
		"postgresql", "nfsclient", "device-mapper", "termencoding", "net-online", "networking", "avahi-daemon", "dmeventd"} {
		if name == known || name == known+"d" || name == known+"s" { // firewalld is another one
			return ""
		}
		if name != "" && name[0] == known[0] && oneEdit(name, known) {
			meant = known
		}
	}
	return meant
}

// oneEdit tells whether a becomes b when one letter is added, taken away or
// replaced, or two neighbours are swapped.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if i == len(a) {
		return false
	}
	return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// contradictions looks for relations of which OpenRC drops one:
// rc_deptree_update() in its librc-depend.c.
func (s *script) contradictions(r relations) {
	self := s.service()
	for i, d := range r.all {
		if !d.always || d.kind == "keyword" || d.kind == "provide" {
			continue
		}
		if d.name == self && s.kind == Script {
			s.report("GL305", d.at, "take it away", "%s %s: the service itself, which OpenRC passes over", d.kind, d.name)
			continue
		}
		for _, e := range r.all[:i] {
			if e.always && e.name == d.name && (e.kind == "before") != (d.kind == "before") {
				s.report("GL305", d.at, "", "%s %s, but %s %s in line %d: it cannot start before and after it", d.kind, d.name, e.kind, e.name, e.at.Line())
				break
			}
		}
	}
}

// unknownWords looks for keywords, and commands in depend(), that mean nothing.
func (s *script) unknownWords(r relations) {
	for _, d := range r.all {
		if d.kind == "keyword" && !knownKeyword(d.name) {
			hint := ""
			if knownKeyword("-" + d.name) {
				hint = "write -" + d.name
			}
			s.report("GL306", d.at, hint, "keyword %s: OpenRC has no such keyword", d.name)
		}
	}
	f := s.funcs["depend"]
	if f == nil {
		return
	}
	for _, c := range f.calls {
		if meant := relationMeant(c.name); meant != "" && s.funcs[c.name] == nil && c.up.node == syntax.Node(c.stmt) {
			s.report("GL306", c.node.Pos(), "write "+meant, "%s: there is no such command in depend(); %s is one", c.name, meant)
		}
	}
}

// relationMeant is what a word may be meant for.
func relationMeant(word string) string {
	if lower := strings.ToLower(word); lower != word && dependWord(lower) {
		return lower
	}
	switch word {
	case "needs", "nedd", "ned", "require", "requires", "required", "depends":
		return "need"
	case "uses":
		return "use"
	case "wants":
		return "want"
	case "afetr", "atfer", "afer", "aftre":
		return "after"
	case "befor", "befroe", "beofre":
		return "before"
	case "provides", "porvide":
		return "provide"
	case "keywords":
		return "keyword"
	}
	return ""
}

// knownKeyword tells whether OpenRC heeds a keyword: those of openrc-run(8), of
// rc_sys (rc.h), and the old forms as "nojail", in its librc-depend.c and rc.c.
func knownKeyword(word string) bool {
	word = strings.TrimPrefix(word, "!")
	rest, ok := strings.CutPrefix(word, "-")
	if !ok {
		if rest, ok = strings.CutPrefix(word, "no"); !ok {
			return false
		}
	}
	switch rest {
	case "shutdown", "stop", "timeout", "jail", "lxc", "openvz", "prefix", "rkt", "uml", "vserver", "xen0", "xenu",
		"docker", "podman", "systemd-nspawn", "wsl", "containers", "hotplug":
		return true
	}
	return false
}
