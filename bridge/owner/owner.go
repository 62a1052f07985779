// Package owner tells which tool besides guestrc is in charge of a bridge, from
// the tools' own files. It changes nothing, asks no daemon, and does not see
// bridges that a tool keeps in a database of its own, as Docker and Incus do.
package owner

import (
	"errors"
	"fmt"
)

// Owner is a tool that has an interface in its configuration.
type Owner struct {
	Tool string // "netifrc", "ifupdown", "systemd-networkd", "NetworkManager", "netplan", "lxc-net", "libvirt" or "a script"
	File string // that says so, below the root
	Line int    // from 1; 0: the file as a whole
	Unit string // of systemd, that brings the interface up; empty where there is none
}

// Place is file:line, or only the file.
func (o Owner) Place() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// Of finds the owners of an interface in the files below root, each tool once;
// netplan goes before the tools that it writes files for. Files of a tool that
// is not installed are nobody's: they stay when it is removed.
// Where a file cannot be read the error says so, and the owners found in others
// are returned nevertheless.
func Of(root, ifname string) (owners []Owner, err error) {
	t := tree{root: root}
	var errs []error
	for _, look := range []func(string) (*Owner, error){
		t.openrc, t.ifupdown, t.netplan, t.networkd, t.networkManager, t.lxcNet, t.libvirt,
	} {
		o, err := look(ifname)
		if err != nil {
			errs = append(errs, err)
		}
		if o != nil {
			owners = append(owners, *o)
		}
	}
	if len(errs) > 0 {
		return owners, fmt.Errorf("cannot look for the owner of %s: %w", ifname, errors.Join(errs...))
	}
	return owners, nil
}
