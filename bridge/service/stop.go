package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
)

// Stop removes the bridge as it was started, and reports whether there was one.
// It refuses while anything is plugged in that is not of the bridge's own ports,
// unless forced; plugs say whose that is. cut are those that force has cut off.
func Stop(ctx context.Context, l guest.Layout, n guest.Name, plugs []guest.Plug, force bool) (was bool, cut []string, err error) {
	dir, release, err := open(ctx, l, n)
	if err != nil {
		return false, nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	link, there, err := bridge.Lookup(n.Instance)
	if err != nil {
		return true, nil, err
	}
	if !there {
		return false, nil, forget(dir)
	}
	spec, err := started(l, n, dir, link.Index)
	if err != nil && !force {
		return true, nil, err
	}
	foreign := func(link bridge.Link) bool {
		return whose(link, plugs) != "" || !slices.Contains(spec.Ports, link.Name)
	}
	mayCut := func(link bridge.Link) bool {
		if !foreign(link) {
			return true
		}
		if force {
			cut = append(cut, called(link, plugs))
		}
		return force
	}
	err = bridge.Delete(ctx, spec, mayCut)
	var plugged *bridge.PluggedError
	if errors.As(err, &plugged) {
		var names []string
		for _, link := range plugged.Links {
			names = append(names, called(link, plugs))
		}
		return true, nil, &guest.Error{Status: guest.StatusRefused, Msg: fmt.Sprintf("cannot stop %s: plugged in: %s", n, strings.Join(names, ", ")),
			Hint: "stop them first; guestrc stop --force " + n.String() + " cuts them off"}
	}
	if err != nil {
		return true, nil, fmt.Errorf("cannot stop %s: %w", n, err)
	}
	slices.Sort(cut)
	return true, slices.Compact(cut), forget(dir)
}

// started is the bridge as it was started; one that was not started by us is
// understood from its files. With an error it is only what has that name.
func started(l guest.Layout, n guest.Name, dir *os.File, index int) (bridge.Spec, error) {
	r, known, err := recorded(dir, index)
	if known {
		return r.spec(n.Instance)
	}
	if err == nil {
		var b *Bridge
		if b, err = Open(l, n); err == nil {
			return b.Conf.Spec, nil
		}
	}
	return bridge.Spec{Name: n.Instance}, err
}

// whose is the guest whose interface link is, if it is one's.
func whose(link bridge.Link, plugs []guest.Plug) string {
	for _, p := range plugs {
		if p.Link == link.Name && p.Index == link.Index {
			return p.Guest
		}
	}
	return ""
}

// called is "qemu.db (qdb-0)", or only an interface that is no guest's.
func called(link bridge.Link, plugs []guest.Plug) string {
	if who := whose(link, plugs); who != "" {
		return fmt.Sprintf("%s (%s)", who, link.Name)
	}
	return link.Name
}
