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
	b, wrong := Open(l, n)
	is, err := bridge.Look(n.Instance)
	switch {
	case err != nil:
		st.State, st.Code, st.Message = guest.Unknown, guest.StateUnknown, err.Error()
		return st, nil
	case !is.Exists:
		return st, wrong
	case is.Up:
		st.State, st.Code = guest.Running, guest.StateRunning
	}
	notes := []string{summary(is)}
	if !is.Up {
		notes = append(notes, "it is down")
	}
	if foreign := Owned(l, n); foreign != nil {
		notes = append(notes, foreign.Error())
	} else if wrong != nil {
		notes = append(notes, wrong.Error())
	} else if differs, err := bridge.Differences(b.Conf.Spec); err != nil {
		notes = append(notes, err.Error())
	} else if len(differs) > 0 {
		notes = append(notes, "a start would have: "+strings.Join(differs, ", "))
	}
	st.Message = strings.Join(notes, "; ")
	return st, nil
}

// summary is "172.16.11.1/24, 3 plugged in".
func summary(is bridge.Status) string {
	var parts []string
	for _, a := range is.Addresses {
		if !a.Addr().IsLinkLocalUnicast() {
			parts = append(parts, a.String())
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("%d plugged in", len(is.Ports))), ", ")
}
