package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// ssdStart is about a call that starts a daemon.
func (s *script) ssdStart(d *ssd, at syntax.Pos) {
	if d.vague {
		return
	}
	if !d.has("background") {
		for _, name := range []string{"stdout", "stderr", "stdout-logger", "stderr-logger"} {
			if d.has(name) {
				s.report("GL613", at, "", "start-stop-daemon refuses --%s without --background", name)
				break
			}
		}
	}
	switch {
	case d.has("make-pidfile") && !d.has("pidfile"):
		s.report("GL613", at, "", "start-stop-daemon refuses --make-pidfile without --pidfile")
	case d.has("make-pidfile") && !d.has("background") && !piped(d.call) && !d.has("test"):
		s.report("GL602", at, "", "--make-pidfile without --background: a daemon that forks has another number, one that does not holds up the start")
	case d.has("make-pidfile") && d.has("background"):
		if arg := daemonises(d.args); arg != "" {
			s.report("GL602", at, "", "--background --make-pidfile, yet %s makes the daemon fork: the pidfile has the number of a process that is gone", arg)
		}
	}
}

// daemonises is the argument that surely makes a daemon fork into the background;
// empty if there is none, or one that may take it back. --daemon is none such:
// nix-daemon and others ignore it.
func daemonises(args []field) (found string) {
	for _, a := range args {
		switch found {
		case "--daemonize", "--daemonise", "--detach":
			if a.text == "no" || a.text == "0" || a.text == "false" || a.text == "off" {
				return ""
			}
		}
		switch a.text {
		case "--daemonize", "--daemonise", "--detach":
			found = a.text
		}
		lower := strings.ToLower(a.text)
		for _, back := range []string{"no-d", "nod", "no-f", "nof", "foreground", "supervis", "no-b"} {
			if strings.Contains(lower, back) {
				return ""
			}
		}
		if a.text == "-f" || a.text == "-F" || a.loose {
			return ""
		}
	}
	return found
}
