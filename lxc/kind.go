package lxc

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// Kind is "lxc".
type Kind struct{}

// Name is the word before the dot.
func (Kind) Name() string { return "lxc" }

// Vars are the variables of /etc/conf.d/lxc and /etc/conf.d/lxc.NAME.
func (Kind) Vars() confd.Table { return Vars }

// Configure understands the files of one guest. Who only looks is given what was
// understood besides the errors, where that is LXC's configuration at least.
func (Kind) Configure(ctx context.Context, l guest.Layout, n guest.Name, c *confd.Config) (guest.Instance, error) {
	container, err := configure(l, n, c)
	if container == nil || err != nil && !guest.OnlyLooks(ctx) {
		return nil, err
	}
	return container, err
}

// Described tells whether LXC has a configuration of that name: such a
// container needs no conf.d file.
func (Kind) Described(l guest.Layout, n guest.Name) (where string, yes bool) {
	lxcpath := lxcPath(l)
	if conf, err := confd.Load(l.ConfFiles(n)[:1], nil); err == nil { // its faults are told when it is used
		if v, ok := conf.Filled("lxcpath"); ok {
			lxcpath = v.Text
		}
	}
	for _, path := range places(l, lxcpath, n.Instance) {
		if _, err := os.Stat(path); err == nil {
			return path, true
		}
	}
	return filepath.Join(lxcpath, n.Instance, "config"), false
}

// Strays is true: LXC's own tools may have started a container.
func (Kind) Strays() bool { return true }

// Times are startTime and ready_timeout, and the schedule's sum.
func (Kind) Times(n guest.Name, c *confd.Config) (start, stop time.Duration, err error) {
	p := &planner{confd.NewSettings(Vars, c), &Container{Name: n, conf: c}}
	p.stop()
	patience := p.Seconds("ready_timeout")
	return startTime + patience, p.c.Schedule.Total(), p.Err()
}

// Recall makes the container that was recorded; of the files only the stop
// policy counts.
func (Kind) Recall(l guest.Layout, n guest.Name, recorded json.RawMessage, conf *confd.Config) (guest.Instance, error) {
	var was memo
	if err := json.Unmarshal(recorded, &was); err != nil {
		return nil, fmt.Errorf("cannot read what was recorded of %s: %w", n, err)
	}
	c := &Container{Name: n, Layout: l, LXCPath: was.LXCPath, ConfigFile: was.Config, LogFile: was.LogFile,
		Stop: was.Stop, Readiness: was.Ready, Shares: was.Shares}
	if boot, err := pidfile.BootID(); err == nil && boot == was.BootID {
		c.Groups, c.Links = was.Groups, was.Links
	}
	if conf != nil {
		fresh, err := configure(l, n, conf)
		if err != nil {
			return nil, err
		}
		c.Stop, c.Schedule = fresh.Stop, fresh.Schedule
		return c, nil
	}
	var err error
	if c.Schedule, err = shutdown.Parse(c.Stop.Schedule, verbs...); err != nil {
		return nil, err
	}
	return c, nil
}

// Warnings are about what does no harm but was surely not meant, and about
// what is risky but may be meant.
func (c *Container) Warnings() []*confd.Error { return c.warnings }

// Memo is what Recall needs.
func (c *Container) Memo() (json.RawMessage, error) {
	boot, err := pidfile.BootID()
	if err != nil {
		return nil, err
	}
	return json.Marshal(memo{c.LXCPath, c.ConfigFile, c.LogFile, c.Stop, c.Readiness, boot, c.Groups, c.Links, c.Shares})
}

// Plan is what a start would do.
func (c *Container) Plan() guest.Plan {
	p := guest.Plan{
		Guest: c.Name.String(), Argv: append([]string{startProgram}, c.args()...),
		Schedule: c.Schedule, Stop: c.Stop.Schedule, Ready: c.Readiness.String(), Patience: c.Readiness.Timeout,
	}
	if c.conf != nil {
		p.Files = append(p.Files, c.conf.Files...)
	}
	if c.file != nil {
		p.Files = append(p.Files, c.file.Files...)
		p.Notes = append(p.Notes, "rootfs: "+c.Rootfs.String())
	}
	if c.Arch != "" {
		p.Notes = append(p.Notes, "programs inside see the machine "+c.Arch)
	}
	if c.Stop.Halt != 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("halt sends signal %d, as configured", c.Stop.Halt))
	}
	return p
}

// ConfigPath is LXC's configuration file of the container.
func (c *Container) ConfigPath() string { return c.ConfigFile }

// Expect is what the monitor shows; it is found by its socket, never by this
// alone.
func (c *Container) Expect() pidfile.Expect { return pidfile.Expect{Exe: startProgramPath()} }
