package guests

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// explained is what explain tells of one guest.
type explained struct {
	Severity, Text string
	Reasons        []guest.Reason
}

func (w *world) explain(name string) explained {
	w.t.Helper()
	r := w.must("explain", "--json", name)
	var report struct{ Guests []explained }
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || len(report.Guests) != 1 {
		w.t.Fatalf("explain --json: %v: %s", err, r)
	}
	return report.Guests[0]
}

// explains wants this verdict, and these reasons among others, each as its rung,
// its severity and a part of its text.
func (w *world) explains(name, verdict string, reasons ...string) {
	w.t.Helper()
	e := w.explain(name)
	if got := e.Severity + ": " + e.Text; got != verdict {
		w.t.Errorf("%s\ngot  %s\nwant %s", name, got, verdict)
	}
	for _, want := range reasons {
		rung, rest, _ := strings.Cut(want, " ")
		severity, text, _ := strings.Cut(rest, " ")
		found := false
		for _, r := range e.Reasons {
			found = found || r.Rung == rung && r.Severity == severity && strings.Contains(r.Text, text)
		}
		if !found {
			w.t.Errorf("%s: %q is not among %+v", name, want, e.Reasons)
		}
	}
}

// With an agent: whatever state the guest is in, the agent ends it; unless
// somebody else has the monitor.
func TestExplainOfAGuestWithAnAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.guest("qemu.ga", agentGuest(t), tinyguest.StartAgent, `agent="yes"`, `ready="agent"`)
	w.hostConf(`host_shutdown_budget="20"`)
	const short = " doubtful its schedule takes up to 1m25s, host_shutdown_budget is 20s: when the host goes down it becomes agent/"
	w.explains(name, "doubtful: may stop cleanly by agent or acpi: more can be told while it runs", short)
	w.must("start", name)
	w.explains(name, "good: would stop cleanly by agent", short, "agent good has the agent's channel open", "quit forced power cut")
	w.must("freeze", name)
	w.explains(name, "good: would stop cleanly by agent", " good it is paused; a stop resumes it first")
	w.must("thaw", name)
	held := w.hold(filepath.Join(w.sock(name), "qmp"))
	w.explains(name, "doubtful: may stop cleanly by agent or acpi, or else would be forced down by quit after 1m10s at most",
		" doubtful another client has the monitor")
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	w.must("stop", name)
	w.ended(name, "agent")
	w.explains(name, "good: would stop cleanly by agent", "agent good it ended the guest at the last stop")
}

// Without: nobody can see who listens to the power button, but what became of it
// is remembered.
func TestExplainOfAGuestThatIgnoresTheButton(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	img := image(t, tinyguest.Options{})
	name := w.guest("qemu.deaf", img, "gr.acpi=ignore", `stop_schedule="agent/2/acpi/3/quit/10/KILL/5"`, `agent="yes"`)
	w.must("start", name)
	w.explains(name, "doubtful: may stop cleanly by acpi, or else would be forced down by quit after 5s at most", "agent bad no agent is there")
	w.must("stop", "--all", "--budget", "4")
	if cut := w.status(name).LastStop.Stop.Rungs[1].Cut; cut == 0 {
		t.Fatal("the budget left the button all of its time")
	}
	w.must("start", name)
	w.explains(name, "doubtful: may stop cleanly by acpi, or else would be forced down by quit after 5s at most",
		"acpi doubtful it was cut short at the last stop")
	w.must("stop", name)
	w.ended(name, "quit")
	w.must("start", name)
	w.explains(name, "bad: would be forced down by quit after 5s at most", "acpi bad the guest ignored it at the last stop")
	for schedule, reason := range map[string]string{"acpi/1": " doubtful does not end in KILL", "acpi/1/forever": " doubtful waits for ever"} {
		w.guest(name, img, "", `stop_schedule="`+schedule+`"`)
		w.explains(name, "bad: would stay up", reason)
	}
	w.guest(name, img, "", `stop_schedule="acpi/1"`)
	if r := w.run("stop", name); r.code != 1 || w.status(name).State != guest.Running {
		t.Errorf("it should have stayed up: %s", r)
	}
	w.must("kill", name)
}

// A guest that is past being asked is told as such, and so it is stopped.
func TestExplainOfAGuestThatCannotReact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	img := image(t, tinyguest.Options{})
	for name, c := range map[string]struct {
		words, verdict string
		more           []string
	}{
		"qemu.panicked": {words: "gr.boot=panic gr.after=100", more: []string{`extra_args="-device pvpanic -action panic=pause"`},
			verdict: "forced: it has panicked: there is nobody left to ask, and QEMU is told to quit"},
		"qemu.halted": {words: "gr.boot=halt gr.after=100",
			verdict: "forced: its kernel has halted without powering off: QEMU is told to quit"},
		"qemu.before": {more: []string{`ready="monitor"`, `extra_args="-S"`},
			verdict: "forced: it never ran: QEMU is told to quit"},
	} {
		name = w.guest(name, img, c.words, c.more...)
		w.must("start", name)
		deadline := time.Now().Add(time.Minute)
		for w.explain(name).Severity != guest.Forced && time.Now().Before(deadline) {
		}
		w.explains(name, c.verdict)
		w.must("stop", name)
	}
}
