package netifrc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/confd"
)

// ports reads which interfaces are plugged in for good.
func (r *reader) ports() {
	said, isOurs := r.own("ports")
	theirs, isTheirs := r.their("bridge"+r.suffix, isOurs)
	names := strings.Fields(theirs.Text)
	for _, j := range r.joiners() {
		if port := strings.TrimPrefix(j.Name, "bridge_add_"); !slices.Contains(names, port) {
			names = append(names, port)
		}
		if !isTheirs {
			theirs, isTheirs = j, true
		}
	}
	switch {
	case isOurs:
		own := strings.Fields(said.Text)
		if isTheirs && !slices.Equal(slices.Sorted(slices.Values(own)), slices.Sorted(slices.Values(names))) {
			r.warn(said, "take one of them out", "it differs from %s at %s, and is what counts", theirs.Name, theirs.Pos)
		}
		names = own
	case isTheirs:
		said = theirs
	default:
		return
	}
	r.c.PortsVar, r.c.PortsPos = said.Name, said.Pos
	for _, name := range names {
		switch why := wrongName(name); {
		case why != "":
			r.fail(said, "", "%q cannot be a port: %s", name, why)
		case name == r.name:
			r.fail(said, "", "%s cannot be a port of itself", name)
		case slices.Contains(r.c.Spec.Ports, name):
			r.warn(said, "", "%s is there twice", name)
		default:
			r.c.Spec.Ports = append(r.c.Spec.Ports, name)
		}
	}
	r.portMTU()
}

// joiners are the variables bridge_add_PORT that name this bridge, by which a
// port joins it when it comes up. The port's name is only known as a variable
// has it.
func (r *reader) joiners() (found []confd.Value) {
	for _, v := range r.files.Values {
		if port, ok := strings.CutPrefix(v.Name, "bridge_add_"); ok && v.Text == r.name && port != "" {
			found = append(found, v)
		}
	}
	return found
}

// portMTU takes over mtu_PORT, which is the same for all ports or is not taken.
func (r *reader) portMTU() {
	var said []confd.Value
	for _, port := range r.c.Spec.Ports {
		if v, ok := r.files.Filled("mtu_" + Variable(port)); ok {
			said = append(said, v)
		}
	}
	if len(said) == 0 {
		return
	}
	differs := func(v confd.Value) bool { return v.Text != said[0].Text }
	if len(said) < len(r.c.Spec.Ports) || slices.ContainsFunc(said, differs) {
		r.warn(said[0], fmt.Sprintf("set mtu in %s, for the bridge and its ports", r.ours), "not used: the ports have not the same MTU")
		return
	}
	if r.c.Spec.PortMTU != 0 {
		return
	}
	mtu, err := parseMTU(statement{Value: said[0]})
	if err != nil {
		r.errs = append(r.errs, err)
	}
	r.c.Spec.PortMTU = mtu
}

// portConfigs reads config_PORT, and says which ports have none. An address on
// a port is deaf: the bridge takes all packets before it.
func (r *reader) portConfigs() (unsaid []string) {
	for _, port := range r.c.Spec.Ports {
		name := "config_" + Variable(port)
		if why, ok := r.files.Unread(name); ok {
			r.c.Warnings = append(r.c.Warnings, &confd.Error{Pos: why.Pos, Msg: name + ": it cannot be read, and is left out: " + why.Msg, Hint: why.Hint, ID: idle})
			continue
		}
		v, _ := r.files.Get(name)
		switch text := strings.TrimSpace(v.Text); text {
		case "":
			unsaid = append(unsaid, port)
		case "null":
			r.c.Spec.NoAddresses = append(r.c.Spec.NoAddresses, port)
		case "noop":
		default:
			r.warn(v, fmt.Sprintf(`%s="null", and the address for %s`, name, r.name), "%s is a port of %s, where an address does not work", port, r.name)
		}
	}
	return unsaid
}
