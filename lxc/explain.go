package lxc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// Explain foresees the rungs of a running container: what its init is, which
// signal it hears, whether it may power off, and whether a command inside could
// reach the host.
func (c *Container) Explain(ctx context.Context, p *pidfile.Process) []guest.Reason {
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	find, monitor := c.init, []guest.Reason(nil)
	if stopped, err := p.Stopped(); err == nil && stopped { // and answers nobody
		find = func(context.Context, *pidfile.Process) (*pidfile.Process, error) { return c.childOf(p) }
		monitor = []guest.Reason{{Severity: guest.Good, Text: "LXC's monitor is stopped by a signal; a stop continues it first"}}
	}
	init, err := find(ctx, p)
	if err != nil {
		return append(monitor, guest.Reason{Severity: guest.Doubtful, Text: "its init cannot be looked at: " + err.Error()})
	}
	defer init.Close()
	reasons := append(monitor, c.explainState(init)...)
	for _, step := range c.Schedule {
		switch step.Verb {
		case "halt":
			reasons = append(reasons, c.explainHalt(init)...)
		case "exec":
			reasons = append(reasons, c.explainExec(init))
		case "KILL", shutdown.Forever:
		default:
			reasons = append(reasons, explainSignal(init, step.Verb))
		}
	}
	return reasons
}

func (c *Container) explainState(init *pidfile.Process) (reasons []guest.Reason) {
	if slices.ContainsFunc(c.payload(init), frozen) {
		reasons = append(reasons, guest.Reason{Severity: guest.Good, Text: "it is frozen; a stop thaws it first"})
	}
	if stopped, err := init.Stopped(); err == nil && stopped {
		reasons = append(reasons, guest.Reason{Severity: guest.Good, Text: "its init is stopped by a signal; a stop continues it first"})
	}
	return reasons
}

func (c *Container) explainHalt(init *pidfile.Process) []guest.Reason {
	o, err := pid1.Foresee(init, pid1.Options{Signal: unix.Signal(c.Stop.Halt)})
	one := func(severity, text, hint string) []guest.Reason {
		return []guest.Reason{{Rung: "halt", Severity: severity, Text: text, Hint: hint}}
	}
	switch {
	case errors.Is(err, pid1.ErrDeaf):
		return one(guest.Bad, err.Error(), "lxc.signal.halt names a signal that it handles; or take the rung out of stop_schedule")
	case err != nil:
		return one(guest.Doubtful, err.Error(), "")
	}
	who := fmt.Sprintf("PID 1 is %s", o.Init.Kind)
	if o.Init.Kind == pid1.Application {
		who = fmt.Sprintf("PID 1 is %s, no init that is known", o.Init.Exe)
	}
	switch {
	case !o.Hears && c.Stop.Halt != 0:
		return one(guest.Bad, fmt.Sprintf("%s, and does not hear the configured %s", who, o.By), "take lxc.signal.halt or POWEROFF_SIGNAL out: a signal that it hears is found")
	case !o.Hears:
		return one(guest.Bad, fmt.Sprintf("%s, and does not hear %s now", who, o.By), "it may still be starting; or it ignores the signal")
	case o.Init.System() && !o.Init.MayReboot():
		return one(guest.Doubtful, fmt.Sprintf("%s and hears %s, but has no CAP_SYS_BOOT to power off with: it is ended when nothing but init is left", who, o.By),
			"let lxc.cap.drop keep sys_boot: in a container it can only end the container")
	case o.Init.Kind == pid1.Application:
		return one(guest.Doubtful, fmt.Sprintf("%s; it has a handler for %s, whatever that does", who, o.By), "")
	case !o.Known:
		return one(guest.Doubtful, fmt.Sprintf("%s; it hears %s, which is not known to bring it down", who, o.By), "take lxc.signal.halt or POWEROFF_SIGNAL out: its own way is found")
	}
	return one(guest.Good, fmt.Sprintf("%s and hears %s", who, o.By), "")
}

func (c *Container) explainExec(init *pidfile.Process) guest.Reason {
	r := guest.Reason{Rung: "exec", Severity: guest.Good}
	argv := c.Stop.Exec
	is, err := pid1.Look(init)
	if len(argv) == 0 && err == nil {
		argv = is.Command()
	}
	reach := reachesHost(init)
	switch {
	case len(argv) == 0:
		r.Severity, r.Text = guest.Doubtful, "no shutdown command is known for what PID 1 is"
		r.Hint = "exec_command=\"…\" names one"
	case errors.Is(reach, errReaches):
		r.Severity, r.Text = guest.Bad, "it is refused: "+reach.Error()
		r.Hint = "give the container namespaces and a /run of its own"
	case reach != nil:
		r.Severity, r.Text = guest.Doubtful, reach.Error()
	default:
		r.Text = "would run " + strings.Join(argv, " ") + " inside"
		switch {
		case len(c.Stop.Exec) > 0:
			r.Severity, r.Text = guest.Doubtful, r.Text+", whatever that does"
		case !is.MayReboot():
			r.Severity, r.Text = guest.Doubtful, r.Text+", but init has no CAP_SYS_BOOT to power off with"
		}
	}
	return r
}

func explainSignal(init *pidfile.Process, verb string) guest.Reason {
	r := guest.Reason{Rung: verb, Severity: guest.Good, Text: "init has a handler for it"}
	var o pid1.Outlook
	_, sig, err := shutdown.ParseSignal(verb)
	if err == nil {
		o, err = pid1.Foresee(init, pid1.Options{Signal: sig})
	}
	switch {
	case err != nil:
		r.Severity, r.Text = guest.Doubtful, err.Error()
	case !o.Hears:
		r.Severity, r.Text = guest.Bad, "init does not hear it"
	case o.Init.System() && !o.Known:
		r.Severity, r.Text = guest.Doubtful, fmt.Sprintf("PID 1 is %s; it hears it, but is not known to go down by it", o.Init.Kind)
	}
	return r
}
