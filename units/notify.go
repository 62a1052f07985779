// Package units is guestrc under systemd: the unit templates that are
// installed, and the notifications that a Type=notify unit hears. It knows no
// kind of guest, and it never talks to the manager over D-Bus.
package units

import (
	"fmt"
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

// MainPID hands the unit over to the guest's process.
func (n Notifier) MainPID(pid int) { n.send(fmt.Sprintf("MAINPID=%d", pid)) }

// Ready completes the start.
func (n Notifier) Ready(status string) { n.send("READY=1\nSTATUS=" + status) }

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
