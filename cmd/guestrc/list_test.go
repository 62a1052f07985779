package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
)

var someTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)

func TestRowsOfTheList(t *testing.T) {
	worst := shutdown.Duration(85 * time.Second)
	last := &guest.StopRecord{Text: "down in 3.1 s by acpi"}
	for want, st := range map[string]guest.Status{
		"qemu.a|stopped|-|-|-|-|-|-|-|":                      {Guest: "qemu.a", State: guest.Stopped},
		"qemu.a|stopped|-|-|-|-|-|-|-|down in 3.1 s by acpi": {Guest: "qemu.a", State: guest.Stopped, StartedAt: someTime, LastStop: last},
		"qemu.a|running|2026-11-21 12:00|7|-|0.3|35M|acpi|1m25s|": {Guest: "qemu.a", State: guest.Running, PID: 7, StartedAt: someTime,
			Condition: &guest.Condition{State: guest.Running}, Usage: &guest.Usage{Percent: 0.3, Memory: 35 << 20}, Rung: "acpi", Worst: &worst, LastStop: last},
		"qemu.a|running|-|7|paused|-|-|agent|∞|": {Guest: "qemu.a", State: guest.Running, PID: 7,
			Condition: &guest.Condition{State: "paused"}, Rung: "agent"},
		"qemu.a|running|-|7|unknown|-|-|quit|∞|QEMU hangs": {Guest: "qemu.a", State: guest.Running, PID: 7, Rung: "quit",
			Condition: &guest.Condition{State: guest.Unknown, Why: "QEMU hangs"}},
		"lxc.a|running|-|7|systemd, Debian|-|-|halt|∞|a\uFFFD b": {Guest: "lxc.a", State: guest.Running, PID: 7, Rung: "halt", Message: "a\x1b\nb",
			Condition: &guest.Condition{State: guest.Running, Init: "systemd", OS: "Debian"}},
		"net.br0|running|-|-|-|-|-|-|-|1 plugged in": {Guest: "net.br0", State: guest.Running, Message: "1 plugged in"},
	} {
		if diff := cmp.Diff(want, strings.Join(listRow(st), "|")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Figures change all the time: a list is not another for that.
func TestWhatCountsAsAChange(t *testing.T) {
	was := []guest.Status{{Guest: "qemu.a", State: guest.Running, PID: 7, Usage: &guest.Usage{Percent: 1, Memory: 2}, Condition: &guest.Condition{State: "running"}}}
	changed := func(change func(*guest.Status)) bool {
		is := []guest.Status{was[0]}
		change(&is[0])
		return !unchanged(was, is)
	}
	if changed(func(st *guest.Status) { st.Usage = &guest.Usage{Percent: 50} }) {
		t.Error("figures count")
	}
	for name, change := range map[string]func(*guest.Status){
		"the state":     func(st *guest.Status) { st.State = guest.Crashed },
		"another run":   func(st *guest.Status) { st.PID++ },
		"the condition": func(st *guest.Status) { st.Condition = &guest.Condition{State: "paused"} },
		"the schedule":  func(st *guest.Status) { st.Rung = "quit" },
	} {
		if !changed(change) {
			t.Error(name + " does not count")
		}
	}
	if unchanged(was, nil) {
		t.Error("that a guest is gone does not count")
	}
}

// What a guest says of itself is in JSON as it is, and does nothing to a terminal.
func TestJSONOnATerminal(t *testing.T) {
	const said = "\x1b[31m \x7f \u009b31m \u202e \U000e0041 ü 漢"
	var out strings.Builder
	e := &env{stdout: &out}
	if err := e.printJSON([]guest.Condition{{OS: said}}); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); clean(text) != text || !strings.Contains(text, "ü 漢") {
		t.Errorf("%q", text)
	}
	var back []guest.Condition
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back[0].OS != said {
		t.Errorf("%+q, %v", back, err)
	}
}

// However many monitors hang, they hang at the same time, and the others do not
// wait for them.
func TestThoseWhoHangDoSoTogether(t *testing.T) {
	names := make([]guest.Name, 200)
	began := time.Now()
	all := together(names, func(guest.Name) guest.Status {
		<-time.After(inspectTime)
		return guest.Status{State: guest.Running}
	})
	if took := time.Since(began); took > inspectTime+time.Second {
		t.Errorf("200 of them took %v", took)
	}
	for _, st := range all {
		if st.State != guest.Running {
			t.Fatal("one was left out")
		}
	}
}
