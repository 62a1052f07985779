// Package deps works out what a guest's service needs, from the guest's files.
// So far these are the relations that an administrator states with OpenRC's
// own variables. It knows no init system's syntax but the names of those
// variables, and it looks at nothing but configuration.
package deps

import (
	"strings"

	"github.com/guestrc/guestrc/confd"
)

// Relations are the services that a guest's service is related to, by the
// names that OpenRC gives them (openrc-run(8), depend).
type Relations struct {
	Need   []string // must run, and stops after us
	Use    []string // goes before us when it runs
	Want   []string // is started with us, and may fail
	After  []string // goes before us
	Before []string // goes after us
}

// Of reads rc_need, rc_use, rc_want, rc_after and rc_before.
func Of(c *confd.Config) Relations {
	words := func(name string) []string {
		v, _ := c.Get(name)
		return strings.Fields(v.Text)
	}
	return Relations{
		Need: words("rc_need"), Use: words("rc_use"), Want: words("rc_want"),
		After: words("rc_after"), Before: words("rc_before"),
	}
}
