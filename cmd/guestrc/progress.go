package main

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
)

// progress puts what happens to one guest into words, for people and for
// systemd. It is told from one goroutine; the countdown has its own.
type progress struct {
	e     *env
	name  guest.Name
	pid   int
	fresh bool // this start made the process

	unready bool // it was not ready in time

	asking func() // called once, before the guest is asked to end

	mu    sync.Mutex // guards the terminal line
	timer *time.Timer
}

func (e *env) progress(n guest.Name, doing string) *progress {
	e.out.info(fmt.Sprintf("%s %s ...", doing, n))
	e.notify.Status(doing)
	return &progress{e: e, name: n}
}

func (p *progress) Say(text string) { p.e.out.info("  " + line(text)) }
func (p *progress) Warn(err error)  { p.e.out.warn(err) }

func (p *progress) Started(pid int, fresh bool, patience time.Duration) {
	p.pid, p.fresh = pid, fresh
	p.e.notify.MainPID(pid)
	p.e.notify.Extend(patience)
}

// Rung shows a countdown while a rung waits on a terminal, and a line for each
// rung that did not help.
func (p *progress) Rung(ev shutdown.Event) {
	p.clear()
	if asking := p.asking; asking != nil {
		p.asking = nil
		asking()
	}
	if ev.Outcome == nil {
		p.e.notify.Status("asked by " + ev.Step.Verb)
		p.e.notify.Extend(ev.Step.Wait)
		p.countdown(ev.Step.Verb, ev.Deadline)
		return
	}
	if o := ev.Outcome; o.Result != shutdown.Down {
		text := fmt.Sprintf("  %s: %s after %s", o.Verb, o.Result, o.Took)
		if o.Result == shutdown.Skipped {
			text = fmt.Sprintf("  %s: no time is left for it", o.Verb)
		}
		if o.Error != "" {
			text += ": " + strings.TrimPrefix(o.Error, shutdown.ErrAbsent.Error()+": ")
		}
		p.e.out.info(line(text))
	}
}

// countdown rewrites one line every second until clear.
func (p *progress) countdown(verb string, deadline time.Time) {
	if !p.e.out.live {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	began := p.e.now()
	show := func() {
		left := fmt.Sprintf("%.0f s left", math.Ceil(time.Until(deadline).Seconds()))
		if deadline.IsZero() {
			left = fmt.Sprintf("for %.0f s", time.Since(began).Seconds())
		}
		p.e.out.transient(fmt.Sprintf("  %s: waiting, %s", verb, left))
	}
	show()
	var tick func()
	tick = func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.timer != nil {
			show()
			p.timer = time.AfterFunc(time.Second, tick)
		}
	}
	p.timer = time.AfterFunc(time.Second, tick)
}

// clear ends the countdown and removes its line.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
		p.e.out.transient("")
	}
}

func (p *progress) done(text string) {
	p.clear()
	p.e.out.info(text)
}

func (p *progress) warned(text string) {
	p.clear()
	p.e.out.warn(fmt.Errorf("%s", text))
}

func seconds(d time.Duration) string { return shutdown.Duration(d).String() }

// Unready is worth a warning, and no more: slow is not broken.
func (p *progress) Unready(why error) {
	p.unready = true
	p.Warn(why)
}
