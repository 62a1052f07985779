package main

import (
	"context"

	"github.com/spf13/pflag"
)

// verb is one row of the table that help, completion, the man page's test and
// dispatch all read.
type verb struct {
	name    string
	args    string // as the synopsis shows them
	short   string // one line for help
	long    string // the rest of "help VERB"
	flags   []flag
	run     func(ctx context.Context, e *env, args []string) error
	min     int // operands; max < 0: any number
	max     int
	guests  bool // operands are guests: for completion
	bridges bool // operands may be bridges too
	dashed  bool // -HUP and -9 are signals
	rest    bool // what follows the first operand is not ours: a command
}

type flag struct {
	name, short string
	value       string // placeholder; empty for a switch
	help        string
}

var (
	jsonFlag = flag{name: "json", help: "print JSON instead of text"}
	dryFlag  = flag{name: "dry-run", help: "show what would be done, and change nothing"}
	bootFlag = flag{name: "boot", help: "the last boot of the host instead of its last shutdown"}
	lastFlag = flag{name: "last", value: "N", help: "the N-th from the last; 1 is the last one"}
	rootFlag = flag{name: "root", value: "DIR", help: "look below DIR instead of / (also GUESTRC_ROOT)"}
)

// declare adds the verb's flags, and --root, which every verb takes.
func (v *verb) declare(fs *pflag.FlagSet) {
	fs.SetInterspersed(!v.rest)
	for _, f := range append(v.flags, rootFlag) {
		if f.value == "" {
			fs.BoolP(f.name, f.short, false, f.help)
		} else {
			fs.StringP(f.name, f.short, "", f.help)
		}
	}
}

// verbs returns the table, in the order of help. It is a function because help
// is a row of the table that it prints.
func verbs() []verb {
	const oneOrMore, any = "KIND.NAME...", -1
	return []verb{
		{name: "start", args: oneOrMore, run: start, max: any, guests: true, bridges: true,
			flags: []flag{{name: "all", help: "all that are enabled; without an init system, all"}},
			short: "start guests and wait until each is ready",
			long:  "A guest that runs already is success. One that is not ready within\nready_timeout keeps running, with a warning."},
		{name: "stop", args: oneOrMore, run: stop, max: any, guests: true, bridges: true,
			flags: []flag{
				{name: "all", help: "all guests that run, at the same time"},
				{name: "budget", value: "SECONDS", help: "with --all: be done by then, and cut the schedules to it"},
				{name: "host-shutdown", help: "with --all: as the host goes down, by its budget"},
				{name: "force", help: "remove a bridge though something is plugged into it"}},
			short: "bring guests down, rung by rung, and say which rung did it",
			long:  "The rungs and their times are the guest's stop_schedule. A guest that is not\nrunning is success."},
		{name: "restart", args: oneOrMore, run: restart, min: 1, max: any, guests: true, bridges: true,
			short: "stop, then start",
			long:  "A bridge is not taken down: what differs from its files is changed."},
		{name: "reboot", args: oneOrMore, run: reboot, min: 1, max: any, guests: true,
			short: "have containers shut down and come up again, by their own init",
			long:  "Other than restart, it leaves LXC's monitor and what conf.d said at the start\nas they are."},
		{name: "reset", args: oneOrMore, run: reset, min: 1, max: any, guests: true,
			short: "press the reset button of running guests"},
		{name: "kill", args: oneOrMore, run: kill, min: 1, max: any, guests: true,
			short: "end guests at once, without asking them",
			long:  "Works while a stop is under way."},
		{name: "freeze", args: oneOrMore, run: freeze, min: 1, max: any, guests: true,
			short: "stop running guests in mid-air",
			long:  "A stop thaws a frozen guest first."},
		{name: "thaw", args: oneOrMore, run: thaw, min: 1, max: any, guests: true,
			short: "let frozen guests go on"},
		{name: "exec", args: "KIND.NAME [--] [COMMAND...]", run: execInside, min: 1, max: any, guests: true, rest: true,
			flags: []flag{{name: "force", help: "run it even where a shutdown inside could reach the host"}},
			short: "run a command in a container, or a shell",
			long:  "With a terminal where there is one, and in a pipeline without. The exit status\nis the command's."},
		{name: "console", args: "KIND.NAME", run: console, min: 1, max: 1, guests: true,
			short: "connect the terminal with a container's console",
			long:  "Ctrl-a q leaves it."},
		{name: "migrate", args: oneOrMore, run: migrate, min: 1, max: any, guests: true,
			flags: []flag{
				{name: "diff", help: "show what would change (the default)"},
				{name: "write", help: "rewrite the files; the old ones are kept as FILE.backup"}},
			short: "rewrite LXC 2's keys in containers' configuration to those of today",
			long:  "Files that the configuration includes are rewritten too."},
		{name: "status", args: oneOrMore, run: status, min: 1, max: any, guests: true, bridges: true, flags: []flag{jsonFlag},
			short: "tell how guests are",
			long:  "The exit status is LSB's: 0 running, 1 crashed, 2 dead with something left\nalive, 3 stopped, 4 unknown; of several guests, the highest."},
		{name: "list", run: list, max: 0, flags: []flag{jsonFlag, {name: "watch", help: "show it again whenever something has changed"}},
			short: "show all guests and bridges in a table",
			long:  "NEXT and WORST are what a stop would do first, and how long it may take.\nCPU% is the average since the start. With --watch, q or\nCtrl-C leaves it."},
		{name: "top", run: top, max: 0,
			flags: []flag{
				{name: "delay", value: "SECONDS", help: "between two looks; 2 if not given"},
				{name: "count", value: "N", help: "end after so many looks"}},
			short: "show what running guests use, again and again",
			long:  "Typing c sorts by processor time, m by memory; q or Ctrl-C leaves it."},
		{name: "metrics", run: metricsVerb, max: 0,
			flags: []flag{{name: "output", value: "FILE", help: "replace FILE, as node_exporter's textfile collector wants it"}},
			short: "print all guests' states and figures for Prometheus"},
		{name: "history", args: oneOrMore, run: historyVerb, min: 1, max: any, guests: true,
			flags: []flag{jsonFlag, {name: "limit", value: "N", help: "the last N entries of each guest only"}},
			short: "tell every start and end of guests, and why they ended",
			long:  "The newest comes last. Below a stop that was not a plain one are its rungs."},
		{name: "plot", args: "[KIND.NAME...]", run: plotVerb, max: any, guests: true, flags: []flag{bootFlag, lastFlag,
			{name: "output", value: "FILE", help: "replace FILE instead of writing to standard output"}},
			short: "draw the last shutdown of all guests, or their start, as SVG",
			long:  "A bar for each guest, or each of those named; a colour for each rung; the\nbudget as a line; dependencies as arrows."},
		{name: "blame", args: "[KIND.NAME...]", run: blame, max: any, guests: true, flags: []flag{bootFlag, lastFlag, jsonFlag},
			short: "tell which guests took longest to stop, or to start",
			long:  "What plot draws, as a table, the slowest first. A guest's time is\nwithout what it waited for others."},
		{name: "explain", args: oneOrMore, run: explainVerb, min: 1, max: any, guests: true, flags: []flag{jsonFlag},
			short: "tell whether guests would stop cleanly, and if not, why"},
		{name: "check", args: "[KIND.NAME...]", run: checkVerb, max: any, guests: true, bridges: true,
			flags: []flag{jsonFlag,
				{name: "verbose", short: "v", help: "tell of each finding why it matters"},
				{name: "fix", help: "mend what can be mended without harm"},
				{name: "dry-run", help: "with --fix: show what would be mended"}},
			short: "tell what is wrong with guests, before a start finds it",
			long:  "Of all guests and bridges and the host, or of those named. Nothing is executed,\nand nothing is changed without --fix. Exit status 0 if nothing is wrong, 1 for\nwarnings, 2 for errors."},
		{name: "lint", args: "FILE...", run: lintVerb, min: 1, max: any,
			flags: []flag{jsonFlag,
				{name: "sarif", help: "print SARIF 2.1.0, as code hosts read it"},
				{name: "severity", value: "LEVEL", help: "leave out what is less than error, warning or info"},
				{name: "disable", value: "ID,...", help: "leave out findings of these ids"}},
			short: "tell what is wrong with OpenRC's init scripts and conf.d files",
			long:  "Of a directory, all files below it; of -, standard input. Exit status 0 if\nnothing is wrong, 1 for warnings, 2 for errors. A comment silences findings:\n    # guestrc-lint: disable=GL101"},
		{name: "run", args: "KIND.NAME", run: runGuest, min: 1, max: 1, guests: true,
			flags: []flag{
				{name: "ephemeral", help: "let what the guest writes to its disks be forgotten"},
				{name: "service", help: "as a supervisor's child: with the state where a service's is"}},
			short: "run a guest in the foreground, as long as the caller lives",
			long:  "Without an init system, and with its state in a directory of its own. SIGTERM,\nCtrl-C and the end of the caller bring the guest down by its stop_schedule; it\nends even when guestrc is killed. The exit status is 0 if it ended in order."},
		{name: "plan", args: oneOrMore, run: plan, min: 1, max: any, guests: true, bridges: true, flags: []flag{jsonFlag},
			short: "show what a start would run, without running it"},
		{name: "deps", args: oneOrMore, run: showDeps, min: 1, max: any, guests: true, bridges: true, flags: []flag{jsonFlag},
			short: "show what services depend on, and which line of which file says so"},
		{name: "replug", args: "[KIND.NAME...]", run: replug, max: any, guests: true, bridges: true,
			short: "plug running guests into their bridges again",
			long:  "All guests, or those named, or those of a bridge. A start of a bridge of ours\ndoes it by itself; this is for bridges that others make anew."},
		{name: "enable", args: oneOrMore, run: enable, min: 1, max: any, guests: true, bridges: true,
			flags: []flag{{name: "runlevel", value: "NAME", help: "of OpenRC; \"default\" if not given"}, initFlag},
			short: "make guests services that start at boot",
			long:  "By a symlink in /etc/init.d and rc-update, or by systemctl enable: under the\ninit system that runs."},
		{name: "disable", args: oneOrMore, run: disable, min: 1, max: any, guests: true, bridges: true, flags: []flag{initFlag},
			short: "take back what enable does",
			long:  "The symlink of a guest that runs stays, so that it can be stopped."},
		{name: "adopt", args: oneOrMore, run: adopt, min: 1, max: any, guests: true, bridges: true,
			flags: []flag{
				{name: "write", help: "point the symlinks to guestrc"},
				{name: "undo", help: "point them to where they pointed before"}},
			short: "take over services of qemu-openrc, of Gentoo's or Alpine's lxc, of netifrc",
			long:  "Without a flag, show what would differ and change nothing."},
		{name: "signal", args: "--pidfile FILE [SIGNAL]", run: signalDaemon, max: 1,
			flags: []flag{{name: "pidfile", short: "p", value: "FILE", help: "the claim that is put to the proof"},
				daemonSignal, daemonExec, daemonUser, daemonRetry, daemonReload, daemonOknodo, daemonDry}, dashed: true,
			short: "signal the daemon that a pidfile names, if it can be proven to be it",
			long:  "For init scripts. SIGNAL is a name or a number; TERM if not given, and 0 only\ntells whether it runs. The exit status is 7 if it does not, and 4 in doubt."},
		{name: "killall", args: "NAME...", run: killall, min: 1, max: any,
			flags: []flag{daemonSignal, daemonExec, daemonUser, daemonRetry, daemonReload, daemonOknodo, daemonDry}, dashed: true,
			short: "signal processes by name, and none of a container's",
			long:  "For init scripts without a pidfile. A name is what killall(1) takes for one.\nThe exit status is 7 if nothing has one of the names."},
		{name: "install", run: install, max: 0, flags: []flag{dryFlag, initFlag},
			short: "install script, units and samples for the init systems found",
			long:  "Files that are not guestrc's, or were edited, are left as they are. With --root\nthe program is expected at /usr/bin/guestrc there."},
		{name: "uninstall", run: uninstall, max: 0, flags: []flag{dryFlag},
			short: "remove what install has installed, unless services need it",
			long:  "The program, edited files, and what describes guests stay."},
		{name: "vars", args: "KIND", run: vars, min: 1, max: 1,
			flags: []flag{{name: "sample", help: "print them as a conf.d file, all commented out"}},
			short: "show the variables that a kind's conf.d files may set",
			long:  "Of guestrc: those of /etc/conf.d/guestrc, which concern all guests together."},
		{name: "completion", args: "bash|zsh|fish", run: completion, min: 1, max: 1,
			short: "print a completion script for a shell"},
		{name: "version", run: version, max: 0,
			short: "print the version"},
		{name: "help", args: "[VERB|ID]", run: help, max: 1,
			short: "explain a verb, or a finding of check or lint"},
	}
}

func findVerb(name string) *verb {
	for _, v := range verbs() {
		if v.name == name {
			return &v
		}
	}
	if name == namesVerb {
		return &verb{name: namesVerb, run: printNames, max: 0}
	}
	if name == endedVerb {
		return &verb{name: endedVerb, args: "KIND.NAME", run: ended, min: 1, max: 1}
	}
	if name == guardVerb {
		return &verb{name: guardVerb, args: "KIND.NAME DIR [DIR]", run: keepGuard, min: 2, max: 3}
	}
	if name == dependVerb {
		return &verb{name: dependVerb, args: "CALCULATION", run: writeDepends, min: 1, max: 1}
	}
	return nil
}
