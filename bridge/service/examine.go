package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/bridge/netifrc"
	"github.com/guestrc/guestrc/bridge/owner"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// examination gathers what is wrong with one bridge.
type examination struct {
	l     guest.Layout
	n     guest.Name
	own   string // its file, whether or not it exists
	found []*confd.Error

	unplugged bool // a port keeps the bridge from being made, which has been told
}

// Examine is all that is wrong with the description of n, and what differs
// between it and the bridge; each has its id. Nothing is changed. The error is
// one of looking.
func Examine(ctx context.Context, l guest.Layout, n guest.Name) ([]*confd.Error, error) {
	x := &examination{l: l, n: n, own: Inputs(l, n)[1]}
	conf, err := netifrc.Read(l.ConfDir(), n.Instance)
	// A file that cannot be read puts nobody in charge: its own tool says so.
	if owners, _ := owner.Of(l.At(), n.Instance); len(owners) > 0 {
		if conf.Conf != nil && conf.Described && owners[0].Tool != "netifrc" {
			x.foreign(conf, owners[0])
		}
		return x.found, nil
	}
	x.found = append(x.found, conf.Warnings...)
	switch {
	case err != nil:
		x.add(err)
		return x.found, nil
	case !conf.Described:
		_, err := Open(l, n)
		x.fault(confd.Pos{File: x.own}, err).WithID("GR100")
		return x.found, nil
	}
	if err := x.ports(conf); err != nil {
		return x.found, err
	}
	if err := ctx.Err(); err != nil {
		return x.found, err
	}
	x.others(conf)
	return x.found, x.live(conf)
}

func (x *examination) say(at confd.Pos, hint, format string, args ...any) *confd.Error {
	e := confd.Errorf(at, format, args...)
	e.Hint = hint
	x.found = append(x.found, e)
	return e
}

// fault takes over an error and its hint.
func (x *examination) fault(at confd.Pos, err error) *confd.Error {
	hint := ""
	if h, ok := err.(interface{ HintText() string }); ok {
		hint = h.HintText()
	}
	return x.say(at, hint, "%v", err)
}

// add takes a joined error apart.
func (x *examination) add(err error) {
	for _, e := range apart(err) {
		if at, ok := e.(*confd.Error); ok {
			x.found = append(x.found, at)
		} else {
			x.fault(confd.Pos{File: x.own}, e).WithID("GR100")
		}
	}
}

func apart(err error) []error {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range several.Unwrap() {
		all = append(all, apart(e)...)
	}
	return all
}

// foreign: a file with variables that only guestrc reads was meant for it.
func (x *examination) foreign(conf netifrc.Config, o owner.Owner) {
	table := netifrc.Vars(x.n.Instance)
	for _, value := range conf.Conf.Values {
		v, _, _, known := table.Lookup(value.Name)
		if value.Pos.File == x.own && known && !v.Theirs {
			x.say(value.Pos, "remove "+x.own+", or "+x.n.Instance+" from "+o.File, "%s is %s's (%s), so that nothing in %s has an effect",
				x.n.Instance, o.Tool, o.Place(), x.own).WithID("GR321")
			return
		}
	}
}

// ports looks for those that a start would not find, or not free.
func (x *examination) ports(conf netifrc.Config) error {
	for _, name := range conf.Spec.Ports {
		link, ok, err := bridge.Lookup(name)
		switch {
		case err != nil:
			return fmt.Errorf("cannot examine %s: %w", x.n, err)
		case !ok:
			x.say(conf.PortsPos, "ip link lists what there is", "%s: there is no network interface %s", conf.PortsVar, name).WithID("GR301")
			x.unplugged = true
		case link.Master != "" && link.Master != x.n.Instance:
			x.say(conf.PortsPos, "ip link set "+name+" nomaster", "%s: %s is a port of %s", conf.PortsVar, name, link.Master).WithID("GR320")
			x.unplugged = true
		}
	}
	return nil
}

// others looks into the files of the other bridges.
func (x *examination) others(conf netifrc.Config) {
	files, err := os.ReadDir(x.l.ConfDir())
	if err != nil || len(conf.Spec.Ports) == 0 {
		return
	}
	for _, file := range files {
		name, ok := strings.CutPrefix(file.Name(), Kind+".")
		if !ok || name == x.n.Instance {
			continue
		}
		other, err := netifrc.Read(x.l.ConfDir(), name)
		if err != nil || !Ours(x.l, guest.Name{Kind: Kind, Instance: name}) {
			continue // its own fault, or its tool's
		}
		for _, port := range conf.Spec.Ports {
			if slices.Contains(other.Spec.Ports, port) {
				x.say(conf.PortsPos, "", "%s: %s is a port of %s as well (%s)", conf.PortsVar, port, name, other.PortsPos).WithID("GR320")
			}
		}
	}
}

// live compares with the bridge that there is.
func (x *examination) live(conf netifrc.Config) error {
	at := confd.Pos{File: x.own}
	if _, err := os.Stat(x.own); err != nil {
		at.File = filepath.Join(x.l.ConfDir(), "net")
	}
	changes, err := bridge.Differences(conf.Spec)
	if err != nil {
		for _, one := range apart(err) {
			if !x.unplugged {
				x.fault(at, one).WithID("GR322")
			}
		}
		return nil
	}
	if _, there, err := bridge.Lookup(x.n.Instance); err != nil || !there || len(changes) == 0 {
		return err
	}
	x.say(at, "", "a start would have: %s", strings.Join(changes, ", ")).WithID("GR323")
	return nil
}
