// Package units is guestrc under systemd: the unit templates that are
// installed, and the notifications that a Type=notify unit hears. It knows no
// kind of guest, and it never talks to the manager over D-Bus.
package units

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier tells systemd how a unit's start or stop goes (sd_notify(3)). Where
// NOTIFY_SOCKET is not set it tells nobody. A notification that cannot be sent
// is dropped: the unit's timeouts stand behind it.
type Notifier struct{ on bool }

// NewNotifier looks at NOTIFY_SOCKET.
func NewNotifier(getenv func(string) string) Notifier {
	return Notifier{on: getenv("NOTIFY_SOCKET") != ""}
}

func (n Notifier) send(state string) {
	if n.on {
		_, _ = daemon.SdNotify(false, state)
	}
}

// MainPID hands the unit over to the guest's process while it starts, if that
// is in the unit's control group, as we are. One that left it, as LXC's monitor
// does, is handed over only by Ready: should the start be called off, systemd
// would end it at once, and the guest would have no part in its stop.
func (n Notifier) MainPID(pid int) {
	if n.on && sameGroup(pid) {
		n.send(fmt.Sprintf("MAINPID=%d", pid))
	}
}

// Ready completes the start, and hands the unit over to the guest's process.
func (n Notifier) Ready(pid int, status string) {
	n.send(fmt.Sprintf("MAINPID=%d\nREADY=1\nSTATUS=%s", pid, status))
}

// Up completes the start of a unit whose main process we are and stay.
func (n Notifier) Up(status string) { n.send("READY=1\nSTATUS=" + status) }

// sameGroup compares control groups (cgroups(7)).
func sameGroup(pid int) bool {
	theirs, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return false // it has ended, which the end of the start will tell
	}
	ours, err := os.ReadFile("/proc/self/cgroup")
	return err == nil && bytes.Equal(ours, theirs)
}

// Status is what systemctl status shows.
func (n Notifier) Status(text string) { n.send("STATUS=" + text) }

// slack is what a rung may take on top of its own time.
const slack = 30 * time.Second

// longest is what is asked for where there is no limit: systemd adds it to now.
const longest = 365 * 24 * time.Hour

// Extend asks for d, and some slack, before the unit's timeout strikes
// (EXTEND_TIMEOUT_USEC, systemd 236).
func (n Notifier) Extend(d time.Duration) {
	d = min(d, longest)
	n.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (d + slack).Microseconds()))
}
