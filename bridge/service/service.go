// Package service is net.NAME, a bridge as a service: start, stop, status and
// plugging guests in again. It refuses a bridge that another tool is in charge
// of, and to take one from under guests.
package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/bridge/netifrc"
	"github.com/guestrc/guestrc/bridge/owner"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// Kind is the word before the dot.
const Kind = "net"

// Bridge is one bridge as its files describe it.
type Bridge struct {
	Name   guest.Name
	Layout guest.Layout
	Conf   netifrc.Config
}

// Open reads the files that describe n.
func Open(l guest.Layout, n guest.Name) (*Bridge, error) {
	conf, err := netifrc.Read(l.ConfDir(), n.Instance)
	if err != nil {
		return nil, &guest.Error{Status: guest.StatusNotConfigured, Msg: "cannot use the configuration of " + n.String(), Err: err}
	}
	b := &Bridge{n, l, conf}
	if !conf.Described {
		own := filepath.Join(l.ConfDir(), n.String())
		return nil, &guest.Error{Status: guest.StatusNotConfigured, Msg: fmt.Sprintf("cannot find bridge %s: neither %s nor bridge_%s in %s describes it",
			n, own, netifrc.Variable(n.Instance), filepath.Join(l.ConfDir(), "net")), Hint: fmt.Sprintf(`echo 'addresses="10.0.0.1/24"' > %s`, own)}
	}
	return b, nil
}

// Owned is nil unless another tool is in charge of the bridge.
func Owned(l guest.Layout, n guest.Name) error {
	// A file that cannot be read puts nobody in charge: its own tool says so.
	owners, _ := owner.Of(l.At(), n.Instance)
	if len(owners) == 0 {
		return nil
	}
	o := owners[0]
	return &guest.Error{Status: guest.StatusRefused, Msg: fmt.Sprintf("cannot touch %s: it is %s's (%s)", n, o.Tool, o.Place()),
		Hint: fmt.Sprintf("leave it to %s; guests are plugged into it all the same", o.Tool)}
}

// open takes the lock of n after the looks that need none.
func (b *Bridge) open(ctx context.Context) (unlock func() error, err error) {
	if err := Owned(b.Layout, b.Name); err != nil {
		return nil, err
	}
	dir, err := pidfile.OpenDir(b.Layout.RunDir(b.Name), true)
	if err != nil {
		return nil, fmt.Errorf("cannot open the run directory of %s: %w", b.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, guest.LockPatience)
	defer cancel()
	release, err := pidfile.Lock(ctx, dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot lock %s: %w", b.Name, err), dir.Close())
	}
	return func() error { return errors.Join(release(), dir.Close()) }, nil
}

// Start makes the bridge as its files say and returns what it changed. Guests
// of a bridge that is made anew are plugged in by Replug.
func (b *Bridge) Start(ctx context.Context) (changes []string, err error) {
	unlock, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if changes, err = bridge.Converge(ctx, b.Conf.Spec); err != nil {
		return changes, fmt.Errorf("cannot start %s: %w", b.Name, err)
	}
	return changes, nil
}

// Stop removes the bridge, and reports whether there was one. It refuses while
// anything is plugged in that is not of the bridge's own ports, unless forced;
// plugs say whose that is.
func (b *Bridge) Stop(ctx context.Context, plugs []guest.Plug, force bool) (was bool, err error) {
	unlock, err := b.open(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	exists, _, err := bridge.IsBridge(b.Name.Instance)
	if err != nil || !exists {
		return exists, err
	}
	plugged, err := b.Plugged(plugs)
	if err == nil && len(plugged) > 0 && !force {
		err = &guest.Error{Status: guest.StatusRefused, Msg: fmt.Sprintf("cannot stop %s: plugged in: %s", b.Name, strings.Join(plugged, ", ")),
			Hint: "stop them first; guestrc stop --force " + b.Name.String() + " cuts them off"}
	}
	if err != nil {
		return true, err
	}
	if err := bridge.Delete(ctx, b.Conf.Spec); err != nil {
		return true, fmt.Errorf("cannot stop %s: %w", b.Name, err)
	}
	return true, nil
}

// Plugged names what is plugged in besides the bridge's own ports: "qemu.db
// (qdb-0)", or only an interface that is no guest's.
func (b *Bridge) Plugged(plugs []guest.Plug) ([]string, error) {
	ports, err := bridge.Ports(b.Name.Instance)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, name := range b.Conf.Spec.Ports {
		own[name] = true
	}
	whose := map[string]string{}
	for _, p := range plugs {
		whose[p.Link] = p.Guest
	}
	var names []string
	for _, port := range ports {
		switch who := whose[port.Name]; {
		case own[port.Name]:
		case who != "":
			names = append(names, fmt.Sprintf("%s (%s)", who, port.Name))
		default:
			names = append(names, port.Name)
		}
	}
	return names, nil
}

// Depends is what the bridge's service depends on.
func (b *Bridge) Depends() deps.Set {
	set := deps.Set{Inputs: Inputs(b.Layout, b.Name)}
	if b.Conf.Conf != nil {
		set.Dependencies = deps.Stated(b.Conf.Conf)
	}
	for _, port := range b.Conf.Spec.Ports {
		set.Add(deps.Dependency{Relation: deps.After, Sort: deps.Interface, Name: port, Why: b.Conf.PortsVar, Pos: b.Conf.PortsPos})
	}
	return set
}

// Inputs are the files that describe a bridge, or would.
func Inputs(l guest.Layout, n guest.Name) []string {
	return []string{filepath.Join(l.ConfDir(), "net"), filepath.Join(l.ConfDir(), n.String())}
}

// Ours tells whether net.NAME is guestrc's to bring up: files describe it or an
// init script names it, and no other tool is in charge.
func Ours(l guest.Layout, n guest.Name) bool {
	_, err := os.Stat(Inputs(l, n)[1])
	return (err == nil || guest.Scripted(l, n)) && Owned(l, n) == nil
}
