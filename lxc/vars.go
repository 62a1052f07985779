package lxc

import "github.com/guestrc/guestrc/confd"

// Vars is every variable of an lxc guest's conf.d files. The container itself
// is described by LXC's own configuration file. Those marked Theirs have the
// name and meaning they have in Gentoo's or Alpine's script.
var Vars = confd.Table{
	{Name: "CONFIGFILE", Group: "Container", Type: confd.Path, Theirs: true,
		Help: "LXC's configuration file of the container. Looked for, where it is not set: NAME.conf and NAME/config in lxcpath, then in /etc/lxc."},
	{Name: "lxcpath", Group: "Container", Type: confd.Path,
		Help: "Directory of containers, as for lxc-start -P. The default is lxc.lxcpath of /etc/lxc/lxc.conf, else /var/lib/lxc."},
	{Name: "arch", Group: "Container", Type: confd.String, Default: "auto",
		Help: "Architecture that programs inside see, as for lxc.arch. With auto, a container whose init is a 32-bit program sees a 32-bit machine."},
	{Name: "extra_args", Group: "Container", Type: confd.Words,
		Help: "More arguments for lxc-start, split into words as a shell does, quotes respected: -s lxc.start.delay=0."},

	{Name: "ready", Group: "Start", Type: confd.Enum, Choices: []string{"init", "running", "exec:", "tcp:", "console:", "systemd", "openrc"}, Default: "init",
		Help: "When a start is complete: once init can hear the signal that stops it (init), which all others but running wait for too; once init was executed (running); once a command that lxc-attach runs inside exits with 0, such as exec:test -e /run/up, split into words as a shell does (exec:CMD); once somebody takes connections on a port (tcp:PORT); once a line on its console matches a regular expression (console:REGEX); once its systemd is running, or degraded, with a warning (systemd); once its OpenRC has started a runlevel after boot (openrc). exec and systemd run a program of the container's in it."},
	{Name: "ready_address", Group: "Start", Type: confd.String,
		Help: "Address for ready=tcp:PORT, connected to from the host. Without it, the port is tried from within the container's network, on each of its own addresses that others can reach, and on the loopback's where it has no other interface; its packet filter may yet keep others out."},
	{Name: "ready_timeout", Group: "Start", Type: confd.Seconds, Default: "60",
		Help: "How long a start waits until the guest is ready. A guest that is not keeps running, with a warning."},

	{Name: "stop_schedule", Group: "Stop", Type: confd.Schedule, Default: defaultSchedule,
		Help: "How to stop the guest: rungs and the seconds to wait after each. halt sends the signal that powers off the container's init, exec runs a command inside, KILL ends everything in its cgroup; signals go to init; forever waits without end."},
	{Name: "TIMEOUT", Group: "Stop", Type: confd.Seconds, Theirs: true,
		Help: "Seconds that the rung halt gets. Without effect when stop_schedule is set."},
	{Name: "POWEROFF_SIGNAL", Group: "Stop", Type: confd.String, Theirs: true,
		Help: "Signal for the rung halt, such as SIGUSR2. The default is chosen by what the container's PID 1 is. LXC's lxc.signal.halt goes before it."},
	{Name: "RESTART_SIG", Group: "Stop", Type: confd.String, Theirs: true,
		Help: "Signal for a reboot. The default is chosen by what the container's PID 1 is. LXC's lxc.signal.reboot goes before it."},
	{Name: "exec_command", Group: "Stop", Type: confd.Words,
		Help: "Command that the rung exec runs inside. The default is chosen by what the container's PID 1 is: poweroff for most."},

	{Name: "logfile", Group: "Log", Type: confd.Path,
		Help: "Where LXC logs. The default is lxc.log.file of its configuration, else /var/log/guestrc/lxc.NAME.log."},
	{Name: "logdir", Group: "Log", Type: confd.Path, Theirs: true,
		Help: "Directory where LXC logs, into lxc.NAME.log. Without effect when logfile is set."},
	{Name: "loglevel", Group: "Log", Type: confd.Enum, Choices: []string{"TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "ERROR", "CRIT"}, Default: "WARN",
		Help: "How much LXC logs."},

	{Name: "lxc_group", Group: "Without effect", Type: confd.String, Theirs: true,
		Help: "Ignored: the container's cgroups are LXC's to make, see lxc.cgroup.dir."},
	{Name: "systemd_container", Group: "Without effect", Type: confd.String, Theirs: true,
		Help: "Ignored: what init needs follows from what it is; lxc.mount.auto = cgroup:rw is for LXC's configuration."},

	{Name: "respawn", Group: "Service", Type: confd.Enum, Choices: []string{"never", "on-crash", "always"}, Default: "never",
		Help: "Whether the init system starts the guest again when it ends without having been told to: never; on-crash, when its process died; always, also when it powered itself off. A guest's own reboot is not an end."},
	{Name: "respawn_delay", Group: "Service", Type: confd.Seconds, Default: "1",
		Help: "Seconds to wait before that."},
	{Name: "respawn_max", Group: "Service", Type: confd.Int, Default: "10",
		Help: "How often at most within respawn_period; then it is left as it is. 0: any number of times."},
	{Name: "respawn_period", Group: "Service", Type: confd.Seconds, Default: "600",
		Help: "The seconds that respawn_max is about."},
	{Name: "stop_last", Group: "Service", Type: confd.Bool, Default: "no",
		Help: "Keep the guest until all others are down when the host shuts down, or at stop --all: for one that serves the others. Under systemd it is also started before them."},

	{Name: "bridge_dep", Group: "Dependencies", Type: confd.Enum, Choices: []string{"want", "need", "none"}, Default: "want",
		Help: "What the services of the guest's bridges (net.br0) are to its own. want: they are started first, and the guest runs on when one is stopped or restarted; need: it is stopped or restarted too, and starts only if they did; none: nothing."},
	{Name: "rc_*", Group: "Dependencies", Type: confd.String, Theirs: true,
		Help: "OpenRC's own: rc_use, rc_want, rc_before, rc_after and others, see openrc-run(8)."},
}
