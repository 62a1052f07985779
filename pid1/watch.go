package pid1

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// look identifies p and keeps track of since when it is what it is.
func (a *asking) look() (Init, error) {
	i, err := Look(a.p)
	if err != nil {
		return Init{}, err
	}
	switch {
	case a.last.Kind == "":
		a.born = startOf(a.p)
	case !i.sameProgram(a.last):
		a.born = time.Now()
	}
	a.last = i
	return i, nil
}

// startOf is when a process began. Clock ticks are hundredths of a second on
// every Linux that Go runs on (proc_pid_stat(5), time(7)).
func startOf(p *pidfile.Process) time.Time {
	const tick = 10 * time.Millisecond
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return time.Now()
	}
	age := time.Duration(up.Nano()) - time.Duration(p.Identity().StartTicks)*tick
	return time.Now().Add(-age)
}

// pause waits for d. It returns pidfile.ErrGone when p ends first, ctx's error
// when that does.
func (a *asking) pause(ctx context.Context, d time.Duration) error {
	short, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	switch err := a.p.Wait(short); {
	case err == nil:
		return pidfile.ErrGone
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil
	default:
		return err
	}
}
