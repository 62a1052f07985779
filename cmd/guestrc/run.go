package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// runGuest is "run": the guest lives as long as this process, and that as long
// as its caller.
func runGuest(ctx context.Context, e *env, args []string) error {
	names, err := e.guestNames(args)
	if err != nil {
		return err
	}
	ephemeral, _ := e.flags.GetBool("ephemeral")
	service, _ := e.flags.GetBool("service")
	if ephemeral && service {
		return usage("cannot run a service so that its writes are forgotten", "leave out --service or --ephemeral")
	}
	ctx, release := withCaller(ctx)
	defer release()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if service {
		return e.runService(ctx, names[0])
	}
	return e.runPrivately(ctx, names[0], ephemeral)
}

// errCaller is why everything ends: nobody is left to see it.
var errCaller = errors.New("its caller has ended")

// withCaller ends with the process that started us, too. It is held by a pidfd:
// PR_SET_PDEATHSIG would strike when a mere thread of it ends (prctl(2)). One of
// another pid namespace cannot be watched.
func withCaller(ctx context.Context) (_ context.Context, release func()) {
	ctx, end := context.WithCancelCause(ctx)
	release = func() { end(context.Canceled) }
	number := os.Getppid()
	if number == 0 {
		return ctx, release
	}
	caller, err := pidfile.Capture(number)
	if os.Getppid() != number { // it ended, and we were handed on
		err = errors.Join(pidfile.ErrGone, err)
	}
	if err != nil {
		end(fmt.Errorf("%w, or cannot be watched: %w", errCaller, err))
		return ctx, release
	}
	go func() {
		defer caller.Close()
		if caller.Wait(ctx) == nil {
			end(errCaller)
		}
	}()
	return ctx, release
}

// runPrivately runs n as nobody's service, and leaves nothing of it.
func (e *env) runPrivately(ctx context.Context, n guest.Name, ephemeral bool) (err error) {
	if err := e.notAService(ctx, n); err != nil {
		return err
	}
	if _, err := e.house.Configure(ctx, n, &mute{}); err != nil {
		return err
	}
	places, err := e.newPlaces(ephemeral)
	if err != nil {
		return err
	}
	guard, err := e.startGuard(n, places)
	if err != nil {
		return err
	}
	e.house.Layout.Run, e.house.Scratch = places.run, places.scratch
	if err = places.make(); err == nil {
		err = e.attend(ctx, n)
	}
	// If it cannot be brought down here, or not be cleared up, it is the guard's.
	if still := new(stillThereError); errors.As(err, &still) {
		return errors.Join(err, guard.abandon())
	}
	if _, still := e.house.Stop(context.WithoutCancel(ctx), n, &mute{&progress{e: e, name: n}}); still != nil {
		return errors.Join(err, still, guard.abandon())
	}
	return errors.Join(err, places.remove(), guard.dismiss())
}

// notAService refuses a guest that runs as a service, or may.
func (e *env) notAService(ctx context.Context, n guest.Name) error {
	st, err := e.house.Status(ctx, n, false)
	if err != nil {
		return err
	}
	switch st.Code {
	case guest.StateStopped, guest.StateCrashed:
		return nil
	}
	refused := &guest.Error{Status: guest.StatusRefused, Msg: fmt.Sprintf("cannot run %s: it is %s already", n, st.State), Hint: "guestrc stop " + n.String()}
	if st.Message != "" {
		refused.Err = errors.New(st.Message)
	}
	return refused
}

// places are the directories of one private run, which have names of their own.
type places struct {
	run     string // guest.Layout.Run
	scratch string // what an ephemeral guest writes; empty: nothing is forgotten
}

// newPlaces names them. Sockets have short paths, so that of the run is a short
// one; what a guest writes may be more than fits into memory.
func (e *env) newPlaces(ephemeral bool) (places, error) {
	base := e.house.Layout.PrivateBase()
	if os.Geteuid() != 0 {
		dir := e.getenv("XDG_RUNTIME_DIR")
		if !filepath.IsAbs(dir) {
			return places{}, &guest.Error{Status: guest.StatusRefused, Msg: "cannot run a guest: there is no directory for its state", Hint: "run as root, or set XDG_RUNTIME_DIR"}
		}
		base = filepath.Join(dir, "guestrc-run")
	}
	var random [8]byte
	if _, err := unix.Getrandom(random[:], 0); err != nil {
		return places{}, fmt.Errorf("cannot name a directory for the guest's state: %w", os.NewSyscallError("getrandom", err))
	}
	id := fmt.Sprintf("%010x", binary.NativeEndian.Uint64(random[:])>>24)
	p := places{run: filepath.Join(base, id)}
	if ephemeral {
		tmp := e.getenv("TMPDIR")
		if !filepath.IsAbs(tmp) {
			tmp = "/var/tmp"
		}
		p.scratch = filepath.Join(tmp, "guestrc-run-"+id)
	}
	return p, nil
}

// make makes them. A guest's user passes through to its sockets, and its root
// to what it writes; nobody else has a way of knowing their names.
func (p places) make() error {
	if err := os.MkdirAll(filepath.Dir(p.run), 0o711); err != nil {
		return fmt.Errorf("cannot make room for the state: %w", err)
	}
	for _, dir := range []string{p.run, p.scratch} {
		if dir == "" {
			continue
		}
		if err := os.Mkdir(dir, 0o711); err != nil {
			return fmt.Errorf("cannot make room for the guest: %w", err)
		}
	}
	return nil
}

func (p places) remove() error {
	errs := []error{os.RemoveAll(p.run)}
	if p.scratch != "" {
		errs = append(errs, os.RemoveAll(p.scratch))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot remove what was kept of the run: %w", err)
	}
	return nil
}

// stillThereError says that the guest did not even end by KILL.
type stillThereError struct{ error }

func (e *stillThereError) Unwrap() error { return e.error }

// attend starts n, waits for its end, and brings it down when ctx ends.
func (e *env) attend(ctx context.Context, n guest.Name) error {
	urgent := urgency(ctx)
	began := e.now()
	p := e.progress(n, "Starting")
	if err := e.house.Start(ctx, n, &attended{p}); err != nil {
		if context.Cause(ctx) == nil {
			return err
		}
		return e.endOfRun(ctx, n, urgent, err)
	}
	e.notify.Up("running")
	p.done(fmt.Sprintf("%s is up after %s (pid %d)", n, seconds(e.now().Sub(began)), p.pid))
	end, err := e.house.Watch(ctx, n)
	if err != nil {
		return e.endOfRun(ctx, n, urgent, nil)
	}
	return e.ended(n, end)
}

// ended tells how a guest ended that we did not stop.
func (e *env) ended(n guest.Name, end guest.End) error {
	switch end.How {
	case guest.Crashed:
		return &guest.Error{Status: guest.StatusFailed, Msg: n.String() + " crashed", Err: errors.New(end.Why), Hint: "see " + e.house.Layout.LogFile(n)}
	case guest.Told:
		e.out.info(fmt.Sprintf("%s was stopped by another command", n))
	default:
		e.out.info(fmt.Sprintf("%s: %s", n, end.Why))
	}
	e.notify.Status("stopped")
	return nil
}

// endOfRun brings n down by its schedule, and at once when it is urgent or the
// schedule does not help. Of a start that was called off it returns why.
func (e *env) endOfRun(ctx context.Context, n guest.Name, urgent <-chan struct{}, failed error) error {
	if why := context.Cause(ctx); errors.Is(why, errCaller) {
		e.out.info(fmt.Sprintf("%s comes down: %v", n, why))
	}
	ctx = context.WithoutCancel(ctx)
	patient, hurry := context.WithCancel(ctx)
	defer hurry()
	go func() {
		select {
		case <-urgent:
			hurry()
		case <-patient.Done():
		}
	}()
	p := e.progress(n, "Stopping")
	record, err := e.house.Stop(patient, n, p)
	if err != nil {
		p.clear()
		e.out.warn(err)
		if record, err = e.house.Kill(ctx, n, p); err != nil {
			return &stillThereError{err}
		}
	}
	if record == nil {
		return failed
	}
	if err := e.stopped(p, record, nil); err != nil || !record.Stop.Forced {
		return err
	}
	return silent(guest.StatusFailed)
}

// impatience is what lies between two signals that are not one and the same
// wish: a terminal that is closed sends SIGHUP, and so does its shell.
const impatience = time.Second

// urgency tells of a Ctrl-C that comes when the guest is asked to end already.
func urgency(ctx context.Context) <-chan struct{} {
	urgent := make(chan struct{})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, heard(unix.SIGINT)...)
	go func() {
		<-ctx.Done()
		asked := time.Now()
		for range signals {
			if time.Since(asked) > impatience {
				close(urgent)
				return
			}
		}
	}()
	return urgent
}

// mute is the progress of what is done again, and told then.
type mute struct{ guest.Progress }

func (*mute) Warn(error) {}

// attended is the progress of a start whose unit, if there is one, is our own
// process and stays it.
type attended struct{ *progress }

func (a *attended) Started(pid int, fresh bool, patience time.Duration) {
	a.pid, a.fresh = pid, fresh
	a.e.notify.Extend(patience)
}
