package explain

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/shutdown"
)

func schedule(t *testing.T, text string) shutdown.Schedule {
	t.Helper()
	s, err := shutdown.Parse(text, "agent", "acpi", "quit", "halt", "exec")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stopped is a stop with the results of rungs, such as "acpi ignored".
func stopped(rungs ...string) history.Entry {
	r := &shutdown.Record{}
	for _, text := range rungs {
		verb, result, _ := strings.Cut(text, " ")
		o := shutdown.Outcome{Verb: verb, Result: shutdown.Result(result), Took: shutdown.Duration(3 * time.Second)}
		if result == "cut" {
			o.Result, o.Cut = shutdown.Ignored, shutdown.Duration(time.Minute)
		}
		if o.Result == shutdown.Failed {
			o.Error = errors.New("no route to host").Error()
		}
		r.Rungs = append(r.Rungs, o)
	}
	return history.Entry{Event: history.Stop, Stop: r}
}

func TestVerdict(t *testing.T) {
	absent := guest.Reason{Rung: "agent", Severity: guest.Bad, Text: "no agent"}
	cut := guest.Reason{Rung: "quit", Severity: guest.Forced, Text: "a power cut"}
	cases := []struct {
		name    string
		facts   Facts
		running bool
		want    string
	}{
		{"it has always worked", Facts{Seen: []guest.Reason{absent, cut}, Past: []history.Entry{stopped("agent absent", "acpi down")}}, true,
			"good: would stop cleanly by acpi"},
		{"nobody heard the button", Facts{Seen: []guest.Reason{absent, cut}, Past: []history.Entry{stopped("acpi ignored", "quit down"), stopped("acpi ignored", "quit down")}}, true,
			"bad: would be forced down by quit after 1m10s at most"},
		{"nothing is known of the button", Facts{Seen: []guest.Reason{absent, cut}}, true,
			"doubtful: may stop cleanly by acpi, or else would be forced down by quit after 1m10s at most"},
		{"an agent is there", Facts{Seen: []guest.Reason{{Rung: "agent", Severity: guest.Good}, cut}}, true, "good: would stop cleanly by agent"},
		{"now and then", Facts{Seen: []guest.Reason{absent, cut}, Past: []history.Entry{stopped("acpi ignored"), stopped("acpi down")}}, true,
			"doubtful: may stop cleanly by acpi, or else would be forced down by quit after 1m10s at most"},
		{"what it is now counts more than what was", Facts{Seen: []guest.Reason{absent, cut, {Rung: "acpi", Severity: guest.Bad}}, Past: []history.Entry{stopped("acpi down")}}, true,
			"bad: would be forced down by quit after 1m10s at most"},
		{"it does not run", Facts{Seen: []guest.Reason{cut}}, false, "doubtful: may stop cleanly by agent or acpi: more can be told while it runs"},
		{"old stops do not count", Facts{Seen: []guest.Reason{absent, cut}, Past: []history.Entry{stopped("acpi ignored"),
			stopped("acpi down"), stopped("acpi down"), stopped("acpi down"), stopped("acpi down"), stopped("acpi down")}}, true, "good: would stop cleanly by acpi"},
		{"it had no time to hear the button", Facts{Seen: []guest.Reason{absent, cut}, Past: []history.Entry{stopped("acpi cut")}}, true,
			"doubtful: may stop cleanly by acpi, or else would be forced down by quit after 1m10s at most"},
		{"it is past being asked", Facts{Seen: []guest.Reason{{Severity: guest.Forced, Text: "it has panicked"}, cut}, Past: []history.Entry{stopped("acpi down")}}, true,
			"forced: it has panicked"},
		{"nobody listens but the kernel", Facts{Seen: []guest.Reason{{Severity: guest.Bad, Text: "QEMU hangs"}, cut}, Past: []history.Entry{stopped("acpi down")}}, true,
			"bad: would be forced down by KILL after 1m20s at most"},
		{"somebody is in the way", Facts{Seen: []guest.Reason{{Severity: guest.Doubtful, Text: "the monitor is busy"}, absent, cut}, Past: []history.Entry{stopped("acpi down")}}, true,
			"doubtful: may stop cleanly by acpi, or else would be forced down by quit after 1m10s at most"},
		{"the time that others give is another matter", Facts{Seen: []guest.Reason{absent, cut}, Past: []history.Entry{stopped("acpi down")}, Budget: time.Second}, true,
			"good: would stop cleanly by acpi"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.facts.Schedule = schedule(t, "agent/10/acpi/60/quit/10/KILL/5")
			severity, text := c.facts.Verdict(c.running)
			if got := severity + ": " + text; got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// What becomes of a guest that hears nothing is what its schedule ends in.
func TestWhoHearsNothing(t *testing.T) {
	for text, want := range map[string]string{
		"acpi/60/forever":        "would stay up",
		"acpi/60":                "would stay up",
		"acpi/60/TERM/9/forever": "would be forced down by TERM after 1m0s at most",
		"KILL/5":                 "would be forced down by KILL at once",
	} {
		f := Facts{Schedule: schedule(t, text), Seen: []guest.Reason{{Rung: "acpi", Severity: guest.Bad, Text: "no ACPI"}, {Rung: "TERM", Severity: guest.Forced}}}
		if severity, text := f.Verdict(true); severity != guest.Bad || text != want {
			t.Errorf("%s: %s, want %s", severity, text, want)
		}
	}
}

func TestLimitsAreTold(t *testing.T) {
	f := Facts{Schedule: schedule(t, "acpi/600/KILL/5"), Unit: 2 * time.Minute, Budget: 90 * time.Second, Battery: 30 * time.Second}
	var text strings.Builder
	for _, r := range f.Reasons() {
		text.WriteString(r.Text + "\n")
	}
	for _, want := range []string{"TimeoutStopSec is 2m0s", "host_shutdown_budget is 1m30s", "host_shutdown_budget_battery is 30s", "it becomes acpi/25/KILL/5"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	f = Facts{Schedule: schedule(t, "acpi/60/KILL/5"), Unit: 2 * time.Minute, Budget: 90 * time.Second}
	if r := f.Reasons(); len(r) > 0 {
		t.Errorf("what fits is told: %+v", r)
	}
	f = Facts{Schedule: schedule(t, "acpi/60/forever"), Unit: 2 * time.Minute}
	for _, budget := range []time.Duration{0, 30 * time.Second} {
		f.Budget = budget
		for _, r := range f.Reasons() {
			if !strings.HasPrefix(r.Text, "its schedule waits for ever") {
				t.Errorf("one that waits for ever: %+v", r)
			}
		}
		if n := len(f.Reasons()); n != 2 {
			t.Errorf("%d reasons with a budget of %v", n, budget)
		}
	}
	f = Facts{Schedule: schedule(t, "acpi/60")}
	if r := f.Reasons(); len(r) != 1 || r[0].Hint != "KILL/5 at the end" {
		t.Errorf("a schedule without KILL: %+v", r)
	}
}

func TestReasonsComeInTheOrderOfTheRungs(t *testing.T) {
	f := Facts{Schedule: schedule(t, "agent/10/acpi/60/quit/10/KILL/5"), Past: []history.Entry{stopped("agent failed", "acpi down")},
		Seen: []guest.Reason{{Rung: "quit", Severity: guest.Forced, Text: "c"}, {Text: "all"}, {Rung: "agent", Text: "a"}}}
	f.Past = append(f.Past, stopped("quit down"))
	var rungs []string
	for _, r := range f.Reasons() {
		rungs = append(rungs, r.Rung)
	}
	if got := strings.Join(rungs, " "); got != " agent agent acpi quit" {
		t.Errorf("order %q", got)
	}
	if r := f.Reasons()[2]; !strings.HasSuffix(r.Text, "no route to host") {
		t.Errorf("why the agent failed is not told: %+v", r)
	}
}
