// Package host is what holds for all guests of a host together: the settings of
// /etc/conf.d/guestrc, the moment by which a host that goes down must have none
// left, and whose turn it is to start. It knows neither kinds nor init systems:
// that the host goes down, and what to start, it is told.
package host

import (
	"time"

	"github.com/guestrc/guestrc/confd"
)

// Vars is every variable of /etc/conf.d/guestrc.
var Vars = confd.Table{
	{Name: "host_shutdown_budget", Group: "Shutdown of the host", Type: confd.Seconds,
		Help: "Seconds within which all guests must be down when the host shuts down. Each guest's stop_schedule is cut to what is left of it; the last of them is KILL. Without it, the schedules alone say how long it may take."},
	{Name: "host_shutdown_budget_battery", Group: "Shutdown of the host", Type: confd.Seconds,
		Help: "The same while the host runs on battery: no mains supply that the kernel knows is online, a UPS says that it discharges, or /run/guestrc/on-battery exists, which a UPS's own daemon may make. The shorter of the two counts."},
	{Name: "start_parallel", Group: "Start of many", Type: confd.Int,
		Help: "How many guests may be on their way up at one time, from the start of their process until they are ready. The others wait their turn. Without it, or with 0, there is no limit."},
	{Name: "start_delay", Group: "Start of many", Type: confd.Seconds,
		Help: "Seconds from the start of one guest to that of the next, at the least."},
}

// Settings are the values of Vars.
type Settings struct {
	Budget        time.Duration // 0: none
	BatteryBudget time.Duration // 0: none of its own
	StartParallel int           // 0: no limit
	StartDelay    time.Duration
}
