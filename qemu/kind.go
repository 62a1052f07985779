package qemu

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// Kind is "qemu".
type Kind struct{}

// Name is the word before the dot.
func (Kind) Name() string { return "qemu" }

// Vars are the variables of /etc/conf.d/qemu and /etc/conf.d/qemu.NAME.
func (Kind) Vars() confd.Table { return Vars }

// Configure understands the files of one guest. Who only looks is given what was
// understood besides the errors.
func (Kind) Configure(ctx context.Context, l guest.Layout, n guest.Name, c *confd.Config) (guest.Instance, error) {
	m, err := newMachine(l, n, c, newHost(ctx, l))
	if err != nil && !guest.OnlyLooks(ctx) {
		return nil, err
	}
	return m, err
}

// Described is false: a guest is what its conf.d file says.
func (Kind) Described(guest.Layout, guest.Name) (where string, yes bool) { return "", false }

// Strays is false: who started QEMU by other means keeps it.
func (Kind) Strays() bool { return false }

// Times are settleTime and ready_timeout, and the schedule's sum.
func (Kind) Times(n guest.Name, c *confd.Config) (start, stop time.Duration, err error) {
	p := &planner{Settings: confd.NewSettings(Vars, c), m: &Machine{Name: n, conf: c}}
	p.stopPolicy()
	patience := p.Seconds("ready_timeout")
	return settleTime + patience, p.m.Schedule.Total(), p.Err()
}

// Recall makes the machine that was recorded; of c only the stop policy counts.
func (Kind) Recall(l guest.Layout, n guest.Name, recorded json.RawMessage, c *confd.Config) (guest.Instance, error) {
	var was memo
	if err := json.Unmarshal(recorded, &was); err != nil {
		return nil, fmt.Errorf("cannot read what was recorded of %s: %w", n, err)
	}
	m := &Machine{Name: n, Layout: l, Binary: was.Binary, Sockets: was.Sockets, LogFile: was.LogFile, Stop: was.Stop, Readiness: was.Ready, recalled: was.Ends}
	if c != nil {
		p := &planner{Settings: confd.NewSettings(Vars, c), m: &Machine{Name: n, Layout: l, conf: c}}
		p.stopPolicy()
		if err := p.Err(); err != nil {
			return nil, err
		}
		m.Stop, m.Schedule = p.m.Stop, p.m.Schedule
		return m, nil
	}
	var err error
	if m.Schedule, err = shutdown.Parse(m.Stop.Schedule, verbs...); err != nil {
		return nil, err
	}
	return m, nil
}

// Warnings are about what does no harm but was surely not meant.
func (m *Machine) Warnings() []*confd.Error { return m.warnings }

// Memo is what Recall needs.
func (m *Machine) Memo() (json.RawMessage, error) {
	return json.Marshal(memo{m.Binary, m.Sockets, m.LogFile, m.Stop, m.Readiness, m.ends()})
}

// Plan is what a start would do.
func (m *Machine) Plan() guest.Plan {
	p := guest.Plan{
		Guest: m.Name.String(), Argv: append([]string{m.Binary}, m.Args...),
		Schedule: m.Schedule, Stop: m.Stop.Schedule, Ready: m.Readiness.String(), Patience: m.Readiness.Timeout,
	}
	if m.conf != nil {
		p.Files = m.conf.Files
	}
	for _, in := range m.Inherit {
		switch in.What {
		case "qmp":
			p.Notes = append(p.Notes, fmt.Sprintf("file %d: a listening socket, %s", in.FD, in.Path))
		case "tap":
			p.Notes = append(p.Notes, fmt.Sprintf("file %d: a tap, %s, in bridge %s", in.FD, in.Ifname, in.Bridge))
		case "vsock":
			p.Notes = append(p.Notes, fmt.Sprintf("file %d: %s, with context identifier %d", in.FD, vhostVsock, in.CID))
		}
	}
	return p
}

// String is for people: "console, within 2m0s".
func (r Ready) String() string {
	text := r.How
	switch r.How {
	case "tcp":
		if text += " " + r.Address; r.Address == "" {
			text += fmt.Sprintf("port %d, where the host finds the guest", r.Port)
		}
	case "vsock":
		text += fmt.Sprintf(" from context identifier %d", r.CID)
	case "console":
		text += " says " + r.Pattern
	case "none", "monitor":
		return text
	}
	return fmt.Sprintf("%s, within %s", text, r.Timeout)
}

// Preflight holds the machine against the host.
func (m *Machine) Preflight(ctx context.Context, others []guest.Claim) error {
	return m.preflight(newHost(ctx, m.Layout), others)
}

// Expect is what QEMU's process shows: its program, and the pidfile that no
// other guest has.
func (m *Machine) Expect() pidfile.Expect {
	return pidfile.Expect{Exe: m.Binary, Arg: []string{"-pidfile", m.Layout.PidFile(m.Name)}}
}

// Find finds nothing: a QEMU of ours has the lease and locks its pidfile.
func (m *Machine) Find(context.Context) (*pidfile.Process, error) { return nil, nil }

// buttonTime bounds what the monitor may take for a command by itself.
const buttonTime = 5 * time.Second

// Reset is QMP's system_reset.
func (m *Machine) Reset(ctx context.Context, p *pidfile.Process) error {
	return m.press(ctx, p, "system_reset")
}

// Freeze stops the vCPUs.
func (m *Machine) Freeze(ctx context.Context, p *pidfile.Process) error {
	return m.press(ctx, p, "stop")
}

// Thaw lets the vCPUs go on.
func (m *Machine) Thaw(ctx context.Context, p *pidfile.Process) error {
	return m.press(ctx, p, "cont")
}

// press gives the monitor one command without arguments.
func (m *Machine) press(ctx context.Context, p *pidfile.Process, command string) error {
	ctx, cancel := untilGone(ctx, p, buttonTime)
	defer cancel()
	c, err := m.dial(ctx, p)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Execute(ctx, command, nil, nil)
}
