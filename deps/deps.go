// Package deps works out what a service needs, from its files, and says why.
// It holds the relations that an administrator states with OpenRC's own
// variables, and those that a kind finds in its configuration. It knows no init
// system's syntax but the names of those variables, and it looks at nothing but
// configuration.
package deps

import (
	"slices"
	"strings"

	"github.com/guestrc/guestrc/confd"
)

// Relation is one of OpenRC's words (openrc-run(8), depend).
type Relation string

// Relations.
const (
	Need   Relation = "need"   // must run, and stops after us
	Use    Relation = "use"    // goes before us when it runs
	Want   Relation = "want"   // is started with us, and may fail
	After  Relation = "after"  // goes before us, and is not started for us
	Before Relation = "before" // goes after us
)

// Sort says what sort of thing a dependency names.
type Sort string

// Sorts.
const (
	Service Sort = "service" // by the name that OpenRC gives it: "qemu.db", "sshd"
	Bridge  Sort = "bridge"  // an interface that others are plugged into: "br0"
	Path    Sort = "path"    // a file or directory, absolute: its mounts must be there
	Device  Sort = "device"  // a device node, absolute

	Interface Sort = "interface" // a network interface of the host: "eth0"
)

// Dependency is one thing that a service depends on.
type Dependency struct {
	Relation Relation  `json:"relation"`
	Sort     Sort      `json:"sort"`
	Name     string    `json:"name"`
	Why      string    `json:"why"` // the variable or key that says so: "net0_br", "lxc.rootfs.path"
	Pos      confd.Pos `json:"pos"` // of its assignment; zero for a default
}

// Set is everything that one service depends on.
type Set struct {
	Dependencies []Dependency
	// Inputs are the files and directories, absolute, whose change may change
	// the dependencies, whether or not they exist: conf.d files and a kind's own.
	Inputs []string
}

// relations in the order in which they are told.
var relations = []Relation{Need, Use, Want, After, Before}

// Stated are the dependencies of rc_need, rc_use, rc_want, rc_after and
// rc_before. One with the service's name in it, such as rc_net_br0_need, goes
// before these, as in OpenRC (sh/rc-functions.sh, _depend). OpenRC's "!NAME",
// which takes a relation of the script back, names nothing.
func Stated(c *confd.Config, service string) []Dependency {
	var found []Dependency
	for _, relation := range relations {
		v, ok := c.Filled("rc_" + shellVariable(service) + "_" + string(relation))
		if !ok {
			v, _ = c.Get("rc_" + string(relation))
		}
		for _, name := range strings.Fields(v.Text) {
			if !strings.HasPrefix(name, "!") {
				found = append(found, Dependency{relation, Service, name, v.Name, v.Pos})
			}
		}
	}
	return found
}

// shellVariable is how a service's name is spelt in a variable's (shell_var in
// sh/functions.sh of OpenRC).
func shellVariable(service string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, service)
}

// Add appends d unless the same relation to the same thing is there already:
// the first place that says so is told.
func (s *Set) Add(d Dependency) {
	same := func(o Dependency) bool { return o.Relation == d.Relation && o.Sort == d.Sort && o.Name == d.Name }
	if !slices.ContainsFunc(s.Dependencies, same) {
		s.Dependencies = append(s.Dependencies, d)
	}
}
