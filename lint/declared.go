package lint

import "strings"

// service is what a script declares for OpenRC's own start and stop.
type service struct {
	starts, stops bool // by OpenRC's own functions
	vague         bool // what is not seen here may be elsewhere: it sources something
}

func (s *script) declares() service {
	return service{
		starts: s.funcs["start"] == nil || s.calling("default_start", "ssd_start") != nil,
		stops:  s.funcs["stop"] == nil || s.calling("default_stop", "ssd_stop") != nil,
		vague:  s.sources(),
	}
}

// value is what a variable has at global scope, if all of it is known.
func (s *script) value(name string) (text string, at *assign, known bool) {
	a := s.global(name)
	if a == nil {
		return "", nil, false
	}
	text = s.expand(a.value)
	return text, a, !strings.Contains(text, Hole)
}

// elsewhere tells whether a variable may have a value when OpenRC's functions run:
// one that the script uses without setting it comes from conf.d, and so may a
// supervisor for a script that knows of one.
func (s *script) elsewhere(name string) bool {
	src := string(s.src)
	return s.gives(name) || strings.Contains(src, "$"+name) || strings.Contains(src, "${"+name) || name == "supervisor" && strings.Contains(src, "supervis")
}

// yes is what OpenRC's yesno takes for yes.
func yes(text string) bool {
	switch strings.ToLower(text) {
	case "yes", "true", "on", "1":
		return true
	}
	return false
}

// declared is about variables that OpenRC's own functions read.
func (s *script) declared(v service) {
	if retry, at, ok := s.value("retry"); ok && v.stops {
		s.schedule(retry, at.node.Pos())
	} else if at != nil && v.stops && strings.Contains(retry, "/") {
		s.schedule(retry, at.node.Pos())
	}
	s.background(v)
	s.supervised(v)
	if command, at, _ := s.value("command"); at != nil && v.starts {
		if program, options, ok := strings.Cut(command, " -"); ok && strings.HasPrefix(program, "/") && !strings.ContainsAny(program, " "+Hole) {
			s.report("GL620", at.node.Pos(), "command="+program+` and command_args="-`+readable(options)+`"`, "start-stop-daemon takes -%s for its own, and %s does not get it", readable(options), program)
		}
	}
	s.logs(v)
	args, _, _ := s.value("start_stop_daemon_args") // without --background it may be no daemon, but something done once
	if command, at, ok := s.value("command"); ok && v.starts && v.stops && strings.Contains(args, "--background") && !s.elsewhere("pidfile") {
		program, _, _ := strings.Cut(command, " ")
		s.longName(program, at.node.Pos())
	}
}

// background is about command_background, which needs a pidfile, and of which
// supervisors know nothing.
func (s *script) background(v service) {
	text, at, ok := s.value("command_background")
	if !ok || !yes(text) || !v.starts {
		return
	}
	supervisor, by, known := s.value("supervisor")
	switch {
	case known && plainly(by) && (supervisor == "supervise-daemon" || supervisor == "s6" || supervisor == "runit"):
		s.report("GL618", at.node.Pos(), "", "%s does not look at command_background", supervisor)
		return
	case s.elsewhere("supervisor"):
		return
	case !s.elsewhere("pidfile"):
		s.report("GL604", at.node.Pos(), "", "command_background without a pidfile: OpenRC refuses to start the service")
	}
	if own, other, ok := s.value("command_args_background"); ok && strings.TrimSpace(own) != "" {
		s.report("GL604", other.node.Pos(), "", "command_args_background with command_background: OpenRC refuses to start the service")
		return
	}
	args, _, ok := s.value("command_args")
	if !ok {
		return
	}
	var fields []field
	for _, part := range strings.Fields(args) {
		fields = append(fields, field{text: part})
	}
	if arg := daemonises(fields); arg != "" {
		s.report("GL602", at.node.Pos(), "", "command_background, yet %s makes the daemon fork: the pidfile has the number of a process that is gone", arg)
	}
}

// supervised is about a supervised daemon that goes into the background.
func (s *script) supervised(v service) {
	supervisor, at, ok := s.value("supervisor")
	if !ok || supervisor != "supervise-daemon" || !plainly(at) || !v.starts {
		return
	}
	var fields []field
	for _, name := range []string{"command_args", "command_args_foreground"} {
		args, _, ok := s.value(name)
		if !ok && s.set(name) {
			return
		}
		for _, part := range strings.Fields(args) {
			fields = append(fields, field{text: part})
		}
	}
	if arg := daemonises(fields); arg != "" {
		s.report("GL602", at.node.Pos(), "take "+arg+" away", "supervise-daemon, yet %s makes the daemon fork: it counts as ended, and is started again and again", arg)
	}
}

// plainly tells whether conf.d cannot change a value.
func plainly(a *assign) bool {
	_, ok := Literal(a.value)
	return ok
}

// logs is about output_log and its like, which start-stop-daemon takes only with
// --background.
func (s *script) logs(v service) {
	if !v.starts || v.vague || s.elsewhere("command_background") || s.elsewhere("supervisor") || s.elsewhere("start_stop_daemon_args") {
		return
	}
	for _, name := range []string{"output_log", "error_log", "output_logger", "error_logger"} {
		if text, at, ok := s.value(name); ok && text != "" && s.gives("command") {
			s.report("GL613", at.node.Pos(), "command_background=yes, with a pidfile; or supervisor=supervise-daemon", "%s without command_background: start-stop-daemon refuses it, and the service does not start", name)
			return
		}
	}
}
