package main

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

func TestHistoryInWords(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)
	after := func(d time.Duration) time.Time { return at.Add(d) }
	rung := func(verb string, r shutdown.Result, d time.Duration, err string, notes ...string) shutdown.Outcome {
		return shutdown.Outcome{Verb: verb, Result: r, Took: shutdown.Duration(d), Error: err, Notes: notes}
	}
	stop := func(down bool, rungs ...shutdown.Outcome) *shutdown.Record {
		return &shutdown.Record{Down: down, Rungs: rungs}
	}
	shut := &history.Occasion{What: history.HostShutdown}
	entries := []history.Entry{
		{Event: history.Start, Began: at, Up: after(time.Second), At: after(12300 * time.Millisecond), Ready: true, Fresh: true, PID: 47, BootID: "a"},
		{Event: history.Reset, At: after(time.Minute), BootID: "a"},
		{Event: history.Stop, At: after(2 * time.Minute), Text: "down in 3.1 s by acpi", Cause: "guest-shutdown", BootID: "a",
			Stop: stop(true, rung("acpi", shutdown.Down, time.Second, ""))},
		{Event: history.Start, At: after(3 * time.Minute), Error: "cannot start qemu.db: preflight: no such disk", BootID: "a"},
		{Event: history.Start, Up: at, At: after(4 * time.Minute), Fresh: true, PID: 48, Text: "not ready in time: nobody home", BootID: "a"},
		{Event: history.Start, Up: at, At: after(4 * time.Minute), PID: 48, Ready: true, Began: after(3 * time.Minute), BootID: "a"},
		{Event: history.Stop, At: after(5 * time.Minute), Text: "still running after 75 s: agent absent, acpi ignored", BootID: "a", Occasion: shut,
			Error: "cannot stop", Stop: stop(false, rung("agent", shutdown.Absent, 0, "absent: no agent answers"), rung("acpi", shutdown.Ignored, 75*time.Second, "", "2nd press"))},
		{Event: history.Start, Up: at, At: after(time.Hour), Began: after(time.Hour), Fresh: true, Ready: true, PID: 9, BootID: "b"},
		{Event: history.End, At: after(2 * time.Hour), Text: "its process died: killed by SIGSEGV", Cause: "crash", About: true, Crashed: true, BootID: "b"},
		{Event: history.Start, Up: at, At: after(3 * time.Hour), Began: after(3 * time.Hour), Fresh: true, Ready: true, PID: 10, BootID: "b"},
	}
	want := `2026-11-21 12:00:12  started, ready after 12.3 s (pid 47)
2026-11-21 12:01:00  its reset button was pressed
2026-11-21 12:02:00  down in 3.1 s by acpi [guest-shutdown]
2026-11-21 12:03:00  start failed: preflight: no such disk
2026-11-21 12:04:00  started (pid 48), not ready in time: nobody home
2026-11-21 12:04:00  its start was completed, ready after 60 s (pid 48)
2026-11-21 12:05:00  host shutdown: still running after 75 s: agent absent, acpi ignored
    agent     absent          0 ms  no agent answers
    acpi      ignored         75 s  2nd press
                     the host went down while it ran; nobody saw how it ended
2026-11-21 13:00:00  started, ready after 0 ms (pid 9)
2026-11-21 14:00:00  noticed: its process died: killed by SIGSEGV [crash]
2026-11-21 15:00:00  started, ready after 0 ms (pid 10)
                     the host went down while it ran; nobody saw how it ended`
	for i := range entries {
		entries[i].Guest = "qemu.db"
	}
	if diff := cmp.Diff(want, strings.Join(past{"qemu.db", entries}.lines("c"), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := (past{Guest: "qemu.db"}).lines("c"); len(got) != 1 || got[0] != "qemu.db: nothing has happened yet" {
		t.Errorf("without entries: %q", got)
	}
}

func TestWhatSystemdTellsOfAnEnd(t *testing.T) {
	now := time.Unix(1e9, 0)
	exit := func(e pidfile.ExitStatus) *pidfile.ExitStatus { return &e }
	for _, c := range []struct {
		result, code, status string
		want                 guest.Ending
		fails                bool
	}{
		{"success", "", "", guest.Ending{}, false},
		{"success", "exited", "0", guest.Ending{At: now, Exit: exit(pidfile.ExitStatus{})}, false},
		{"exit-code", "exited", "3", guest.Ending{At: now, Exit: exit(pidfile.ExitStatus{Code: 3})}, false},
		{"signal", "killed", "KILL", guest.Ending{At: now, Exit: exit(pidfile.ExitStatus{Signal: unix.SIGKILL})}, false},
		{"core-dump", "dumped", "SEGV", guest.Ending{At: now, Exit: exit(pidfile.ExitStatus{Signal: unix.SIGSEGV, Core: true})}, false},
		{"oom-kill", "killed", "KILL", guest.Ending{At: now, Cause: "oom-kill", Text: "the kernel, for want of memory", Exit: exit(pidfile.ExitStatus{Signal: unix.SIGKILL})}, false},
		{"timeout", "killed", "KILL", guest.Ending{At: now, Cause: "timeout", Text: "systemd (timeout)", Exit: exit(pidfile.ExitStatus{Signal: unix.SIGKILL})}, false},
		{"signal", "killed", "DANCE", guest.Ending{}, true},
		{"success", "exited", "x", guest.Ending{}, true},
		{"success", "danced", "0", guest.Ending{}, true},
	} {
		env := map[string]string{"SERVICE_RESULT": c.result, "EXIT_CODE": c.code, "EXIT_STATUS": c.status}
		got, err := endingOf(func(name string) string { return env[name] }, now)
		if c.fails {
			if guest.ExitStatus(err) != guest.StatusUsage {
				t.Errorf("%v: %v", env, err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%v: %v\n%s", env, err, diff)
		}
	}
}
