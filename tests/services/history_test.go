package services

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/history"
)

// history is what became of a guest, the events and causes of which are wanted.
func (h *host) history(name string, want ...string) []history.Entry {
	h.t.Helper()
	out := h.machine().Must(h.ctx, "guestrc", "history", "--json", name)
	var report struct {
		Guests []struct{ Entries []history.Entry }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Guests) != 1 {
		h.t.Fatalf("history: %v: %s", err, out)
	}
	var got []string
	for _, e := range report.Guests[0].Entries {
		got = append(got, strings.TrimSpace(e.Event+" "+e.Cause))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		h.t.Fatalf("history of %s: %q, want %q\n%s", name, got, want, out)
	}
	return report.Guests[0].Entries
}

// Under systemd a crash is told when it happens, with the exit status; under
// OpenRC it is noticed by the next look. Either way an end is told once, and what
// the service's own stop has told is not told again.
func TestHistoryTellsHowGuestsEnded(t *testing.T) {
	ready := map[string]string{"qemu": `ready="monitor"`, "lxc": `ready="running"`}
	byRung := map[string]string{"qemu": "stop guest-shutdown", "lxc": "stop poweroff"}
	for _, init := range []string{"openrc", "systemd"} {
		eachUnder(t, init, func(t *testing.T, h *host) {
			own := h.leaving(h, "a")
			h.mustStart(own)
			h.eventually(own, stopped)
			if e := h.history(own, "start", "end guest")[1]; e.Crashed || e.About {
				t.Errorf("its own end: %+v", e)
			}
			h.mustStart(own)

			name := h.plain(h, "b")
			h.mustStart(name)
			h.mustStop(name)
			h.history(name, "start", byRung[h.kind()])

			killed := h.plain(h, "c", ready[h.kind()])
			h.mustStart(killed)
			h.kill9(killed)
			h.eventually(killed, crashed)
			e := h.history(killed, "start", "end crash")[1]
			if told := e.Exit != nil && e.Exit.Signal == unix.SIGKILL && !e.About; told != (init == "systemd") {
				t.Errorf("a crash: %+v", e)
			}
			h.mustStart(killed)
			h.must("kill", killed)
		})
	}
}
