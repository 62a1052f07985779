package pid1

import (
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Cause is how the PID 1 of a container ended, in words: one of the constants,
// or "exit status 3", "killed by SIGKILL" and the like.
type Cause string

// The two that reboot(2) brings about.
const (
	PoweredOff Cause = "poweroff"
	Rebooted   Cause = "reboot"
)

func (c Cause) String() string { return string(c) }

// Sure is false for what an init that called reboot(2) looks like to everybody
// but its parent: pidfds and /proc tell of exit status 0 when it made the call
// itself, of SIGKILL when a child did (kernel/reboot.c, fs/pidfs.c; Linux 6.18).
func (c Cause) Sure() bool { return c != "exit status 0" && c != "killed by SIGKILL" }

// Ending reads how a PID 1 ended. reboot(2) in a pid namespace makes its first
// process appear as killed by SIGINT when the system is halted or powered off,
// and by SIGHUP when it is restarted (kernel/pid_namespace.c, reboot_pid_ns;
// Linux 3.4). A program that is ended by these very signals cannot be told from
// that. An init without a system, such as tini, or s6 in a container made for
// it, exits with a status instead.
func Ending(exit pidfile.ExitStatus) Cause {
	switch exit.Signal {
	case unix.SIGINT:
		return PoweredOff
	case unix.SIGHUP:
		return Rebooted
	}
	return Cause(exit.String())
}
