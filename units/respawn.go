package units

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Respawn is when systemd starts a service again that ended without a stop, and
// how often.
type Respawn struct {
	When   string        // of Restart=: "on-failure", "always"; empty: never
	Delay  time.Duration // before each
	Max    int           // so many within Period; 0: any number
	Period time.Duration // 0: any number
}

// Hopeless are the exit statuses of a start that would fail again: usage,
// refused, not installed, not configured (guest/status.go).
func Hopeless() []int { return []int{2, 4, 5, 6} }

// limits are lines of [Unit]. systemd counts the first start, too
// (systemd.unit(5)).
func (r Respawn) limits() []string {
	switch {
	case r.When == "":
		return nil
	case r.Max == 0 || r.Period == 0:
		return []string{"StartLimitIntervalSec=0"}
	}
	return []string{fmt.Sprintf("StartLimitIntervalSec=%d", int64(r.Period/time.Second)), fmt.Sprintf("StartLimitBurst=%d", r.Max+1)}
}

// restart are lines of [Service].
func (r Respawn) restart() []string {
	if r.When == "" {
		return nil
	}
	hopeless := strings.Trim(fmt.Sprint(Hopeless()), "[]")
	return []string{"Restart=" + r.When, fmt.Sprintf("RestartSec=%d", int64(r.Delay/time.Second)), "RestartPreventExitStatus=" + hopeless}
}

// HasTemplate tells whether guests of that kind can be units here.
func (h Host) HasTemplate(kind string) bool {
	return slices.ContainsFunc(unitDirs, func(dir string) bool { return h.Tree.Exists(path.Join(dir, "guestrc-"+kind+"@.service")) })
}
