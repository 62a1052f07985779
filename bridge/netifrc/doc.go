// Package netifrc reads what conf.d files say of one bridge: netifrc's own
// variables, such as bridge_br0 in /etc/conf.d/net, and plain ones, such as
// ports in /etc/conf.d/net.br0. It refuses what guestrc does not do for a
// bridge, DHCP among it, and tells of what else it leaves out.
//
// What netifrc's variables mean is from its net/bridge.sh, net/iproute2.sh,
// init.d/net.lo.in and doc/net.example.Linux.in.
package netifrc

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/confd"
)

// Config is one bridge as its files describe it.
type Config struct {
	Spec      bridge.Spec
	Described bool      // false: neither file has this bridge, and Spec is empty
	PortsVar  string    // the variable that says what the ports are; empty if none does
	PortsPos  confd.Pos // of its assignment
	Files     []string  // that were looked at, whether or not they exist
	Warnings  []*confd.Error
	Conf      *confd.Config // all variables of the files that were read
}

// Read reads net and net.NAME in a directory of conf.d files; either may be
// absent. Errors are of type *[confd.Error], several are joined. Config is of
// use with an error too: what could be read is in it.
func Read(dir, name string) (Config, error) {
	theirs, ours := filepath.Join(dir, "net"), filepath.Join(dir, "net."+name)
	c := Config{Files: []string{theirs, ours}}
	if why := wrongName(name); why != "" {
		return c, confd.Errorf(confd.Pos{}, "cannot read the configuration of a bridge %q: %s", name, why).WithID(unusable)
	}
	files, err := confd.LoadForeign(theirs, ours)
	if err != nil {
		return c, err
	}
	c.Conf = files.Config
	r := &reader{files: files, c: &c, ours: ours, name: name, suffix: "_" + Variable(name)}
	r.read()
	return c, errors.Join(r.errs...)
}

// The sorts of faults (docs/checks.md).
const (
	unusable = "GR100" // nobody can tell what was meant
	wrong    = "GR102" // a value that its variable does not take
	idle     = "GR103" // guestrc does something else, or nothing
)

// Variable is how an interface's name is spelt in the names of variables.
func Variable(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(letters+"_", r) {
			return r
		}
		return '_'
	}, name)
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// maxName is the kernel's limit (IFNAMSIZ) without the NUL.
const maxName = 15

// wrongName says why a text cannot be an interface's name.
func wrongName(name string) string {
	switch {
	case name == "":
		return "the name is empty"
	case len(name) > maxName:
		return "an interface's name has at most 15 bytes"
	case strings.Trim(name, letters+"_.-") != "" || name == "." || name == "..":
		return "an interface's name has letters, digits, _ . and -"
	case slices.Contains([]string{"all", "default", "lo"}, name): // sysctl_dev_name_is_allowed in the kernel; lo is there
		return "the kernel has that name for something else"
	}
	return ""
}
