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

// crowd puts into words what happens to many guests at the same time: a line
// for each as it is done with, and on a terminal one below for those that are
// under way.
type crowd struct {
	e        *env
	deadline time.Time // zero: none

	mu    sync.Mutex // guards the output and what follows
	under []*member  // in the order in which they began
	timer *time.Timer
}

// member is one guest of a crowd, as its Progress.
type member struct {
	crowd *crowd
	name  guest.Name
	rung  string // that it is at, guarded by crowd.mu
	pid   int
	fresh bool

	unready bool // it was not ready in time

	asking func() // called once, before the guest is asked to end; nil: nothing
}

// enter begins with one guest; leave must follow.
func (c *crowd) enter(n guest.Name) *member {
	m := &member{crowd: c, name: n}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.under = append(c.under, m)
	c.show()
	return m
}

// leave prints the last word on a guest.
func (m *member) leave(say func()) {
	c := m.crowd
	c.say(func() {
		for i, other := range c.under {
			if other == m {
				c.under = append(c.under[:i:i], c.under[i+1:]...)
				break
			}
		}
		say()
	})
}

// say prints above the line of those under way.
func (c *crowd) say(print func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.e.out.transient("")
	print()
	c.show()
}

// show writes that line, and again every second. c.mu is held.
func (c *crowd) show() {
	if !c.e.out.live {
		return
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	if len(c.under) == 0 {
		c.e.out.transient("")
		return
	}
	c.e.out.transient(c.e.out.cut(c.line()))
	c.timer = time.AfterFunc(time.Second, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.show()
	})
}

// line is "  3 to go, 40 s left: qemu.db (acpi), lxc.web (halt), …".
func (c *crowd) line() string {
	var names []string
	wide := 0
	for _, m := range c.under {
		if c.e.out.width > 0 && wide > c.e.out.width {
			break // the rest is cut away
		}
		text := m.name.String()
		if m.rung != "" {
			text += " (" + m.rung + ")"
		}
		names = append(names, text)
		wide += len(text)
	}
	left := ""
	if !c.deadline.IsZero() {
		left = fmt.Sprintf(", %.0f s left", math.Max(0, math.Ceil(time.Until(c.deadline).Seconds())))
	}
	return fmt.Sprintf("  %d under way%s: %s", len(c.under), left, strings.Join(names, ", "))
}

func (m *member) Say(text string) {
	m.crowd.say(func() { m.crowd.e.out.info(line(fmt.Sprintf("  %s: %s", m.name, text))) })
}

func (m *member) Warn(err error) { m.crowd.say(func() { m.crowd.e.out.warn(err) }) }

func (m *member) Started(pid int, fresh bool, _ time.Duration) { m.pid, m.fresh = pid, fresh }

// Rung is shown while it lasts; how each one went, the record will say.
func (m *member) Rung(ev shutdown.Event) {
	if asking := m.asking; asking != nil {
		m.asking = nil
		asking()
	}
	m.crowd.mu.Lock()
	defer m.crowd.mu.Unlock()
	if m.rung = ev.Step.Verb; ev.Outcome != nil {
		m.rung = ""
	}
	m.crowd.show()
}

func (m *member) Unready(why error) {
	m.unready = true
	m.Warn(why)
}
