package qemu

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/qemu/qmp"
	"github.com/guestrc/guestrc/shutdown"
)

// Explain foresees the rungs of a guest. The guest itself is asked nothing:
// QEMU knows whether somebody in it has the agent's channel open. Whether
// anybody hears the power button cannot be seen, only remembered (history).
func (m *Machine) Explain(ctx context.Context, p *pidfile.Process) []guest.Reason {
	reasons := m.explainFiles()
	if p == nil {
		return reasons
	}
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	if stopped, err := p.Stopped(); err == nil && stopped {
		return append(reasons, guest.Reason{Severity: guest.Good, Text: "QEMU is stopped by a signal or a debugger; a stop continues it first",
			Hint: "what can be asked only of a QEMU that runs is not told here"})
	}
	c, err := m.dial(ctx, p)
	if err != nil {
		return append(reasons, m.explainMonitor(err)...)
	}
	defer c.Close()
	reasons = append(reasons, explainState(ctx, c)...)
	if m.has("agent") && m.Sockets.Agent != "" {
		reasons = append(reasons, explainAgent(ctx, c))
	}
	return reasons
}

func (m *Machine) has(verb string) bool {
	for _, step := range m.Schedule {
		if step.Verb == verb {
			return true
		}
	}
	return false
}

// explainFiles is what the configuration alone tells.
func (m *Machine) explainFiles() (reasons []guest.Reason) {
	if m.has("ssh") {
		r := guest.Reason{Rung: "ssh", Severity: guest.Good, Text: fmt.Sprintf("would run %s as %s", m.Stop.SSHCommand, m.Stop.SSHTarget)}
		if _, err := exec.LookPath("ssh"); err != nil {
			r.Severity, r.Text, r.Hint = guest.Bad, "the program ssh is not there", "install the OpenSSH client"
		}
		reasons = append(reasons, r)
	}
	for _, step := range m.Schedule {
		_, _, err := shutdown.ParseSignal(step.Verb)
		switch {
		case step.Verb == "quit":
			reasons = append(reasons, guest.Reason{Rung: "quit", Severity: guest.Forced, Text: "for the guest it is a power cut; what QEMU has of its disks is written first"})
		case err == nil && step.Verb != "KILL":
			reasons = append(reasons, guest.Reason{Rung: step.Verb, Severity: guest.Forced, Text: "a signal is for QEMU: for the guest it is a power cut"})
		}
	}
	if m.has("agent") && m.Sockets.Agent == "" {
		reasons = append(reasons, guest.Reason{Rung: "agent", Severity: guest.Bad, Text: "the guest has no channel for an agent", Hint: "agent=\"yes\", then restart it"})
	}
	if m.has("acpi") && m.withoutACPI() {
		reasons = append(reasons, guest.Reason{Rung: "acpi", Severity: guest.Bad, Text: "its machine has no ACPI, and with it no power button", Hint: "take -no-acpi and acpi=off out"})
	}
	return reasons
}

// withoutACPI looks at the command line, which a recalled machine does not have.
func (m *Machine) withoutACPI() bool {
	return slices.ContainsFunc(m.Args, func(arg string) bool {
		return arg == "-no-acpi" || slices.Contains(strings.Split(arg, ","), "acpi=off")
	})
}

// explainMonitor is for a QEMU that does not answer: all but signals go that way.
func (m *Machine) explainMonitor(err error) []guest.Reason {
	r := guest.Reason{Severity: guest.Bad, Text: m.unheard(err)}
	switch {
	case errors.Is(err, qmp.ErrBusy):
		r.Severity = guest.Doubtful
		r.Text += ": acpi and quit wait for it within their time, and may wait in vain"
		r.Hint = "fuser -v " + m.Sockets.QMP + "; there is a second monitor for people"
	case errors.Is(err, qmp.ErrSilent):
		r.Text += ": only signals will end it"
		r.Hint = "its storage may hang: look at the host's kernel messages"
	}
	return []guest.Reason{r}
}

// states are what a stop does first for a guest in each run state (enum
// RunState of qapi/run-state.json).
var states = map[string]string{
	"paused":         "it is paused; a stop resumes it first",
	"suspended":      "it is asleep; a stop wakes it first",
	"io-error":       "it is paused for a failed disk; a stop resumes it first, and the disk may fail again",
	"guest-panicked": "it has panicked: there is nobody left to ask, and QEMU is told to quit",
	"internal-error": "its CPU cannot go on: QEMU is told to quit",
	"shutdown":       "it is off, and only QEMU is left, which is told to quit",
	"prelaunch":      "it never ran: QEMU is told to quit",
}

func explainState(ctx context.Context, c *qmp.Client) []guest.Reason {
	state, err := runState(ctx, c.Execute)
	if err != nil {
		return []guest.Reason{{Severity: guest.Doubtful, Text: "QEMU does not tell how the guest is: " + err.Error()}}
	}
	if state == "running" && halted(ctx, c.Execute) {
		return []guest.Reason{{Severity: guest.Forced, Text: "its kernel has halted without powering off: QEMU is told to quit",
			Hint: "in the guest: poweroff, not halt"}}
	}
	if text, ok := states[state]; ok {
		severity := guest.Good
		switch state {
		case "io-error":
			severity = guest.Doubtful
		case "guest-panicked", "internal-error", "shutdown", "prelaunch": // no rung is taken
			severity = guest.Forced
		}
		return []guest.Reason{{Severity: severity, Text: text}}
	}
	return nil
}

func explainAgent(ctx context.Context, c *qmp.Client) guest.Reason {
	var chardevs []chardev
	if err := c.Execute(ctx, "query-chardev", nil, &chardevs); err != nil {
		return guest.Reason{Rung: "agent", Severity: guest.Doubtful, Text: "QEMU does not tell whether an agent is there: " + err.Error()}
	}
	for _, dev := range chardevs {
		switch {
		case dev.Label != agentChardev:
		case dev.Open:
			return guest.Reason{Rung: "agent", Severity: guest.Good, Text: "a program in the guest has the agent's channel open"}
		default:
			return guest.Reason{Rung: "agent", Severity: guest.Bad, Text: "no agent is there: no program in the guest has its channel open",
				Hint: "in the guest, install and start qemu-guest-agent; the rung costs no time without it"}
		}
	}
	return guest.Reason{Rung: "agent", Severity: guest.Doubtful, Text: "whether an agent is there cannot be seen: its channel was not made by guestrc"}
}
