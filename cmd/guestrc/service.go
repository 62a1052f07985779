package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/guestrc/guestrc/guest"
)

// runService is "run --service": a supervisor's child, which the guest outlives
// when only the supervisor or we ourselves are killed.
func (e *env) runService(ctx context.Context, n guest.Name) error {
	began := e.now()
	c := &child{e, n, e.supervised(n)}
	if over, err := c.over(ctx); over || err != nil {
		return err
	}
	p := e.progress(n, "Starting")
	switch err := e.startOne(ctx, n, &attended{p}); {
	case err != nil && context.Cause(ctx) != nil:
		return c.calledOff(ctx)
	case err != nil && hopeless(err):
		return errors.Join(err, c.leaveDown(ctx))
	case err != nil:
		return err
	}
	e.notify.Up("running")
	if p.fresh {
		p.done(fmt.Sprintf("%s is up after %s (pid %d)", n, seconds(e.now().Sub(began)), p.pid))
	} else {
		p.done(fmt.Sprintf("%s runs already (pid %d)", n, p.pid))
	}
	end, err := e.house.Watch(ctx, n)
	switch {
	case context.Cause(ctx) != nil:
		return c.calledOff(ctx)
	case err != nil:
		return err
	}
	err = e.ended(n, end)
	if c.comesAgain(end) {
		return err
	}
	return errors.Join(err, c.leaveDown(ctx))
}

// child is what a supervisor's child knows of its place.
type child struct {
	e      *env
	name   guest.Name
	openrc bool // the supervisor is that of OpenRC's service, and starts us again whatever our exit status
}

// supervised tells whether our parent is the supervise-daemon that the service's
// script has started.
func (e *env) supervised(n guest.Name) bool {
	if !superviseDaemon(os.Getppid()) {
		return false
	}
	_, err := os.Stat(supervisorFile(e.house.Layout, n))
	return err == nil
}

// over tells whether the guest is not to be started: the service's script starts
// it before the supervisor, so what is down now has ended since, and is not
// started again if a command has stopped it or the host goes down.
func (c *child) over(ctx context.Context) (bool, error) {
	if !c.openrc {
		return false, nil
	}
	supervisor, err := os.Stat(supervisorFile(c.e.house.Layout, c.name))
	if err != nil {
		return false, fmt.Errorf("cannot tell since when %s is supervised: %w", c.name, err)
	}
	stopped, err := c.e.house.StoppedSince(c.name, supervisor.ModTime())
	if err != nil || !stopped && !c.e.goingDown(ctx) {
		return false, err
	}
	return true, c.leaveDown(ctx)
}

// comesAgain tells whether the supervisor may start the guest again.
func (c *child) comesAgain(end guest.End) bool {
	policy, _ := c.e.house.Service(c.name) // of a faulty file: as if nothing were said
	switch end.How {
	case guest.Crashed:
		return policy.Respawn != guest.RespawnNever
	case guest.ByItself:
		return policy.Respawn == guest.RespawnAlways
	}
	return false
}

// calledOff is for the end of our supervisor, which the guest survives, or for
// the signal by which it has us bring the guest down.
func (c *child) calledOff(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errCaller) {
		c.e.out.info(fmt.Sprintf("%s runs on: the supervisor has ended", c.name))
		return nil
	}
	p := c.e.progress(c.name, "Stopping")
	record, err := c.e.house.Stop(context.WithoutCancel(ctx), c.name, p)
	return c.e.stopped(p, record, err)
}

// leaveDown has OpenRC's supervisor end, and returns when that tells us to.
// Others go by our exit status.
func (c *child) leaveDown(ctx context.Context) error {
	if !c.openrc {
		return nil
	}
	argv := superviseStop(c.e.house.Layout, c.name)
	path, err := programPath(argv[0])
	if err != nil {
		return err
	}
	cmd := exec.Command(path, argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it outlives us: it waits for our supervisor
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot have OpenRC leave %s down: %w", c.name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		if err != nil {
			err = fmt.Errorf("cannot have OpenRC leave %s down: %w", c.name, err)
		}
		return err
	}
}
