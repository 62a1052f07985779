package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/need"
)

func TestStatusInWords(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)
	const when = "2026-11-21 12:00:00"
	cases := []struct {
		st   guest.Status
		want string
	}{
		{guest.Status{State: guest.Stopped}, "qemu.db: stopped"},
		{guest.Status{State: guest.Stopped, LastStop: &guest.StopRecord{At: at, Text: "down in 3.1 s by acpi", Cause: "guest-shutdown"}},
			"qemu.db: stopped; last stop " + when + ": down in 3.1 s by acpi [guest-shutdown]"},
		{guest.Status{State: guest.Running, PID: 7, StartedAt: at, Condition: &guest.Condition{State: "running"}, LastStop: &guest.StopRecord{Text: "long ago"}},
			"qemu.db: running (pid 7, since " + when + ")"},
		{guest.Status{State: guest.Running, PID: 7, Condition: &guest.Condition{State: "paused"}},
			"qemu.db: running (pid 7), guest paused"},
		{guest.Status{State: guest.Running, PID: 7, Condition: &guest.Condition{State: "unknown", Why: "the monitor does not answer"}},
			"qemu.db: running (pid 7), guest unknown: the monitor does not answer"},
		{guest.Status{State: guest.Crashed, Message: "its process died"}, "qemu.db: crashed: its process died"},
		{guest.Status{State: guest.Stopped, Message: "it ended by itself", LastStop: &guest.StopRecord{At: at, Text: "it ended by itself", Own: true, Cause: guest.CauseGuest}},
			"qemu.db: stopped (by the guest, " + when + ")"},
		{guest.Status{State: guest.Stopped, Message: "it ended by itself", LastStop: &guest.StopRecord{At: at, Own: true, About: true, Cause: guest.CauseGuest}},
			"qemu.db: stopped (by the guest, before " + when + ")"},
		{guest.Status{State: guest.Stopped, Message: "it was ended by signal 15 from pid 3 (sh)", LastStop: &guest.StopRecord{At: at, Own: true, Cause: "host-signal"}},
			"qemu.db: stopped (" + when + "): it was ended by signal 15 from pid 3 (sh)"},
		{guest.Status{State: guest.Crashed, Message: "its process died: killed by SIGSEGV", End: &guest.EndRecord{At: at, Crashed: true}, LastStop: &guest.StopRecord{Own: true}},
			"qemu.db: crashed (" + when + "): its process died: killed by SIGSEGV"},
		{guest.Status{State: guest.Stopped, Message: "it ended by itself", LastStop: &guest.StopRecord{At: at, Text: "down in 3.1 s by acpi"}},
			"qemu.db: stopped: it ended by itself; last stop " + when + ": down in 3.1 s by acpi"},
	}
	for _, c := range cases {
		c.st.Guest = "qemu.db"
		if diff := cmp.Diff(c.want, describe(c.st)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestShellsReadBackWhatPlanPrints hands quoted arguments to real shells.
func TestShellsReadBackWhatPlanPrints(t *testing.T) {
	args := []string{"plain", "", " ", "two words", "it's", "''", `back\slash`, `"double"`, "$HOME", "`id`", "$(id)", "a\nb", "*", "~", "a,b=c:d/e",
		"-opt", "--", "!", "ü", "#", ";", "&", "|", "<", ">", "(", "{a,b}", "%s"}
	need.Programs(t, "dash", "bash", "busybox")
	for _, shell := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}} {
		var quoted []string
		for _, arg := range args {
			quoted = append(quoted, shellQuote(arg))
		}
		script := "printf '<%s>\\n' " + strings.Join(quoted, " \\\n    ")
		got := strings.Join(output(t, nil, append(shell, "-c", script)...), "\n")
		if diff := cmp.Diff("<"+strings.Join(args, ">\n<")+">", got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", shell, diff)
		}
	}
}
