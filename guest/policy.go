package guest

import (
	"errors"
	"time"

	"github.com/guestrc/guestrc/confd"
)

// When an init system starts a guest again that ended without being told to.
const (
	RespawnNever   = "never"
	RespawnOnCrash = "on-crash"
	RespawnAlways  = "always"
)

// Policy is what is asked of the init system for one guest, whatever its kind:
// variables that every kind's table has, with the same defaults.
type Policy struct {
	Respawn  string
	Delay    time.Duration // before a respawn
	Max      int           // so many respawns within Period; 0: no limit
	Period   time.Duration
	StopLast bool
}

// policyOf reads the policy; what is faulty counts as its default, and is in
// the error. The defaults are those in every kind's table.
func policyOf(c *confd.Config) (Policy, error) {
	var errs []error
	value := func(name, standard string) confd.Value {
		if v, ok := c.Filled(name); ok {
			return v
		}
		return confd.Value{Name: name, Text: standard}
	}
	p := Policy{Respawn: value("respawn", RespawnNever).Text}
	switch p.Respawn {
	case RespawnNever, RespawnOnCrash, RespawnAlways:
	default:
		errs = append(errs, confd.Problem(c, "respawn", "never, on-crash or always", "%q is none of its words", p.Respawn))
		p.Respawn = RespawnNever
	}
	var errDelay, errMax, errPeriod, errLast error
	p.Delay, errDelay = confd.ParseSeconds(value("respawn_delay", "1"))
	p.Max, errMax = confd.ParseInt(value("respawn_max", "10"))
	p.Period, errPeriod = confd.ParseSeconds(value("respawn_period", "600"))
	p.StopLast, errLast = confd.ParseBool(value("stop_last", "no"))
	return p, errors.Join(append(errs, errDelay, errMax, errPeriod, errLast)...)
}
