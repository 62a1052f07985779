package lxc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
)

// Ready says when a start is complete.
type Ready struct {
	How     string        `json:"how"` // "init", "running", "exec", "tcp", "console", "systemd", "openrc"
	Timeout time.Duration `json:"timeout"`

	Exec    []string `json:"exec,omitempty"`    // exec: the command, run inside
	Port    uint16   `json:"port,omitempty"`    // tcp
	Address string   `json:"address,omitempty"` // tcp: where, as seen from the host; empty: the container's own addresses
	Pattern string   `json:"pattern,omitempty"` // console: in Go's syntax
	Console string   `json:"console,omitempty"` // console: the file that LXC writes it to
	Own     bool     `json:"own,omitempty"`     // console: that file is ours, of this run alone
	From    int64    `json:"from,omitempty"`    // console: where this run begins in a file that is not
}

// String is for people: "tcp:22, within 1m0s".
func (r Ready) String() string {
	what := r.How
	switch r.How {
	case "running":
		return what
	case "exec":
		what += ":" + strings.Join(r.Exec, " ")
	case "tcp":
		what += fmt.Sprintf(":%d", r.Port)
	case "console":
		what += ":" + r.Pattern
	}
	return fmt.Sprintf("%s, within %s", what, r.Timeout)
}

// Ready waits until the container is ready in the configured sense. Whatever
// that is, init hears by then the signal that stops it; a program that is no
// init of a system may never hear any. A container that reboots meanwhile gets
// the rest of the time for its next run.
func (c *Container) Ready(ctx context.Context, p *pidfile.Process) error {
	if c.Readiness.How == "running" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.Readiness.Timeout)
	defer cancel()
	var last lastRun
	for {
		init, err := c.nextInit(ctx, p, last)
		if err != nil {
			return err
		}
		err = c.runReady(ctx, init)
		if !init.Ended() { // one that has was ready for nothing
			init.Close()
			return err
		}
		last = lastRun{init.Identity(), ending(init)}
		init.Close()
	}
}

// lastRun is one that is over.
type lastRun struct {
	init pidfile.Identity
	end  string // how it ended, as ending words it
}

// nextInit gives the init of the run that follows last, or of the first one.
// Nothing tells when the monitor has begun anew: it is asked, ever more slowly.
func (c *Container) nextInit(ctx context.Context, monitor *pidfile.Process, last lastRun) (*pidfile.Process, error) {
	for interval := time.Millisecond; ; interval = min(2*interval, 50*time.Millisecond) {
		init, err := c.init(ctx, monitor)
		switch {
		case err == nil && init.Identity() != last.init:
			return init, nil
		case err == nil:
			init.Close()
		case last == (lastRun{}) && !errors.Is(err, errNoInit):
			within(ctx, monitor, lastRites) // it may be about to go, which says more
			return nil, err
		}
		ended, err := within(ctx, monitor, interval)
		if ended {
			return nil, errors.New("its init ended" + last.end)
		}
		if err != nil {
			return nil, fmt.Errorf("its init ended%s, and it has no other: %w", last.end, err)
		}
	}
}

// runReady waits until one run is ready. Its error is of no meaning when init
// has ended.
func (c *Container) runReady(ctx context.Context, init *pidfile.Process) error {
	ctx, release := whileAlive(ctx, init)
	defer release()
	if err := pid1.Await(ctx, init, pid1.Options{Signal: unix.Signal(c.Stop.Halt)}); err != nil {
		return err
	}
	switch c.Readiness.How {
	case "exec":
		return c.execReady(ctx, init)
	case "tcp":
		return c.tcpReady(ctx, init)
	case "console":
		return c.consoleReady(ctx)
	case "systemd":
		return c.systemdReady(ctx, init)
	case "openrc":
		return openrcReady(ctx, init)
	}
	return nil
}

// whileAlive is a context that ends with p.
func whileAlive(ctx context.Context, p *pidfile.Process) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Wait(ctx)
		cancel()
	}()
	return ctx, func() {
		cancel()
		<-done
	}
}

// pauses are those between two looks at what tells nobody when it changes.
type pauses struct{ first, last time.Duration }

// again tries, ever more rarely, each time for at most patience. At the end of
// ctx it returns what was in the way, not that of a try which that broke off.
func (p pauses) again(ctx context.Context, patience time.Duration, try func(context.Context) error) error {
	var last error
	for pause := p.first; ; pause = min(2*pause, p.last) {
		attempt, cancel := context.WithTimeout(ctx, patience)
		err := try(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
		}
	}
}
