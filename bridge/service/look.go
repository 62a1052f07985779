package service

import (
	"fmt"
	"strings"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
)

// Look is the status of a bridge in the form of a guest's. What the files of n
// say is told where the bridge is not so.
func Look(l guest.Layout, n guest.Name) (guest.Status, error) {
	st := guest.Status{Guest: n.String(), State: guest.Stopped, Code: guest.StateStopped}
	foreign := Owned(l, n)
	is, err := bridge.Look(n.Instance)
	if err != nil {
		st.State, st.Code, st.Message = guest.Unknown, guest.StateUnknown, err.Error()
		return st, nil
	}
	var notes []string
	switch {
	case is.Exists && is.Up:
		st.State, st.Code = guest.Running, guest.StateRunning
		notes = append(notes, summary(is))
	case is.Exists:
		notes = append(notes, summary(is), "it is down")
	}
	if foreign != nil {
		notes = append(notes, foreign.Error())
	} else if b, err := Open(l, n); err != nil && !is.Exists {
		return st, err
	} else if err != nil {
		notes = append(notes, err.Error())
	} else if is.Exists {
		notes = append(notes, differs(b)...)
	}
	st.Message = strings.Join(notes, "; ")
	return st, nil
}

// differs is what a start would change.
func differs(b *Bridge) []string {
	changes, err := bridge.Differences(b.Conf.Spec)
	switch {
	case err != nil:
		return []string{err.Error()}
	case len(changes) > 0:
		return []string{"a start would have: " + strings.Join(changes, ", ")}
	}
	return nil
}

// summary is "172.16.11.1/24, 3 plugged in".
func summary(is bridge.Status) string {
	var parts []string
	for _, a := range is.Addresses {
		parts = append(parts, a.String())
	}
	return strings.Join(append(parts, fmt.Sprintf("%d plugged in", len(is.Ports))), ", ")
}
