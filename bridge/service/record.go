package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/pidfile"
)

// recordName is the file that says how the bridge was started: a stop acts on
// that, whatever became of the files since.
const recordName = "bridge.json"

// record is what starts have done, since the bridge was made.
type record struct {
	Index int            `json:"index"`           // of the bridge's interface; 0: it was not made yet
	Ports []string       `json:"ports"`           // first the one that addresses go back to
	Taken []netip.Prefix `json:"taken,omitempty"` // what the ports had before they were plugged in
}

// record is what is true once b has been started, with what earlier starts did.
func (b *Bridge) record(dir *os.File) (record, error) {
	now := record{Ports: b.Conf.Spec.Ports}
	link, there, err := bridge.Lookup(b.Name.Instance)
	if err != nil {
		return now, err
	}
	var from []string
	for _, name := range b.Conf.Spec.Ports {
		port, ok, err := bridge.Lookup(name)
		if err != nil || !ok || port.Master != "" {
			continue // the start will tell, or has done so
		}
		addresses, err := bridge.Addresses(name)
		if err != nil {
			return now, err
		}
		if len(addresses) > 0 {
			from, now.Taken = append(from, name), append(now.Taken, addresses...)
		}
	}
	now.Ports = union(from, now.Ports)
	if !there {
		return now, nil
	}
	now.Index = link.Index
	old, known, err := recorded(dir, link.Index)
	if err != nil || !known {
		return now, err
	}
	plugged, err := bridge.Ports(b.Name.Instance)
	if err != nil {
		return now, err
	}
	old.Ports = slices.DeleteFunc(old.Ports, func(name string) bool {
		return !slices.ContainsFunc(plugged, func(l bridge.Link) bool { return l.Name == name })
	})
	if len(old.Taken) > 0 {
		now.Ports = union(old.Ports, now.Ports)
	} else {
		now.Ports = union(now.Ports, old.Ports)
	}
	now.Taken = union(old.Taken, now.Taken)
	return now, nil
}

// spec is the bridge so far as its end needs it: of its addresses, those that it
// did not take are its own.
func (r record) spec(name string) (bridge.Spec, error) {
	s := bridge.Spec{Name: name, Ports: r.Ports, Move: len(r.Taken) > 0}
	now, err := bridge.Look(name)
	for _, prefix := range now.Addresses {
		if !slices.Contains(r.Taken, prefix) {
			s.Addresses = append(s.Addresses, bridge.Address{Prefix: prefix})
		}
	}
	return s, err
}

func (r record) save(dir *os.File) error {
	text, err := json.Marshal(r)
	if err == nil {
		err = pidfile.WriteFile(dir, recordName, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("cannot record the start of a bridge: %w", err)
	}
	return nil
}

// recorded is what is on record of the bridge with that index. Another one of
// the name was made by somebody else.
func recorded(dir *os.File, index int) (r record, known bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir.Name(), recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return record{}, false, fmt.Errorf("cannot read how the bridge was started: %w", err)
	}
	return r, r.Index == 0 || r.Index == index, nil
}

func forget(dir *os.File) error {
	if err := os.Remove(filepath.Join(dir.Name(), recordName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove the record of a start: %w", err)
	}
	return nil
}

func union[T comparable](all, more []T) []T {
	all = slices.Clone(all)
	for _, m := range more {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}
