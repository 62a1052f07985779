package lint

import "strings"

// byName is about tools that go by names; with an option that bounds them to one
// namespace, one parent, one session or a pidfile they may.
func (s *script) byName(c *call, name string, args []field) {
	if bounded(name, args) || len(args) == 0 && name != "killall5" {
		return
	}
	signal, who := signalOf(args), target(args)
	if kernelThread(strings.TrimSpace(who)) || name == "killall" && strings.Contains(who, "/") { // killall(1): that very file, which guests have not
		return
	}
	switch {
	case name == "pidof" || name == "pgrep":
		s.report("GL102", c.node.Pos(), s.lookHint(), "%s%s looks at every process of that name, those in containers included", name, who)
	case name != "killall5" && (signal == "0" || signal == "EXIT"):
		s.report("GL102", c.node.Pos(), s.lookHint(), "%s -0%s asks for every process of that name, those in containers included", name, who)
	case name == "killall5":
		s.report("GL101", c.node.Pos(), "", "killall5 signals every process there is, those in containers included")
	default:
		s.report("GL101", c.node.Pos(), s.killHint(signal, who), "%s%s signals every process of that name, those in containers included", name, who)
	}
}

// bounded: killall(1), pkill(1) and pidof(8) have these.
func bounded(name string, args []field) bool {
	for _, a := range args {
		long, _, _ := strings.Cut(a.text, "=")
		switch long {
		case "--ns", "--nslist", "--parent", "--pidfile", "--session", "--pgroup", "--cgroup", "--version", "--help", "--list", "-l", "-V":
			return true
		}
		if len(a.text) < 2 || a.text[0] != '-' || a.text[1] == '-' {
			continue
		}
		letters := ""
		switch name {
		case "pkill", "pgrep":
			letters = "FPgs"
		case "killall":
			letters = "n"
		case "pidof":
			letters = "c" // of the same root alone
		}
		if i := strings.IndexAny(a.text[1:], letters); letters != "" && i == 0 || i > 0 && !upper(a.text[1:i+1]) {
			return true // not the S in -USR1, but -xF
		}
	}
	return false
}

func upper(s string) bool { return s == strings.ToUpper(s) }

// signalOf is what kill's relatives are told to send: without SIG, empty for the
// usual.
func signalOf(args []field) string {
	for i, a := range args {
		switch {
		case (a.text == "-s" || a.text == "--signal") && i+1 < len(args):
			return strings.TrimPrefix(args[i+1].text, "SIG")
		case strings.HasPrefix(a.text, "--signal="):
			return strings.TrimPrefix(a.text[len("--signal="):], "SIG")
		case len(a.text) > 1 && a.text[0] == '-' && (a.text[1] >= '0' && a.text[1] <= '9' || len(a.text) > 2 && upper(a.text) && a.known()):
			return strings.TrimPrefix(a.text[1:], "SIG")
		}
	}
	return ""
}

// target is the name that a tool is given, with a space before it, or nothing.
func target(args []field) string {
	if len(args) == 0 {
		return ""
	}
	last := args[len(args)-1]
	if len(args) > 1 {
		switch args[len(args)-2].text {
		case "-s", "--signal", "-u", "--user":
			return ""
		}
	}
	if !last.known() || strings.HasPrefix(last.text, "-") || len(last.text) > 40 || strings.ContainsAny(last.text, "\n") {
		return ""
	}
	return " " + last.text
}

// pidfileWord is how the script itself would name its pidfile.
func (s *script) pidfileWord() string {
	if s.set("pidfile") {
		return `"$pidfile"`
	}
	return "FILE"
}

func (s *script) killHint(signal, who string) string {
	which := " --exec " + s.programWord()
	file := "--pidfile " + s.pidfileWord()
	if who == "" {
		who = " NAME"
	}
	if strings.Contains(signal, Hole) {
		signal = "SIGNAL"
	}
	switch signal {
	case "", "TERM", "15", "KILL", "9":
		const until = " --retry TERM/20/KILL/5"
		return "start-stop-daemon --stop " + file + until + ", or with a look at who it is: guestrc signal --oknodo " + file + which + until +
			"; without a pidfile: guestrc killall --oknodo" + which + until + who
	case "HUP", "1":
		return "guestrc signal " + file + which + " --reload; without a pidfile: guestrc killall" + which + " --reload" + who
	}
	return "guestrc signal " + file + which + " " + signal + "; without a pidfile: guestrc killall" + which + " --signal " + signal + who
}

// programWord is how the script itself would name its program.
func (s *script) programWord() string {
	if a := s.global("command"); a != nil && a.value != nil {
		if text := s.expand(a.value); strings.HasPrefix(text, "/") && !strings.ContainsAny(text, Hole+" \t\n'\"$") {
			return text
		}
	}
	return "PROGRAM"
}

func (s *script) lookHint() string {
	if s.set("pidfile") {
		return `go by "$pidfile": OpenRC's own status does, and start-stop-daemon --test --signal 0 --pidfile "$pidfile" asks`
	}
	return ""
}
