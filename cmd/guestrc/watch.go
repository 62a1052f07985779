package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/guestrc/guestrc/guest"
)

const (
	// lull is how long a change is given to be followed by others: a start writes
	// its record three times.
	lull = 50 * time.Millisecond

	// glance is when guests are looked at though nothing was told: a guest that
	// was paused, a bridge that went down.
	glance = 10 * time.Second
)

// watch prints the list, and again whenever it is another, until ctx ends.
func (e *env) watch(ctx context.Context) error {
	changes, err := e.house.Changes()
	if err != nil {
		return err
	}
	defer changes.Close()
	s := newScreen(e)
	defer s.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if keys := s.keys(); keys != nil {
		go func() {
			for key := range keys { // until the program ends
				if key == 'q' {
					cancel()
				}
			}
		}()
	}
	var last []guest.Status
	for first := true; ; first = false {
		if err := changes.Renew(); err != nil {
			return err
		}
		all, err := e.survey(ctx, true, s)
		switch {
		case ctx.Err() != nil:
			return nil // somebody has seen enough
		case err != nil:
			return err
		}
		if first || s.live || !unchanged(last, all) {
			if err := e.show(s, all, first); err != nil {
				return err
			}
		}
		last = all
		if err := settleDown(ctx, changes, all, s.resized); err != nil {
			return err
		}
	}
}

// show is one list of many: on a terminal in the place of the last one.
func (e *env) show(s *screen, all []guest.Status, first bool) error {
	switch {
	case e.wantJSON():
		return e.printList(all)
	case s.live:
		s.resize()
		return s.paint(tableOf(all, s.width))
	case !first:
		fmt.Fprintln(e.stdout)
	}
	return e.printLines(tableOf(all, 0))
}

// settleDown waits for a change and the lull after it, for another size of the
// terminal, or for as long as it takes until something may have changed that
// nobody tells of. That ctx ends is no error.
func settleDown(ctx context.Context, changes *guest.Changes, all []guest.Status, resized <-chan os.Signal) error {
	var running []int
	for _, st := range all {
		if st.PID != 0 {
			running = append(running, st.PID)
		}
	}
	waiting, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	go func() {
		select {
		case <-resized:
			cancel()
		case <-waiting.Done():
		}
	}()
	if err := changes.Await(waiting, running); err != nil {
		if waiting.Err() != nil {
			return nil
		}
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(lull):
	}
	return nil
}
