package shutdown

import (
	"context"
	"errors"
	"fmt"
	"math"
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

// Event is the beginning of a rung (Outcome is nil) or its end. Step.Wait is the
// time that it gets. A rung that is skipped only has an end.
type Event struct {
	Step     Step
	Deadline time.Time // of the rung; zero when it waits forever, or is skipped
	Outcome  *Outcome
}

// settle is how long an end may lag behind a rung that reports a fault: QEMU
// closes its monitor some 8 ms before its process is gone, and an end in that
// gap belongs to the rung that caused it.
const settle = 100 * time.Millisecond

// Run takes the rungs of s in order until t is gone. The error is that of ctx,
// or nil; a target that outlived every rung is told by Record.Down.
func Run(ctx context.Context, s Schedule, t Target, watch Watcher) (Record, error) {
	return RunUntil(ctx, s, time.Time{}, t, watch)
}

// RunUntil is Run by a deadline; zero is none. Where the time is short, rungs
// get less than their own: each leaves some seconds to every later one, and a
// rung that there is no time for is skipped. The last one is KILL then, even if
// s has none, and has up to 2 s beyond the deadline. Time that a rung leaves,
// because it is absent or fails, goes to the later ones.
func RunUntil(ctx context.Context, s Schedule, deadline time.Time, t Target, watch Watcher) (Record, error) {
	if watch == nil {
		watch = func(Event) {}
	}
	began := time.Now()
	if !deadline.IsZero() {
		deadline = began.Add(deadline.Sub(began)) // the clock may be set meanwhile
	}
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	gone, lost, stopWaiting := await(ctx, t, giveUp)
	defer stopWaiting()

	c := climber{t, gone, watch, deadline, deadline.Sub(began)}
	var record Record
	short := false // the deadline kept a rung from ending it
	for i := 0; i < len(s) || i == len(s) && short && !s.endsInKill(); i++ {
		select {
		case <-gone: // ended before this rung was asked for
			record.endByItself(began, t)
			return record, nil
		default:
		}
		outcome, cut := c.take(ctx, s[i:])
		record.Rungs = append(record.Rungs, outcome)
		short = short || cut
		if outcome.Result == Down {
			record.end(began, outcome.Verb, t.Verdict(outcome.Verb))
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

// await closes gone when t is. When that cannot be told, lost has the reason,
// and giveUp is called.
func await(ctx context.Context, t Target, giveUp func()) (gone <-chan struct{}, lost <-chan error, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended, waited, failed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(waited)
		switch err := t.Wait(ctx); {
		case err == nil:
			close(ended)
		case ctx.Err() == nil:
			failed <- fmt.Errorf("cannot wait for the end: %w", err)
			giveUp()
		}
	}()
	return ended, failed, func() { cancel(); <-waited }
}

// climber is what all rungs of one stop have in common.
type climber struct {
	t        Target
	gone     <-chan struct{}
	watch    Watcher
	deadline time.Time     // zero: none
	all      time.Duration // until the deadline, at first
}

// take gives the first rung of s its time, and climbs or skips it. An empty s
// is the last resort. short: with more time it might have ended the target.
func (c *climber) take(ctx context.Context, s Schedule) (o Outcome, short bool) {
	left := time.Duration(math.MaxInt64)
	if !c.deadline.IsZero() {
		left = time.Until(c.deadline)
	}
	if len(s) == 0 {
		s = lastResort(left)
	}
	step := Step{s[0].Verb, s.share(left, c.all)}
	cut := step.Wait < s[0].Wait
	if step.Wait > 0 {
		o = climb(ctx, step, c.t.Rung(step.Verb), c.gone, c.watch)
	} else {
		o = Outcome{Verb: step.Verb, Result: Skipped}
	}
	if cut && step.Verb != Forever {
		o.Cut = Duration(s[0].Wait)
	}
	c.watch(Event{Step: step, Outcome: &o})
	return o, cut && time.Duration(o.Took) >= step.Wait
}

// climb takes one rung: act, then wait until the target is gone, the rung
// reports a fault, or the time is over.
func climb(ctx context.Context, step Step, rung Rung, gone <-chan struct{}, watch Watcher) Outcome {
	began := time.Now()
	event := Event{Step: step}
	var cancel context.CancelFunc
	if step.Wait == math.MaxInt64 {
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
			case <-ctx.Done():
				return finish(Failed, err)
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
