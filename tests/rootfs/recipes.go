package rootfs

import "golang.org/x/sys/unix"

// packages, with the libraries that they need, are for all recipes: they can be
// unpacked over each other, and libc is downloaded once.
var packages = []string{"busybox-static", "systemd", "openrc", "librc1", "libeinfo1", "runit", "s6", "finit", "tini", "dumb-init"}

// recipe says what a tree consists of and how its init is talked to.
type recipe struct {
	own   []string          // packages besides, each with another /sbin/init
	take  []string          // files and directories of the packages
	links map[string]string // name: target
	dirs  []string          // empty ones
	skel  []string          // directories below skel, after base
	arch  string            // GOARCH of the program of Command app; empty: not in this tree
	names []string          // of that program below usr/bin
	conf  []string          // lines for LXC

	powerOff []unix.Signal // signals to init that power off, the best one first
	reboot   unix.Signal   // 0: none
	command  []string      // power off from inside
}

// Signals by the numbers that glibc gives them; the kernel's SIGRTMIN is 32.
const (
	rtmin3 = unix.Signal(37) // SIGRTMIN+3
	rtmin4 = unix.Signal(38)
	rtmin5 = unix.Signal(39)
)

var recipes = map[Init]recipe{
	Busybox: {
		links:    map[string]string{"usr/sbin/init": "/bin/busybox", "usr/sbin/poweroff": "/bin/busybox", "usr/sbin/halt": "/bin/busybox", "usr/sbin/reboot": "/bin/busybox"},
		skel:     []string{"busybox"},
		powerOff: []unix.Signal{unix.SIGUSR2, unix.SIGUSR1, unix.SIGPWR},
		reboot:   unix.SIGTERM,
		command:  []string{"/sbin/poweroff"},
	},
	Sysvinit: {
		own:     []string{"sysvinit-core"},
		take:    []string{"usr/sbin/init", "usr/sbin/telinit", "usr/sbin/halt", "usr/sbin/poweroff", "usr/sbin/reboot", "usr/sbin/shutdown", "usr/sbin/runlevel"},
		skel:    []string{"sysvinit"},
		command: []string{"/sbin/init", "0"}, // and /run/initctl
	},
	Systemd: {
		own: []string{"systemd-sysv"},
		take: []string{"usr/sbin/init", "usr/sbin/poweroff", "usr/sbin/halt", "usr/sbin/reboot", "usr/sbin/shutdown", "usr/bin/systemctl",
			"usr/lib/systemd/systemd", "usr/lib/systemd/systemd-shutdown", "usr/lib/systemd/system/basic.target", "usr/lib/systemd/system/sysinit.target",
			"usr/lib/systemd/system/multi-user.target", "usr/lib/systemd/system/shutdown.target", "usr/lib/systemd/system/umount.target", "usr/lib/systemd/system/final.target",
			"usr/lib/systemd/system/poweroff.target", "usr/lib/systemd/system/systemd-poweroff.service", "usr/lib/systemd/system/reboot.target",
			"usr/lib/systemd/system/systemd-reboot.service", "usr/lib/systemd/system/halt.target", "usr/lib/systemd/system/systemd-halt.service",
			"usr/lib/systemd/system/ctrl-alt-del.target", "usr/lib/systemd/system/sigpwr.target", "usr/lib/systemd/system/local-fs.target", "usr/lib/systemd/system/swap.target",
			"usr/lib/systemd/system/rescue.target", "usr/lib/systemd/system/emergency.target", "usr/lib/systemd/system/slices.target", "usr/lib/systemd/system/sockets.target",
			"usr/lib/systemd/system/paths.target", "usr/lib/systemd/system/timers.target"},
		links: map[string]string{
			"etc/systemd/system/default.target":                           "/lib/systemd/system/multi-user.target",
			"etc/systemd/system/multi-user.target.wants/guest.service":    "../guest.service",
			"etc/systemd/system/multi-user.target.wants/guest-up.service": "../guest-up.service",
		},
		skel:     []string{"systemd"},
		conf:     []string{"lxc.mount.auto =", "lxc.mount.auto = proc:mixed sys:mixed cgroup:rw"},
		powerOff: []unix.Signal{rtmin4, rtmin3},
		reboot:   rtmin5,
		command:  []string{"/sbin/poweroff"},
	},
	OpenRC: {
		take: []string{"usr/sbin/openrc-init", "usr/sbin/openrc-shutdown", "usr/sbin/openrc", "usr/sbin/openrc-run", "usr/sbin/rc-service", "usr/sbin/rc-update",
			"usr/bin/rc-status", "usr/lib/rc", "etc/rc.conf"},
		links:    map[string]string{"usr/sbin/init": "openrc-init", "etc/runlevels/default/guest": "/etc/init.d/guest"},
		dirs:     []string{"etc/runlevels/sysinit", "etc/runlevels/boot", "etc/runlevels/shutdown"},
		skel:     []string{"openrc"},
		powerOff: []unix.Signal{unix.SIGTERM, unix.SIGPWR},
		reboot:   unix.SIGINT,
		command:  []string{"/sbin/openrc-shutdown", "--poweroff", "now"}, // and /run/openrc/init.ctl
	},
	Runit: {
		own: []string{"runit-init"},
		take: []string{"usr/sbin/init", "usr/sbin/runit", "usr/lib/runit/runit-init", "usr/lib/runit/shutdown", "usr/sbin/poweroff", "usr/sbin/halt", "usr/sbin/reboot",
			"usr/sbin/shutdown", "usr/bin/runsvdir", "usr/bin/runsv", "usr/bin/sv"},
		links:    map[string]string{"usr/sbin/runit-init": "/lib/runit/runit-init"},
		skel:     []string{"runit"},
		powerOff: []unix.Signal{unix.SIGPWR}, // Debian's patch; and SIGCONT with /run/runit.stopit
		reboot:   unix.SIGINT,
		command:  []string{"/sbin/runit-init", "0"},
	},
	S6: {
		take:     []string{"usr/bin/s6-svscan", "usr/bin/s6-supervise", "usr/bin/s6-svscanctl", "usr/bin/s6-svc", "usr/bin/s6-svstat"},
		skel:     []string{"s6"},
		powerOff: []unix.Signal{unix.SIGUSR1, unix.SIGPWR, unix.SIGUSR2},
		reboot:   unix.SIGINT,
		command:  []string{"/sbin/poweroff"},
	},
	Finit: {
		own:      []string{"finit-sysv"},
		take:     []string{"usr/sbin/init", "usr/sbin/finit", "usr/sbin/telinit", "usr/sbin/poweroff", "usr/sbin/halt", "usr/sbin/reboot", "usr/sbin/shutdown", "usr/lib/finit"},
		skel:     []string{"finit"},
		powerOff: []unix.Signal{unix.SIGUSR2},
		reboot:   unix.SIGTERM,
		command:  []string{"/sbin/poweroff"},
	},
	Tini: {
		take: []string{"usr/bin/tini"}, arch: "amd64", names: []string{"handler"},
		conf:     []string{"lxc.init.cmd = /usr/bin/tini -- /usr/bin/handler"},
		powerOff: []unix.Signal{unix.SIGTERM},
	},
	DumbInit: {
		take: []string{"usr/bin/dumb-init"}, arch: "amd64", names: []string{"handler"},
		conf:     []string{"lxc.init.cmd = /usr/bin/dumb-init /usr/bin/handler"},
		powerOff: []unix.Signal{unix.SIGTERM},
	},
	Handler: {
		arch: "amd64", names: []string{"handler"},
		conf:     []string{"lxc.init.cmd = /usr/bin/handler"},
		powerOff: []unix.Signal{unix.SIGTERM},
	},
	Handler32: {
		arch: "386", names: []string{"handler"},
		conf:     []string{"lxc.init.cmd = /usr/bin/handler", "lxc.arch = i686"},
		powerOff: []unix.Signal{unix.SIGTERM},
	},
	Stubborn: {
		arch: "amd64", names: []string{"stubborn"},
		conf: []string{"lxc.init.cmd = /usr/bin/stubborn"},
	},
	Script: {
		links:    map[string]string{"usr/sbin/poweroff": "/bin/busybox", "usr/sbin/halt": "/bin/busybox", "usr/sbin/reboot": "/bin/busybox"},
		skel:     []string{"busybox", "script"},
		powerOff: []unix.Signal{unix.SIGUSR2, unix.SIGUSR1, unix.SIGPWR},
		reboot:   unix.SIGTERM,
		command:  []string{"/sbin/poweroff"},
	},
}
