package lint

import "github.com/guestrc/guestrc/finding"

func daemonRules() finding.Catalogue {
	return finding.Catalogue{
		{ID: "GL601", Title: "a stop that names nobody", Severity: finding.Error,
			Why: "start-stop-daemon refuses to stop or to signal without --exec, --pidfile, --name or --user; --user root counts for none.",
			Fix: "say which daemon: --pidfile FILE"},
		{ID: "GL602", Title: "a pidfile with the wrong number", Severity: finding.Error,
			Why: "--make-pidfile writes the number of the process that start-stop-daemon itself starts. A daemon that forks goes on under another; one that does not must be put into the background, or the start never ends.",
			Fix: "run the daemon in the foreground, with --background --make-pidfile (command_background=yes); or let it write its pidfile itself"},
		{ID: "GL603", Title: "a stop that may never end the daemon", Severity: finding.Info,
			Why: "When the last signal is ignored the stop fails, the service counts as started, and a shutdown waits in vain. OpenRC sends no KILL of its own: a bare number means TERM and that many seconds.",
			Fix: "TERM/30/KILL/5; leave KILL away only where it would cost data"},
		{ID: "GL604", Title: "command_background with what it does not go with", Severity: finding.Error,
			Why: "OpenRC refuses to start the service.",
			Fix: "pidfile=\"/run/$RC_SVCNAME.pid\"; options that send the daemon to the background itself (command_args_background) do without command_background"},
		{ID: "GL605", Title: "a pidfile that the service's user can replace", Severity: finding.Warning,
			Why: "At a stop root signals whatever number is in the pidfile: whoever owns its directory decides who that is.",
			Fix: "keep the pidfile in /run, where command_background=yes writes it as root before it changes the user; give the user a directory of its own for sockets"},
		{ID: "GL606", Title: "an option that OpenRC's start-stop-daemon has not", Severity: finding.Error,
			Why: "It prints its usage and does nothing. Debian's and busybox's programs of that name have other options.",
			Fix: "start-stop-daemon --help lists them; what is meant for the daemon comes after --"},
		{ID: "GL607", Title: "stopped by another pidfile than started with", Severity: finding.Error,
			Why: "The stop does not find the daemon, and OpenRC takes the service for stopped.",
			Fix: "set pidfile once and use it in both places"},
		{ID: "GL608", Title: "a pidfile in /var/run", Severity: finding.Info,
			Why: "On Linux /var/run is an old name of /run, by a link in a filesystem that may be mounted later.",
			Fix: "write /run"},
		{ID: "GL609", Title: "a pidfile where everybody may write", Severity: finding.Warning,
			Why: "Any user can put a number there before the service starts, and root signals it.",
			Fix: "pidfile=\"/run/$RC_SVCNAME.pid\""},
		{ID: "GL610", Title: "no description", Severity: finding.Info,
			Why: "rc-service NAME describe has nothing to say.",
			Fix: "description=\"what the service is for\""},
		{ID: "GL611", Title: "a command without a description", Severity: finding.Info,
			Why: "rc-service NAME describe lists the command, and says that it has no description.",
			Fix: "description_COMMAND=\"what it does\""},
		{ID: "GL612", Title: "a command that is not there", Severity: finding.Error,
			Why: "OpenRC offers it and fails: there is no function of that name.",
			Fix: "define the function, or take the name away"},
		{ID: "GL613", Title: "options that start-stop-daemon refuses together", Severity: finding.Error,
			Why: "It stops with an error before it does anything.",
			Fix: "--stdout, --stderr and their loggers need --background (output_log and error_log: command_background=yes); --make-pidfile needs --pidfile; none of them goes with --stop or --signal"},
		{ID: "GL614", Title: "a signal or a stop schedule that is not read as meant", Severity: finding.Error,
			Why: "OpenRC reads a number of seconds, or signals and seconds in turn with slashes between, in one word.",
			Fix: "TERM/30/KILL/5"},
		{ID: "GL615", Title: "a daemon that nothing stops", Severity: finding.Warning,
			Why: "Without command, pidfile or procname OpenRC's stop does nothing and succeeds: the daemon goes on, and the next start meets it.",
			Fix: "set command and pidfile and let OpenRC start and stop it; or write a stop()"},
		{ID: "GL616", Title: "a daemon stopped by its name alone", Severity: finding.Info,
			Why: "Every process of that name is signalled, others' and those of a second instance included. Containers are spared if they have a pid namespace of their own.",
			Fix: "add --pidfile FILE; where the daemon writes none, start it with --background --make-pidfile"},
		{ID: "GL617", Title: "a name longer than the kernel keeps", Severity: finding.Error,
			Why: "Without a pidfile OpenRC goes by the name in /proc/PID/stat, which has 15 bytes at most: the daemon is never found, and the stop succeeds without it.",
			Fix: "use a pidfile"},
		{ID: "GL618", Title: "command_background of a supervised service", Severity: finding.Info,
			Why: "A supervisor keeps the daemon in the foreground and does not look at it.",
			Fix: "take it away, or the supervisor"},
		{ID: "GL619", Title: "an option that start-stop-daemon warns of", Severity: finding.Info,
			Why: "It prints a warning each time: the option has no effect there, or will go away.",
			Fix: "--user for --chuid, --exec or --name for --startas, nothing for --oknodo: a daemon that has ended already is no error; --retry belongs to --stop, --wait to --start"},
		{ID: "GL620", Title: "a program and its options in one word", Severity: finding.Warning,
			Why: "OpenRC hands what command has on to start-stop-daemon, which takes the options for its own; in quotes the whole is the name of a program.",
			Fix: "command=PROGRAM and command_args=\"OPTIONS\"; behind --exec PROGRAM, options come after --"},
	}
}

// daemons finds what goes wrong between start-stop-daemon and the service.
func (s *script) daemons() {
	if s.kind != Script {
		return
	}
	v := s.declares()
	var all []*ssd
	for _, c := range s.calls {
		if name, args := c.program(); name == "start-stop-daemon" && c.base() != "busybox" && s.funcs[name] == nil && !silencing(c) {
			d := s.readSSD(c, args)
			all = append(all, d)
			s.ssdCall(d)
		}
	}
	s.declared(v)
	s.pidfiles(v, all)
	s.unstopped(v, all)
	s.described(v)
}
