package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

// guardVerb is the process that outlives a "run" which is killed.
const guardVerb = "__guard"

// farewell is what a run says whose guest is gone. A pipe that ends without it
// ended with the run.
const farewell = "gone"

// guard is our end of the pipe.
type guard struct {
	cmd  *exec.Cmd
	pipe *os.File
}

// startGuard starts the guard before there is anything to guard. Its end of the
// pipe sees ours closed once we have ended and whoever we were just starting was
// executed, as only we hold it.
func (e *env) startGuard(n guest.Name, p places) (*guard, error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot guard %s: %w", n, err)
	}
	defer theirs.Close()
	cmd := exec.Command("/proc/self/exe", "--root", e.root, guardVerb, n.String(), p.run)
	cmd.Args[0] = "guestrc"
	if p.scratch != "" {
		cmd.Args = append(cmd.Args, p.scratch)
	}
	cmd.Stdin, cmd.Dir = theirs, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal's signals
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot guard %s: %w", n, err), ours.Close())
	}
	return &guard{cmd, ours}, nil
}

// dismiss ends the guard: nothing is left to do.
func (g *guard) dismiss() error {
	_, err := g.pipe.WriteString(farewell)
	if err = errors.Join(err, g.abandon()); err != nil {
		return fmt.Errorf("cannot take leave of the guard: %w", err)
	}
	return g.cmd.Wait()
}

// abandon leaves the rest to the guard.
func (g *guard) abandon() error { return g.pipe.Close() }

// keepGuard is the guard: it waits for the end of a run, and when that was no
// orderly one, brings the guest down as the run would have. Signals that are for
// all processes of a session or of the host are not for it.
func keepGuard(ctx context.Context, e *env, args []string) error {
	signal.Ignore(unix.SIGQUIT)
	ctx = context.WithoutCancel(ctx)
	n, err := guest.ParseName(args[0])
	if err != nil {
		return err
	}
	p := places{run: args[1]}
	if len(args) > 2 {
		p.scratch = args[2]
	}
	if words, err := io.ReadAll(e.stdin); err != nil || string(words) == farewell {
		return err
	}
	e.house.Layout.Run = p.run
	if err := e.endForSure(ctx, n); err != nil {
		return err // the record stays, for people
	}
	return p.remove()
}

const (
	firstAgain = 50 * time.Millisecond
	lastAgain  = 5 * time.Second
	givesUp    = 10 * time.Minute // a guest that KILL does not end waits for a device
)

// endForSure stops n, however far its start or its stop had come. What was being
// executed as the run was killed cannot be told yet for a moment, and of that no
// event tells: so it tries again, ever more slowly.
func (e *env) endForSure(ctx context.Context, n guest.Name) error {
	p := &progress{e: e, name: n}
	deadline := e.now().Add(givesUp)
	for pause := firstAgain; ; pause = min(2*pause, lastAgain) {
		record, err := e.house.Stop(ctx, n, p)
		if err != nil && record != nil {
			_, err = e.house.Kill(ctx, n, p)
		}
		if err == nil || e.now().After(deadline) {
			return err
		}
		<-time.After(pause)
	}
}
