package pid1

import "golang.org/x/sys/unix"

// Kind is a sort of PID 1.
type Kind string

// The kinds. Those before Tini are inits of a whole system: they shut services
// down and then call reboot(2).
const (
	Systemd  Kind = "systemd"
	Sysvinit Kind = "sysvinit"
	Busybox  Kind = "busybox" // its applet init, or toybox's
	OpenRC   Kind = "openrc-init"
	Runit    Kind = "runit"
	S6       Kind = "s6" // s6-svscan, as s6-linux-init and s6-overlay leave it
	Dinit    Kind = "dinit"
	Finit    Kind = "finit"
	Procd    Kind = "procd" // OpenWrt
	Upstart  Kind = "upstart"

	Tini     Kind = "tini"
	DumbInit Kind = "dumb-init"
	LXCInit  Kind = "lxc-init"

	// Application is whatever else runs as PID 1.
	Application Kind = "program"
	// Launcher is the container manager's own code, before it executes PID 1.
	Launcher Kind = "launcher"
)

// custom is how a kind is asked.
type custom struct {
	halt, reboot unix.Signal // 0: by other means, or not at all
	command      []string    // shuts down when it is run inside
	system       bool        // it calls reboot(2) in the end

	// catches: what it only blocks it never reads.
	catches bool
	// forgets: during its boot it takes requests without acting on them.
	forgets bool
}

// rtmin is what glibc calls SIGRTMIN: it keeps the kernel's 32 and 33 to itself.
// musl keeps one more (nptl(7), musl's src/signal/sigrtmin.c).
const rtmin = unix.Signal(34)

// customs: signals are from systemd(1); busybox's init/init.c and halt.c;
// openrc-init.c; s6-linux-init-maker.c; dinit(8); finit's src/sig.c; procd's
// signal.c; upstart's init/main.c; tini.c; dumb-init.c; LXC's initutils.c.
var customs = map[Kind]custom{
	Systemd:  {halt: rtmin + 4, reboot: rtmin + 5, command: []string{"systemctl", "poweroff"}, system: true},
	Sysvinit: {command: []string{"init", "0"}, system: true}, // see sysvinit.go
	Busybox:  {halt: unix.SIGUSR2, reboot: unix.SIGTERM, command: []string{"poweroff"}, system: true},
	OpenRC:   {halt: unix.SIGTERM, reboot: unix.SIGINT, command: []string{"openrc-shutdown", "--poweroff", "now"}, system: true, catches: true},
	Runit:    {command: []string{"init", "0"}, system: true}, // see runit.go
	S6:       {halt: unix.SIGUSR1, reboot: unix.SIGINT, command: []string{"poweroff"}, system: true, forgets: true},
	Dinit:    {halt: unix.SIGTERM, reboot: unix.SIGINT, command: []string{"dinitctl", "shutdown"}, system: true},
	Finit:    {halt: unix.SIGUSR2, reboot: unix.SIGTERM, command: []string{"poweroff"}, system: true, forgets: true},
	Procd:    {halt: unix.SIGUSR2, reboot: unix.SIGTERM, command: []string{"poweroff"}, system: true},
	Upstart:  {halt: unix.SIGPWR, reboot: unix.SIGINT, command: []string{"shutdown", "-P", "now"}, system: true},
	Tini:     {halt: unix.SIGTERM},
	DumbInit: {halt: unix.SIGTERM},
	LXCInit:  {halt: unix.SIGTERM},
}

// programHalts are what may end a program, the best one first. A shell that
// talks to somebody takes SIGINT for the end of a line, and SIGHUP for its own.
var (
	programHalts = []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGPWR}
	shellHalts   = []unix.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGPWR}
)
