package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// maxLooks bounds how often a group is looked for anew: what still grows then is
// started by somebody, faster than it is ended.
const maxLooks = 10

// Group is processes that are signalled together.
type Group struct {
	again func() ([]Found, error) // looks anew; nil: nobody joins

	mu    sync.Mutex // guards what follows: a rung and the wait run side by side
	all   []Found
	last  unix.Signal // that was sent to all
	looks int
}

// NewGroup takes over the processes found. again, if not nil, finds all that
// belong to the group at a later moment.
func NewGroup(found []Found, again func() ([]Found, error)) *Group {
	return &Group{again: again, all: found}
}

// Close lets go of the processes; nothing happens to them.
func (g *Group) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	Release(g.all)
	g.all = nil
}

// All are those that belong to it, those that ended included.
func (g *Group) All() []Found {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.all)
}

// meantToEnd are signals that are sent to be rid of a process, so that one which
// was born meanwhile is to have it too.
func meantToEnd(sig unix.Signal) bool {
	return slices.Contains([]unix.Signal{unix.SIGTERM, unix.SIGKILL, unix.SIGINT, unix.SIGQUIT, unix.SIGABRT}, sig)
}

// Signal sends sig to all of them. Those that have ended meanwhile are no error;
// told are those that were reached. With a signal that is meant to end them, those
// that came meanwhile get it too; grows says that more kept coming.
func (g *Group) Signal(sig unix.Signal) (told []Found, grows bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = sig
	told, err = g.send(g.all, sig)
	if g.again == nil || !meantToEnd(sig) {
		return told, false, err
	}
	for range maxLooks {
		fresh, lookErr := g.join()
		if lookErr != nil || len(fresh) == 0 {
			return told, false, errors.Join(err, lookErr)
		}
		more, moreErr := g.send(fresh, sig)
		told, err = append(told, more...), errors.Join(err, moreErr)
	}
	return told, true, err
}

func (g *Group) send(to []Found, sig unix.Signal) (told []Found, err error) {
	var errs []error
	for _, f := range to {
		switch err := f.Signal(sig); {
		case err == nil:
			told = append(told, f)
		case errors.Is(err, pidfile.ErrGone):
		case errors.Is(err, unix.EPERM):
			errs = append(errs, &Error{Status: statusRefused, Hint: "try as root", Err: err, Msg: fmt.Sprintf("cannot signal %s: not permitted", f)})
		default:
			errs = append(errs, err)
		}
	}
	return told, errors.Join(errs...)
}

// join looks anew, and takes in who was not there.
func (g *Group) join() (fresh []Found, err error) {
	found, err := g.again()
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if slices.ContainsFunc(g.all, f.same) {
			f.Close()
			continue
		}
		fresh = append(fresh, f)
	}
	g.all = append(g.all, fresh...)
	return fresh, nil
}

// same reports whether two are one process. While one that is held has not been
// reaped its number is nobody else's, so that inode or start time decide.
func (f Found) same(other Found) bool {
	a, b := f.Identity(), other.Identity()
	return a.Pid == b.Pid && a.StartTicks == b.StartTicks && a.Inode == b.Inode
}

// Hears refuses a signal that would do something else to one of them than have
// it act: end it, as it has no handler, or nothing, as it ignores it.
func (g *Group) Hears(sig unix.Signal) error {
	var errs []error
	for _, f := range g.All() {
		s, err := statusOf(f.Process)
		switch {
		case errors.Is(err, pidfile.ErrGone):
		case err != nil:
			errs = append(errs, err)
		case s.ignores(sig):
			errs = append(errs, deaf(f, sig, "it ignores it"))
		case !s.hears(sig):
			errs = append(errs, deaf(f, sig, "it has no handler for it, which may end it"))
		}
	}
	return errors.Join(errs...)
}

func deaf(f Found, sig unix.Signal, why string) error {
	return &Error{Status: statusRefused, Hint: "nothing was signalled; restart the service, or wait until it is up",
		Msg: fmt.Sprintf("cannot have %s reload by %s: %s", f, SignalName(sig), why)}
}

// Stopped are those that a signal or a debugger has stopped: they hear signals
// only when they go on.
func (g *Group) Stopped() (stopped []Found) {
	for _, f := range g.All() {
		if yes, err := f.Stopped(); err == nil && yes {
			stopped = append(stopped, f)
		}
	}
	return stopped
}

// End takes the rungs of s, which are signals, in order until all have ended.
func (g *Group) End(ctx context.Context, s shutdown.Schedule, watch shutdown.Watcher) (shutdown.Record, error) {
	return shutdown.Run(ctx, s, target{g}, watch)
}

// target is a group that is brought down.
type target struct{ *Group }

// Wait returns once all have ended and nobody has joined them meanwhile.
func (t target) Wait(ctx context.Context) error {
	for {
		for _, f := range t.All() {
			if err := f.Wait(ctx); err != nil {
				return err
			}
		}
		if more, err := t.joined(); !more || err != nil {
			return err
		}
	}
}

// joined looks for some that were born meanwhile, and sends them what the others
// had.
func (t target) joined() (more bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.again == nil || t.last == 0 {
		return false, nil
	}
	if t.looks++; t.looks > maxLooks {
		return false, errGrows
	}
	fresh, err := t.join()
	if err != nil || len(fresh) == 0 {
		return false, err
	}
	_, err = t.send(fresh, t.last)
	return true, err
}

var errGrows = errors.New("more of them keep coming: something starts them anew")

// Rung sends a signal. One that is stopped would not hear it, so it goes on.
func (t target) Rung(verb string) shutdown.Rung {
	_, sig, err := shutdown.ParseSignal(verb)
	if err != nil {
		return nil
	}
	return func(_ context.Context, note func(string)) error {
		_, grows, err := t.Signal(sig)
		if err == nil && grows {
			err = errGrows
		}
		if err != nil || sig == unix.SIGKILL || sig == unix.SIGSTOP || sig == unix.SIGTSTP || sig == unix.SIGCONT {
			return err
		}
		if stopped := t.Stopped(); len(stopped) > 0 {
			note("it was stopped, and goes on")
			_, err = t.send(stopped, unix.SIGCONT)
		}
		return err
	}
}

func (t target) Verdict(verb string) shutdown.Verdict {
	if verb == "KILL" {
		return shutdown.Forced
	}
	return shutdown.Graceful
}
