package plot

import (
	"testing"
	"time"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/shutdown"
)

// A rung that was given less than its time has not shown that it does not help.
func TestHowTellsOfRungsThatWereCut(t *testing.T) {
	seconds := func(n time.Duration) shutdown.Duration { return shutdown.Duration(n * time.Second) }
	o := &history.Occasion{ID: "x", What: history.StopAll, Began: zero}
	s, err := Select([]history.Entry{{Guest: "qemu.a", Event: history.Stop, Occasion: o, Began: zero, At: zero.Add(5 * time.Second), Stop: &shutdown.Record{
		Down: true, Forced: true, By: "KILL", Took: seconds(5), Rungs: []shutdown.Outcome{
			{Verb: "agent", Result: shutdown.Absent, Cut: seconds(10)}, {Verb: "acpi", Result: shutdown.Ignored, Took: seconds(5), Cut: seconds(60)},
			{Verb: "quit", Result: shutdown.Skipped, Cut: seconds(10)}, {Verb: "KILL", Result: shutdown.Down}}}}}, Query{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Bars[0].How(), "killed: agent absent, acpi ignored (5.0 s of 60 s), quit skipped"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
