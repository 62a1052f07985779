package pid1

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// hints are what a process is called, in its own words.
type hints struct {
	exe  string // text of /proc/PID/exe
	comm string
	argv []string
}

// byName are the executables that tell by their name what they are. Those that
// are about to execute the init proper are taken for it already.
var byName = map[string]Kind{
	"systemd":          Systemd,
	"systemd-shutdown": Systemd, // the last that it executes
	"openrc-init":      OpenRC,
	"runit":            Runit,
	"runit-init":       Runit,
	"s6-svscan":        S6,
	"s6-linux-init":    S6,
	"dinit":            Dinit,
	"finit":            Finit,
	"procd":            Procd,
	"upstart":          Upstart,

	"tini":        Tini,
	"tini-static": Tini,
	"docker-init": Tini,
	"dumb-init":   DumbInit,
	"lxc-init":    LXCInit,
	".lxc-init":   LXCInit,
	"init.lxc":    LXCInit,

	"init.lxc.static": LXCInit,
}

// identify says what a process is by its names, and where these leave it open,
// by what it does with signals.
func identify(h hints, s status) Kind {
	name := base(h.exe)
	switch kind, known := byName[name]; {
	case known:
		return kind
	case strings.HasPrefix(name, "busybox") || name == "toybox":
		if initApplet(h.argv) {
			return Busybox
		}
	case name == "init":
		return initByMasks(s)
	}
	return Application
}

// base is the last element of an executable's path. The kernel appends to the
// text when the file has been replaced since, by an upgrade for example.
func base(exe string) string {
	return path.Base(strings.TrimSuffix(exe, " (deleted)"))
}

// initApplet: one file holds all applets, and argv says which one runs. init
// overwrites its own with "init" (init/init.c).
func initApplet(argv []string) bool {
	if len(argv) == 0 {
		return false
	}
	applet := path.Base(strings.TrimPrefix(argv[0], "-"))
	if len(argv) > 1 && (strings.HasPrefix(applet, "busybox") || applet == "toybox") {
		applet = path.Base(argv[1])
	}
	return applet == "init" || applet == "linuxrc"
}

// initByMasks tells apart what is installed as a program of its own called
// init. sysvinit ignores what it does not catch; upstart takes SIGTERM for a
// request to execute itself anew. A Go program catches everything, so that the
// absence of SIGUSR2 tells.
func initByMasks(s status) Kind {
	common := s.caught.hasAll(unix.SIGHUP, unix.SIGINT, unix.SIGUSR1, unix.SIGPWR)
	switch {
	case common && s.caught.has(unix.SIGUSR2) && s.ignored.has(unix.SIGTERM):
		return Sysvinit
	case common && s.caught.has(unix.SIGTERM) && !s.caught.has(unix.SIGUSR2):
		return Upstart
	}
	return Application
}

// startsOut reports whether the process may be on its way to become an init: a
// script that will execute it, or one that has not set up its signals.
func startsOut(h hints) bool { return h.comm == "init" || base(h.exe) == "init" }

// isShell goes by the names of shells that talk to people too.
func isShell(h hints) bool {
	name := base(h.exe)
	applet := name
	if strings.HasPrefix(name, "busybox") && len(h.argv) > 0 {
		applet = strings.TrimPrefix(path.Base(h.argv[0]), "-")
	}
	return slices.Contains([]string{"sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"}, applet)
}
