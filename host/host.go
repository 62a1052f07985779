// Package host is what holds for all guests of a host together: the settings of
// /etc/conf.d/guestrc, the moment by which a host that goes down must have none
// left, and whose turn it is to start. It knows neither kinds nor init systems:
// that the host goes down, and what to start, it is told.
package host

import (
	"errors"
	"io/fs"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// Vars is every variable of /etc/conf.d/guestrc.
var Vars = confd.Table{
	{Name: "host_shutdown_budget", Group: "Shutdown of the host", Type: confd.Seconds,
		Help: "Seconds within which all guests must be down when the host shuts down. Each guest's stop_schedule is cut to what is left of it; the last of them is KILL. Without it, the schedules alone say how long it may take."},
	{Name: "host_shutdown_budget_battery", Group: "Shutdown of the host", Type: confd.Seconds,
		Help: "The same while the host runs on battery: a UPS that the kernel knows discharges, or the host's own battery does with no mains supply online, or /run/guestrc/on-battery exists, which a UPS's daemon may make. The shorter of the two counts."},
	{Name: "start_parallel", Group: "Start of many", Type: confd.Int,
		Help: "How many guests may be on their way up at one time, from the start of their process until they are ready. The others wait their turn. At most 256. Without it, or with 0, there is no limit."},
	{Name: "start_delay", Group: "Start of many", Type: confd.Seconds,
		Help: "Seconds from the start of one guest to that of the next, at the least."},
}

// maxParallel bounds start_parallel: whoever is next waits for each of so many
// files, with a thread for each (flock(2) has no other way to wait for one of
// several).
const maxParallel = 256

// Settings are the values of Vars.
type Settings struct {
	Budget        time.Duration // 0: none
	BatteryBudget time.Duration // 0: none of its own
	StartParallel int           // 0: no limit
	StartDelay    time.Duration
}

// Load reads /etc/conf.d/guestrc. A missing file sets nothing. The errors, and
// the warnings, have their places in the file; all errors are joined, and the
// settings are zero then.
func Load(l guest.Layout) (Settings, []*confd.Error, error) {
	cfg, err := confd.Load([]string{l.HostConf()}, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, nil, nil
	}
	if err != nil {
		return Settings{}, nil, cannotUse(err)
	}
	from := confd.NewSettings(Vars, cfg)
	s := Settings{
		Budget:        from.Seconds("host_shutdown_budget"),
		BatteryBudget: from.Seconds("host_shutdown_budget_battery"),
		StartParallel: from.Int("start_parallel"),
		StartDelay:    from.Seconds("start_delay"),
	}
	if s.StartParallel > maxParallel {
		from.Fail("start_parallel", "0 is no limit", "at most %d", maxParallel)
	}
	if err := from.Err(); err != nil {
		return Settings{}, from.Warnings, cannotUse(err)
	}
	return s, from.Warnings, nil
}

func cannotUse(err error) error {
	return &guest.Error{Status: guest.StatusNotConfigured, Msg: "cannot use what is configured for all guests", Err: err}
}

// BudgetNow is the time that a shutdown of the host has that begins now, 0 when
// it has no limit; battery: because the host runs on battery.
func (s Settings) BudgetNow(l guest.Layout) (d time.Duration, battery bool) {
	if s.BatteryBudget > 0 && (s.Budget == 0 || s.BatteryBudget < s.Budget) && OnBattery(l) {
		return s.BatteryBudget, true
	}
	return s.Budget, false
}
