package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// ssdCall holds one call of start-stop-daemon against what it accepts.
func (s *script) ssdCall(d *ssd) {
	at := d.call.node.Pos()
	s.ssdOptions(d)
	if o, ok := d.option("exec"); ok && !o.value.loose && strings.HasPrefix(o.value.text, "/") {
		if program, options, ok := strings.Cut(o.value.text, " -"); ok {
			s.report("GL620", at, "", "no program is called %q: -%s are options of %s", readable(o.value.text), readable(options), readable(program))
		}
	}
	if d.stops() {
		s.ssdStop(d, at)
	} else {
		s.ssdStart(d, at)
	}
	for _, o := range d.opts {
		switch {
		case o.name == "retry" && d.stops():
			s.schedule(o.value.text, o.word.Pos())
		case o.name == "signal" && o.value.known() && o.value.text != "" && !strings.Contains(o.value.text, "@") && !signalName(o.value.text):
			s.report("GL614", o.word.Pos(), "--signal HUP", "start-stop-daemon knows no signal %s", o.value.text)
		}
	}
}

// ssdOptions is about options that it has not, and those that it warns of.
func (s *script) ssdOptions(d *ssd) {
	told := false
	for _, o := range d.opts {
		switch {
		case o.foreign && !told: // the first alone: what follows is often the daemon's, for want of a "--"
			told = true
			s.report("GL606", o.word.Pos(), elsewhere(o.name), "start-stop-daemon of OpenRC has no option %s", o.name)
		case o.foreign:
		case o.name == "chuid" || o.name == "startas" || o.name == "oknodo":
			s.report("GL619", o.word.Pos(), "", "start-stop-daemon warns of --%s: it is deprecated", o.name)
		case o.name == "retry" && d.has("start") && !d.stops():
			s.report("GL619", o.word.Pos(), "", "--retry has no effect at a start")
		case o.name == "wait" && d.has("stop"):
			s.report("GL619", o.word.Pos(), "", "--wait has no effect at a stop")
		}
	}
}

// elsewhere is what does here what an option of another start-stop-daemon does
// there.
func elsewhere(name string) string {
	switch name {
	case "--remove-pidfile":
		return "take it away: a stop removes the pidfile"
	case "--no-close", "--output", "-O":
		return "--stdout FILE and --stderr FILE say where output goes"
	case "--status", "-T":
		return "--test --signal 0 --pidfile FILE asks whether it runs; OpenRC's own status does"
	case "--notify-await", "--notify-timeout":
		return "--notify socket:ready waits until the daemon says it is ready"
	case "--iosched":
		return "--ionice"
	case "--procsched":
		return "--scheduler"
	}
	return ""
}

func (s *script) ssdStop(d *ssd, at syntax.Pos) {
	for _, name := range []string{"background", "make-pidfile", "stdout", "stderr", "stdout-logger", "stderr-logger"} {
		if d.has(name) {
			s.report("GL613", at, "", "start-stop-daemon refuses --%s when it is to stop or to signal", name)
			break
		}
	}
	user, byUser := d.option("user")
	if !byUser {
		user, byUser = d.option("chuid")
	}
	byUser = !d.has("test") && byUser && user.value.text != "root" && user.value.text != "0"
	byName := d.has("name") && !d.has("test") // with --test it only asks
	switch {
	case d.vague || d.has("pidfile"):
	case d.has("exec", "startas") || len(d.rest) > 0 || len(d.args) > 0:
		if o, ok := d.option("exec"); s.tooLong(d, at) || !ok || byName || byUser || d.has("test") || len(d.args) > 0 {
			return
		} else if name := o.value.text[strings.LastIndexByte(o.value.text, '/')+1:]; interpreter(name) {
			s.report("GL616", at, "", "every process that %s runs is meant", name)
		}
	case byName:
		o, _ := d.option("name")
		if !s.tooLong(d, at) && !kernelThread(o.value.text) {
			s.report("GL616", at, "", "every process with the name %s is meant", readable(o.value.text))
		}
	case d.has("test"):
	case byUser:
		s.report("GL616", at, "", "every process of the user %s is meant", readable(user.value.text))
	default:
		s.report("GL601", at, "", "start-stop-daemon is not told whom to stop")
	}
}

// interpreter tells whether a program runs the scripts of many services.
func interpreter(name string) bool {
	switch strings.TrimRight(name, "0123456789.") {
	case "python", "perl", "ruby", "node", "java", "php", "bash", "sh", "mono", "lua":
		return true
	}
	return false
}

// kernelThread: NFS's server is threads of the kernel, which no container has and
// no pidfile names.
func kernelThread(name string) bool { return name == "nfsd" || name == "lockd" }

// readable is a text for people.
func readable(text string) string { return strings.ReplaceAll(text, Hole, "…") }

// tooLong: OpenRC's rc_find_pids() compares the last part of --exec, or else
// --name, with the name in /proc/PID/stat, of which the kernel keeps 15 bytes.
func (s *script) tooLong(d *ssd, at syntax.Pos) bool {
	o, ok := d.option("exec")
	if !ok && len(d.rest) > 0 {
		o, ok = ssdOption{value: d.rest[0]}, true
	}
	if !ok {
		o, ok = d.option("name")
	}
	return ok && s.longName(o.value.text, at)
}

func (s *script) longName(program string, at syntax.Pos) bool {
	base := program[strings.LastIndexByte(program, '/')+1:]
	if len(base) <= 15 || strings.Contains(base, Hole) || strings.ContainsAny(base, "@ ") {
		return false
	}
	s.report("GL617", at, "", "there is no pidfile to go by, and no process is called %s: the kernel keeps %s", base, base[:15])
	return true
}
