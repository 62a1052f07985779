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

// open takes the lock of n after the looks that need none, and opens its run
// directory.
func open(ctx context.Context, l guest.Layout, n guest.Name) (dir *os.File, release func() error, err error) {
	if err := Owned(l, n); err != nil {
		return nil, nil, err
	}
	dir, err = pidfile.OpenDir(l.RunDir(n), true)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the run directory of %s: %w", n, err)
	}
	ctx, cancel := context.WithTimeout(ctx, guest.LockPatience)
	defer cancel()
	unlock, err := pidfile.Lock(ctx, dir)
	if err != nil {
		dir.Close()
		return nil, nil, fmt.Errorf("cannot lock %s: %w", n, err)
	}
	return dir, func() error { return errors.Join(unlock(), dir.Close()) }, nil
}

// Start makes the bridge as its files say and returns what it changed. Guests
// of a bridge that is made anew are plugged in by Replug.
func (b *Bridge) Start(ctx context.Context) (changes []string, err error) {
	dir, release, err := open(ctx, b.Layout, b.Name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	r, err := b.record(dir)
	if err != nil {
		return nil, err
	}
	// Beforehand: a start that is killed halfway has taken something, too.
	if err := r.save(dir); err != nil {
		return nil, err
	}
	changes, err = bridge.Converge(ctx, b.Conf.Spec)
	if err != nil {
		err = fmt.Errorf("cannot start %s: %w", b.Name, err)
	}
	// A start that fails takes everything back, unless that fails, too.
	link, there, errLook := bridge.Lookup(b.Name.Instance)
	if errLook == nil && !there {
		return changes, errors.Join(err, forget(dir))
	}
	r.Index = link.Index
	return changes, errors.Join(err, errLook, r.save(dir))
}

// Depends is what the bridge's service depends on.
func (b *Bridge) Depends() deps.Set {
	set := deps.Set{Inputs: Inputs(b.Layout, b.Name)}
	if b.Conf.Conf != nil {
		set.Dependencies = deps.Stated(b.Conf.Conf, b.Name.String())
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

// Known tells whether files, an init script or the record of a start speak of n;
// a run directory that is left of one that was stopped does not.
func Known(l guest.Layout, n guest.Name) bool {
	_, errFile := os.Stat(Inputs(l, n)[1])
	_, errRecord := os.Stat(filepath.Join(l.RunDir(n), recordName))
	return errFile == nil || errRecord == nil || guest.Scripted(l, n)
}

// Ours tells whether net.NAME is guestrc's to bring up: files describe it or an
// init script names it, and no other tool is in charge.
func Ours(l guest.Layout, n guest.Name) bool {
	_, err := os.Stat(Inputs(l, n)[1])
	return (err == nil || guest.Scripted(l, n)) && Owned(l, n) == nil
}
