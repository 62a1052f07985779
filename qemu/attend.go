package qemu

import (
	"context"
	"fmt"
	"time"
)

// doublePress lies between the two presses that some guests want.
const doublePress = 500 * time.Millisecond

// A waiting rung looks at the guest when QEMU tells of something, and at
// growing intervals: that a guest halts is the one thing that QEMU never tells.
const (
	leastLook = 100 * time.Millisecond
	firstLook = 250 * time.Millisecond
	restLook  = 4 * time.Second
)

// attend waits on a guest that was asked to go down, until ctx ends. It presses
// the power button again by the policy, when press is not nil; keeps the guest
// able to react; and ends one that is down but not off.
func (t *target) attend(ctx context.Context, note func(string), press func() error) error {
	again, stop := t.presses(press)
	defer stop()
	note = once(note)
	pause := firstLook
	looks := time.NewTimer(pause)
	defer looks.Stop()
	for {
		select {
		case <-ctx.Done():
			t.noteEnd(note)
			return nil
		case <-again:
			if err := press(); err != nil && ctx.Err() == nil {
				// The first press was taken: the guest may be on its way.
				note("cannot press again: " + err.Error())
			}
			continue
		case <-t.stirs:
			looks.Reset(leastLook) // a full disk may stop the guest again at once
			continue
		case <-looks.C:
			pause = min(2*pause, restLook)
			looks.Reset(pause)
		}
		// A look that fails tells nothing: QEMU may just be ending.
		if over, _ := t.look(ctx, note); over != "" {
			note(over)
			return t.quit(ctx, note)
		}
	}
}

// presses ticks when the power button is to be pressed again.
func (t *target) presses(press func() error) (ticks <-chan time.Time, stop func()) {
	resend := t.m.Stop.Resend
	switch {
	case press != nil && resend.Double:
		timer := time.NewTimer(doublePress)
		return timer.C, func() { timer.Stop() }
	case press != nil && resend.Every > 0:
		ticker := time.NewTicker(resend.Every)
		return ticker.C, ticker.Stop
	}
	return nil, func() {}
}

// noteEnd tells of an end that the guest did not mean.
func (t *target) noteEnd(note func(string)) {
	if !t.p.Ended() {
		return
	}
	if death := t.death(); death != "" {
		note(death)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.panicked {
		note(guestPanicked)
	}
}

// once passes on each text one time.
func once(note func(string)) func(string) {
	said := map[string]bool{}
	return func(text string) {
		if !said[text] {
			said[text] = true
			note(text)
		}
	}
}

// ordinal writes 2nd, 3rd, 11th.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}
