package pid1

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Halt asks p, the PID 1 of a container, to shut down and power off. It waits
// until the request can be heard, sends it, and returns when it was taken or p
// has ended; how long that takes ctx says. note is told what an admin should
// know. The error wraps ErrDeaf when p cannot be asked, pidfile.ErrGone when it
// ended before it was.
func Halt(ctx context.Context, p *pidfile.Process, o Options, note func(string)) error {
	return ask(ctx, p, halt, o, note)
}

// Reboot is Halt for a restart.
func Reboot(ctx context.Context, p *pidfile.Process, o Options, note func(string)) error {
	return ask(ctx, p, reboot, o, note)
}

// Await returns when a Halt with the same options could be heard, which is when
// an init can be called up. There is nothing to wait for in a program that is no
// init, nor in an init that does not listen to the signal configured.
func Await(ctx context.Context, p *pidfile.Process, o Options) error {
	a := asking{Options: o, p: p, want: halt, ready: true}
	_, err := a.await(ctx)
	if errors.Is(err, ErrDeaf) && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot wait for PID 1: %w", err)
	}
	return nil
}

// asking is one request to one process.
type asking struct {
	Options
	p     *pidfile.Process
	want  want
	ready bool // not to be sent: whoever asks wants to know that it could be
	note  func(string)

	last Init      // as it was seen before
	born time.Time // when it became that, at the latest
	mark mark      // of runit
}

// request is a way that was found open.
type request struct {
	way
	to Init
}

const (
	// programGrace is how long after its start a program may still install a
	// handler.
	programGrace = 2 * time.Second
	// bootGrace is how long a start script may take to execute the real init,
	// and how long inits are asked again that take requests before they can act
	// on them.
	bootGrace = 10 * time.Second
	// takeTime is what PID 1 may need to read a request before that is worth a
	// note.
	takeTime = 2 * time.Second
	// againTime is how often a request is repeated that may have been forgotten.
	againTime = time.Second
)

// No event tells that a process changed its signal handlers, executed another
// program or took a signal: it is looked at, ever more slowly, while its pidfd
// tells of its end.
const (
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond
)

func ask(ctx context.Context, p *pidfile.Process, w want, o Options, note func(string)) error {
	a := asking{Options: o, p: p, want: w, note: note}
	if err := a.ask(ctx); err != nil {
		return fmt.Errorf("cannot ask PID 1 to %s: %w", w, err)
	}
	return nil
}

func (a *asking) ask(ctx context.Context) error {
	if a.p.Pid() == 1 {
		return &pidfile.RefusedError{Pid: 1, Why: "it is PID 1 of this machine"}
	}
	const programs = 8 // that one boot leads through
	for n := range programs {
		r, err := a.await(ctx)
		if err == nil {
			err = a.send(&r)
		}
		if err != nil && n > 0 {
			return unlessGone(err)
		}
		if err != nil {
			return err
		}
		other, err := a.follow(ctx, r)
		if err != nil || !other {
			return unlessGone(err)
		}
		a.note("PID 1 executed another program after it was asked; asked that one too")
	}
	return nil // it has heard enough
}

// await returns a request that will be heard.
func (a *asking) await(ctx context.Context) (request, error) {
	for pace := firstPause; ; pace = min(2*pace, lastPause) {
		i, err := a.look()
		if err != nil {
			return request{}, err
		}
		r, deaf, err := a.find(i)
		if err != nil {
			return request{}, err
		}
		if deaf == nil {
			return r, nil
		}
		if a.settled(i) {
			return request{}, deaf
		}
		if err := a.pause(ctx, pace); err != nil {
			if ctx.Err() != nil {
				err = fmt.Errorf("%w: %w", deaf, err)
			}
			return request{}, err
		}
	}
}

// find says how i is asked, or why it would not hear that now: deaf wraps
// ErrDeaf.
func (a *asking) find(i Init) (r request, deaf, err error) {
	if i.Kind == Launcher {
		return request{}, fmt.Errorf("%w: it was not executed yet", ErrDeaf), nil
	}
	if a.ready && i.Boots() && isShell(i.hints) && !i.status.caught.has(unix.SIGTERM) {
		// What it catches is a shell's own, and the init that it will execute hears
		// something else.
		return request{}, fmt.Errorf("%w: it is a start script", ErrDeaf), nil
	}
	w, deaf := choose(i, a.want, a.Options)
	switch {
	case deaf != nil:
		return request{}, deaf, nil
	case w.fifo != 0:
		deaf, err = a.initctlDeaf(i)
	case !i.hears(w.signal):
		deaf = fmt.Errorf("%w: %s does not listen to %s", ErrDeaf, i.name(), signalName(w.signal))
	case w.marks && a.forgetful():
		deaf = fmt.Errorf("%w: runit is not in stage 2 and would forget it", ErrDeaf)
	}
	return request{w, i}, deaf, err
}

// forgetful reports whether runit is in a stage in which it forgets requests.
// What runs in stage 2 is known by the usual names only; without one of these it
// gets the time that a boot takes.
func (a *asking) forgetful() bool {
	switch stageOf(a.p) {
	case stage2:
		return false
	case stageEarlier:
		return true
	}
	return time.Since(a.born) < bootGrace
}

// settled reports whether i will not hear more than it hears now. An init does
// while it boots, unless there is nothing that it could hear, or it listens to
// its own signal already and just not to the one configured.
func (a *asking) settled(i Init) bool {
	age := time.Since(a.born)
	switch {
	case i.Kind == Launcher:
		return false
	case i.Kind == Application && i.own() && startsOut(i.hints):
		return age > bootGrace
	case i.Kind == Application:
		return a.ready || age > programGrace
	}
	w, never := choose(i, a.want, Options{})
	if a.Signal == 0 {
		return never != nil
	}
	return age > programGrace && (never != nil || w.fifo != 0 || i.hears(w.signal))
}

func (a *asking) send(r *request) error {
	if r.fifo != 0 {
		return a.writeInitctl(r.to, r.fifo)
	}
	if r.marks {
		m, err := setMarks(a.p, r.to, a.want)
		switch {
		case err == nil:
			a.mark = m
		case a.want == halt && r.to.status.caught.has(unix.SIGPWR):
			// Debian's runit powers off on this one; others may.
			a.note(err.Error() + "; sent SIGPWR instead")
			r.way = way{signal: unix.SIGPWR}
		default:
			return err
		}
	}
	return a.p.Signal(r.signal)
}

// follow waits until the request was taken. It reports whether p became another
// program meanwhile, which was not asked.
func (a *asking) follow(ctx context.Context, r request) (other bool, err error) {
	began, told := time.Now(), false
	for pace, sent := firstPause, began; ; pace = min(2*pace, lastPause) {
		if err := a.pause(ctx, pace); err != nil {
			return false, err
		}
		i, err := a.look()
		if err != nil {
			return false, err
		}
		if !i.sameProgram(r.to) {
			return true, nil
		}
		taken, err := a.taken(i, r)
		if err != nil {
			return false, err
		}
		if taken && !a.early(i) {
			return false, nil
		}
		if !taken && !told && time.Since(began) > takeTime {
			told = true
			a.note(fmt.Sprintf("PID 1 did not take %s yet", r.way))
			if !r.marks {
				return false, nil
			}
		}
		if (r.marks || taken && customs[i.Kind].forgets) && time.Since(sent) > againTime {
			sent = time.Now()
			if err := a.p.Signal(r.signal); err != nil {
				return false, err
			}
		}
	}
}

// early reports whether a request that was taken may be lost yet: init forgets
// it, or is a script that will execute the real one.
func (a *asking) early(i Init) bool {
	may := customs[i.Kind].forgets || i.Kind == Application && i.own() && startsOut(i.hints)
	return may && time.Since(a.born) < bootGrace
}

// taken reports whether PID 1 has read the request.
func (a *asking) taken(i Init, r request) (bool, error) {
	switch {
	case r.fifo != 0:
		return a.initctlEmpty(i)
	case r.marks:
		return a.mark.taken(a.p)
	}
	return !i.status.pending.has(r.signal), nil
}

// unlessGone: the end of PID 1 is what was wanted, and at the end of ctx the
// request stays made.
func unlessGone(err error) error {
	if errors.Is(err, pidfile.ErrGone) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
