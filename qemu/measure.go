package qemu

import (
	"context"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// Measure is what the kernel has counted for QEMU's process, and for the taps
// that are on record by name: a tap of ours keeps its name from others as long
// as QEMU has it open. Networks inside QEMU (net0=user) are not counted.
func (m *Machine) Measure(_ context.Context, p *pidfile.Process, links guest.Links) (guest.Usage, error) {
	used, err := p.Usage()
	if err != nil {
		return guest.Usage{}, err
	}
	u := guest.Usage{CPU: shutdown.Duration(used.CPU), Memory: used.Resident, Read: used.Read, Written: used.Written}
	for _, end := range m.ends() {
		if end.Link == "" {
			continue
		}
		if ours, err := bridge.SameNet(p.Pid()); err != nil || !ours {
			break
		}
		count := links()[end.Link]
		u.Received += count.Sent
		u.Sent += count.Received
	}
	return u, nil
}

// Lacks tells of a rung that the guest has no device or address for.
func (m *Machine) Lacks(rung string) bool {
	return rung == "agent" && m.Sockets.Agent == "" || rung == "ssh" && m.Stop.SSHTarget == ""
}
