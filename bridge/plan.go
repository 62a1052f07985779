package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// step is one change that the kernel makes as a whole.
type step struct {
	what string                      // that was done, for whoever asked; none when it completes another step
	task string                      // what cannot be done when it fails
	do   func(context.Context) error // nil: something is only told, or prepared for undo
	undo func() error                // nil: there is nothing to take back
}

// plan is the way from how things are to how they are to be.
type plan struct {
	spec  Spec
	now   *state
	index int // of the bridge, once it is there
	steps []step

	ports  []netlink.Link // those of the spec
	giving []netlink.Link // ports whose addresses and routes become the bridge's
	bare   []netlink.Link // end up without addresses: giving, and NoAddresses
}

func (p *plan) add(s step) { p.steps = append(p.steps, s) }

// whats are what is to be told of the plan.
func whats(steps []step) (told []string) {
	for _, s := range steps {
		if s.what != "" {
			told = append(told, s.what)
		}
	}
	return told
}

// run takes all steps, or takes back those that it took.
func (p *plan) run(ctx context.Context) (changes []string, err error) {
	done, err := p.take(ctx, nil)
	return whats(done), err
}

// take takes all steps after those that are done, or takes all back. What
// somebody else did at the same time is neither told nor taken back.
func (p *plan) take(ctx context.Context, done []step) ([]step, error) {
	for _, s := range p.steps {
		err := ctx.Err()
		if err == nil && s.do != nil {
			err = s.do(ctx)
		}
		if errors.Is(err, errAlready) {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cannot %s: %w", s.task, err), undo(done))
		}
		done = append(done, s)
	}
	return done, nil
}

// errAlready says that what was to be added is there, or that what was to be
// removed is not.
var errAlready = errors.New("somebody else did")

// unless gives the kernel's word for that.
func unless(word unix.Errno, err error) error {
	if errors.Is(err, word) {
		return errAlready
	}
	return err
}

func undo(done []step) error {
	var errs []error
	for _, s := range slices.Backward(done) {
		if s.undo == nil {
			continue
		}
		if err := s.undo(); err != nil && !errors.Is(err, errAlready) {
			errs = append(errs, fmt.Errorf("cannot take back what it took to %s: %w", s.task, err))
		}
	}
	return errors.Join(errs...)
}
