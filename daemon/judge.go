package daemon

import (
	"errors"
	"fmt"
	"strings"

	"github.com/guestrc/guestrc/pidfile"
)

// judge weighs what is known of the process.
func (c *claim) judge(at *place, p *pidfile.Process, locked bool) (Found, error) {
	f, err := c.want.examine(p)
	if err != nil {
		return Found{}, err
	}
	if at.root != nil && !below(p, at.root) {
		return Found{}, c.refused(insideHint, otherSystem(at.root))
	}
	var never *pidfile.RefusedError
	if err := p.Signal(0); errors.As(err, &never) {
		f.no = append(f.no, never.Why)
	} else if errors.Is(err, pidfile.ErrGone) {
		return Found{}, err
	}
	m, err := momentsOf(p, at.file, &at.stat)
	if err != nil {
		return Found{}, err
	}
	when, words := m.compare()
	switch {
	case locked && when != after: // else the lock's taker may be gone (see pidfile.Holder)
		f.yes, when = append([]string{"it locks the pidfile"}, f.yes...), before
	case when != before && p.KeepsOpen(at.file):
		f.yes, when = append([]string{"it has the pidfile open"}, f.yes...), before
	case when == before:
		f.yes = append([]string{words}, f.yes...)
	}
	hint := fmt.Sprintf(lookHint, f.p.Pid())
	if !at.hands.mayName(f.status) && !(f.program && when != untold && at.hands.rootWrote()) {
		if len(f.no) == 0 {
			hint = at.hands.remedy(c.want)
		}
		f.no = append(f.no, fmt.Sprintf("it belongs to %s, and who may write the pidfile may name only what is his own (%s)",
			userName(f.status.uids[0]), strings.Join(at.hands.where, ", ")))
	}
	return c.verdict(f, when, words, hint)
}

func (c *claim) verdict(f facts, when order, words, hint string) (Found, error) {
	pid := f.p.Pid()
	is := fmt.Sprintf("process %d (%s)", pid, f.name)
	switch {
	case when == after && !(f.program && len(f.no) == 0):
		return Found{}, c.absent(fmt.Sprintf("the number is another process's now: %s is not it, as %s", is, words), nil)
	case len(f.no) > 0:
		return Found{}, c.refused(hint, is+" is not believed: "+strings.Join(f.no, "; "))
	case when == after:
		return Found{}, c.refused(fmt.Sprintf("if ps -fp %d shows the daemon, the clock was set since it started: touch %s, and try again", pid, c.path),
			fmt.Sprintf("%s runs %s, but %s", is, c.want.Exe, words))
	case when == untold && !f.program:
		return Found{}, c.refused("say what it runs: --exec PATH", fmt.Sprintf("%s may be it, but %s", is, words))
	case when == untold:
		f.yes = append(f.yes, words)
	}
	return Found{Process: f.p, Name: f.name, Why: f.yes}, nil
}

// below reports whether the process has that root.
func below(p *pidfile.Process, root *inner) bool {
	st, err := p.StatProc("root")
	return err == nil && uint64(st.Dev) == root.dev && st.Ino == root.ino
}
