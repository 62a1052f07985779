package shutdown

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrAbsent is returned by a rung that cannot work here (no agent answers, no
// SSH target): the next rung follows at once.
var ErrAbsent = errors.New("absent")

// Rung asks the target to end in one way. Its context ends with the rung's
// time, or as soon as the target is gone. It returns nil when the request was
// delivered and only waiting is left, an error wrapping ErrAbsent when this
// way does not exist, any other error when it failed; after an error the next
// rung follows at once. A rung that repeats itself returns when its context
// ends. note adds to the record, such as "2nd press"; it may be called from
// the rung's own goroutine only.
type Rung func(ctx context.Context, note func(string)) error

// Target is what is brought down.
type Target interface {
	// Wait returns nil once the target is gone, else the context's error.
	Wait(ctx context.Context) error
	// Rung returns how verb acts here, nil when it does not exist.
	Rung(verb string) Rung
	// Verdict judges the end of a target that went during the rung verb.
	Verdict(verb string) Verdict
}

// Verdict is whose doing an end was.
type Verdict int

// The verdicts.
const (
	Graceful Verdict = iota // the target ended itself, as it was asked to
	Forced                  // it was ended, and had no part in it
	Died                    // it ended of something else while it was asked
)

// Watcher is told what happens, in order, from one goroutine. Nil is allowed.
type Watcher func(Event)

// Event is the beginning of a rung (Outcome is nil) or its end.
type Event struct {
	Step     Step
	Deadline time.Time // of the rung; zero when it waits forever
	Outcome  *Outcome
}

// settle is how long an end may lag behind a rung that reports a fault: QEMU
// closes its monitor some 8 ms before its process is gone, and an end in that
// gap belongs to the rung that caused it.
const settle = 100 * time.Millisecond

// Run takes the rungs of s in order until t is gone. The error is that of ctx,
// or nil; a target that outlived every rung is told by Record.Down.
func Run(ctx context.Context, s Schedule, t Target, watch Watcher) (Record, error) {
	if watch == nil {
		watch = func(Event) {}
	}
	began := time.Now()
	var record Record

	ctx, cancelAll := context.WithCancel(ctx)
	defer cancelAll()
	waitCtx, stopWaiting := context.WithCancel(ctx)
	gone, waited := make(chan struct{}), make(chan struct{})
	lost := make(chan error, 1)
	go func() {
		defer close(waited)
		switch err := t.Wait(waitCtx); {
		case err == nil:
			close(gone)
		case waitCtx.Err() == nil:
			lost <- fmt.Errorf("cannot wait for the end: %w", err)
			cancelAll()
		}
	}()
	defer func() { stopWaiting(); <-waited }()

	for _, step := range s {
		select {
		case <-gone: // ended before this rung was asked for
			record.endByItself(began, t)
			return record, nil
		default:
		}
		outcome := climb(ctx, step, t.Rung(step.Verb), gone, watch)
		record.Rungs = append(record.Rungs, outcome)
		watch(Event{Step: step, Outcome: &outcome})
		if outcome.Result == Down {
			record.end(began, step.Verb, t.Verdict(step.Verb))
			return record, nil
		}
		if err := ctx.Err(); err != nil {
			record.Took = Duration(time.Since(began))
			select {
			case err = <-lost:
			default:
			}
			return record, err
		}
	}
	select { // rungs that were all absent took no time
	case <-gone:
		record.endByItself(began, t)
	case <-time.After(settle):
		record.Took = Duration(time.Since(began))
	}
	return record, nil
}

// climb takes one rung: act, then wait until the target is gone, the rung
// reports a fault, or the time is over.
func climb(ctx context.Context, step Step, rung Rung, gone <-chan struct{}, watch Watcher) Outcome {
	began := time.Now()
	event := Event{Step: step}
	var cancel context.CancelFunc
	if step.Verb == Forever {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		event.Deadline = began.Add(step.Wait)
		ctx, cancel = context.WithDeadline(ctx, event.Deadline)
	}
	defer cancel()
	watch(event)

	var notes []string
	acted := make(chan error, 1)
	go func() {
		acted <- act(ctx, step, rung, func(n string) { notes = append(notes, n) })
	}()
	finish := func(result Result, cause error) Outcome {
		cancel()
		if acted != nil {
			<-acted // the rung's goroutine owns notes until it returns
		}
		o := Outcome{Verb: step.Verb, Result: result, Notes: notes, Took: Duration(time.Since(began))}
		if cause != nil {
			o.Error = cause.Error()
		}
		return o
	}
	down := func() Outcome {
		cancel()
		if acted != nil {
			err := <-acted
			acted = nil
			if errors.Is(err, ErrAbsent) {
				return finish(Absent, err) // it had no part in the end
			}
		}
		return finish(Down, nil)
	}
	for {
		select {
		case <-gone:
			return down()
		case <-ctx.Done():
			select {
			case <-gone:
				return down()
			default:
			}
			if context.Cause(ctx) != context.DeadlineExceeded {
				return finish(Interrupted, nil)
			}
			if acted != nil {
				err := <-acted
				acted = nil
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					return finish(Failed, err) // it tried to the end, in vain
				}
			}
			return finish(Ignored, nil)
		case err := <-acted:
			acted = nil
			if err == nil || ctx.Err() != nil {
				continue // delivered: wait on
			}
			if errors.Is(err, ErrAbsent) {
				return finish(Absent, err)
			}
			select {
			case <-gone:
				return down()
			case <-time.After(settle):
				return finish(Failed, err)
			}
		}
	}
}

func act(ctx context.Context, step Step, rung Rung, note func(string)) error {
	switch {
	case step.Verb == Forever:
		return nil
	case rung == nil:
		return ErrAbsent
	}
	return rung(ctx, note)
}
