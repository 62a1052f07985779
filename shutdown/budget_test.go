package shutdown

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const sec = time.Second

// deaf hears every rung and reacts to none but, at once, to KILL.
func deaf(f *fakeTarget) map[string]Rung {
	return map[string]Rung{"agent": delivers, "acpi": delivers, "quit": delivers, "TERM": delivers, "KILL": f.endsAfter(0)}
}

func TestRungsAreCutToWhatIsLeft(t *testing.T) {
	without := func(verb string) func(*fakeTarget) map[string]Rung {
		return func(f *fakeTarget) map[string]Rung {
			rungs := deaf(f)
			rungs[verb] = failsWith(ErrAbsent)
			return rungs
		}
	}
	cases := []struct {
		name, schedule string
		left           time.Duration
		rungs          func(f *fakeTarget) map[string]Rung
		want           string
		took           time.Duration
	}{
		{"time for all", "acpi/60/KILL/5", 65 * sec, deaf, "killed after 60 s: acpi ignored", 60 * sec},
		{"a little less", "acpi/60/KILL/5", 64 * sec, deaf, "killed after 59 s: acpi ignored (59 of 60 s)", 59 * sec},
		{"one rung cut", "acpi/60/KILL/5", 20 * sec, deaf, "killed after 15.0 s: acpi ignored (15 of 60 s)", 15 * sec},
		{"later rungs keep their reserve", "agent/10/acpi/60/quit/10/KILL/5", 30 * sec, deaf,
			"killed after 25 s: agent ignored, acpi ignored (12 of 60 s), quit ignored (3 of 10 s)", 25 * sec},
		{"a short rung keeps its own", "acpi/60/TERM/1/KILL/2", 13 * sec, deaf,
			"killed after 11.0 s: acpi ignored (10 of 60 s), TERM ignored", 11 * sec},
		{"what an absent rung leaves goes to the next", "agent/10/acpi/60/KILL/5", 70 * sec, without("agent"),
			"killed after 60 s: agent absent, acpi ignored", 60 * sec},
		{"reserves are scaled down", "agent/10/acpi/60/quit/10/KILL/5", 7 * sec, deaf,
			"killed after 5.2 s: agent ignored (3.5 of 10 s), acpi ignored (0.9 of 60 s), quit ignored (0.9 of 10 s)", 5250 * time.Millisecond},
		{"no time left", "acpi/60/KILL/5", 0, deaf, "killed after 0 ms: acpi skipped", 0},
		{"a deadline in the past", "agent/10/acpi/60/KILL/5", -time.Hour, deaf, "killed after 0 ms: agent skipped, acpi skipped", 0},
		{"too little to begin", "acpi/60/KILL/5", 100 * time.Millisecond, deaf, "killed after 0 ms: acpi skipped", 0},
		{"a schedule without KILL gets one", "acpi/60", 20 * sec, deaf, "killed after 15.0 s: acpi ignored (15 of 60 s)", 15 * sec},
		{"nor has it one when the time is over", "acpi/60", -sec, deaf, "killed after 0 ms: acpi skipped", 0},
		{"but not when its own time was enough", "acpi/60", 60 * sec, deaf, "still running after 60 s: acpi ignored", 60*sec + settle},
		{"nor when it would not have taken it", "acpi/60", 20 * sec, without("acpi"), "still running after 0.1 s: acpi absent", settle},
		{"forever gets what is left", "acpi/60/forever", 100 * sec, deaf, "killed after 95 s: acpi ignored, forever ignored", 95 * sec},
		{"forever keeps nothing from the rung before it", "acpi/60/forever", 30 * sec, deaf,
			"killed after 25 s: acpi ignored (25 of 60 s), forever skipped", 25 * sec},
		{"KILL gets its least after the deadline", "KILL/5", -sec, func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"KILL": f.endsAfter(2*sec - 1)}
		}, "killed after 2.0 s", 2*sec - 1},
		{"an end soon afterwards is its doing all the same", "KILL/5", -sec, func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"KILL": f.endsAfter(2*sec + 1)}
		}, "killed after 2.0 s", 2*sec + 1},
		{"and not more", "KILL/5", -sec, func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"KILL": f.endsAfter(2*sec + 2*settle)}
		}, "still running after 2.1 s: KILL ignored (2 of 5 s)", 2*sec + settle},
		{"KILL never gets more than its own", "KILL/1", -sec, func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"KILL": delivers}
		}, "still running after 1.1 s: KILL ignored", sec + settle},
		{"a rung that works is not cut short", "acpi/60/KILL/5", 20 * sec, func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"acpi": f.endsAfter(14 * sec)}
		}, "down in 14.0 s by acpi", 14 * sec},
		{"a rung that failed at once was not cut", "acpi/60", 20 * sec, func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"acpi": failsWith(errors.New("no"))}
		}, "still running after 0.2 s: acpi failed (0.1 of 60 s)", 2 * settle},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeTarget{gone: make(chan struct{})}
				f.rungs = c.rungs(f)
				record, err := RunUntil(t.Context(), schedule(t, c.schedule), time.Now().Add(c.left), f, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := record.String(); got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
				if time.Duration(record.Took) != c.took {
					t.Errorf("took %v, want %v", time.Duration(record.Took), c.took)
				}
			})
		})
	}
}

func TestWithoutDeadlineNothingIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTarget{gone: make(chan struct{})}
		f.rungs = map[string]Rung{"acpi": f.endsAfter(100 * time.Hour)}
		record, err := RunUntil(t.Context(), schedule(t, "forever"), time.Time{}, f, func(e Event) {
			if e.Outcome == nil && !e.Deadline.IsZero() {
				t.Errorf("forever has the deadline %v", e.Deadline)
			}
			if e.Outcome == nil {
				time.AfterFunc(100*time.Hour, func() { close(f.gone) })
			}
		})
		if err != nil || !record.Down || record.Rungs[0].Cut != 0 {
			t.Errorf("%+v, %v", record, err)
		}
	})
}

func TestWatcherSeesWhatARungGets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTarget{gone: make(chan struct{})}
		f.rungs = deaf(f)
		began := time.Now()
		var seen []string
		_, err := RunUntil(t.Context(), schedule(t, "acpi/60/forever"), began.Add(20*sec), f, func(e Event) {
			text := e.Step.Verb + " " + e.Step.Wait.String()
			if e.Outcome == nil {
				text += " until " + e.Deadline.Sub(began).String()
			} else {
				text += " " + string(e.Outcome.Result) + " from " + time.Duration(e.Outcome.Cut).String()
			}
			seen = append(seen, text)
		})
		if err != nil {
			t.Fatal(err)
		}
		want := "acpi 15s until 15s, acpi 15s ignored from 1m0s, forever 0s skipped from 0s, KILL 5s until 20s, KILL 5s down from 0s"
		if got := strings.Join(seen, ", "); got != want {
			t.Errorf("saw  %s\nwant %s", got, want)
		}
	})
}

func TestCancelledStopDoesNotKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTarget{gone: make(chan struct{})}
		f.rungs = deaf(f)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(7*sec, cancel)
		record, err := RunUntil(ctx, schedule(t, "acpi/60/KILL/5"), time.Now().Add(20*sec), f, nil)
		if !errors.Is(err, context.Canceled) || record.Down || len(record.Rungs) != 1 || record.Rungs[0].Result != Interrupted {
			t.Errorf("%+v, %v", record, err)
		}
	})
}

func TestCutIsOnRecord(t *testing.T) {
	o := Outcome{Verb: "acpi", Result: Ignored, Took: Duration(15 * sec), Cut: Duration(60 * sec)}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"rung":"acpi","result":"ignored","seconds":15.000,"cut_from":60.000}`; string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var back Outcome
	if err := json.Unmarshal(text, &back); err != nil || back.Cut != o.Cut {
		t.Errorf("read back: %+v, %v", back, err)
	}
	o.Cut = 0
	if text, err := json.Marshal(o); err != nil || strings.Contains(string(text), "cut_from") {
		t.Errorf("%s, %v: a rung that was not cut does not say so", text, err)
	}
}

func TestWithinIsThePlan(t *testing.T) {
	for _, c := range []struct {
		schedule string
		left     time.Duration
		want     string
	}{
		{"agent/10/acpi/60/quit/10/KILL/5", 85 * sec, "agent/10/acpi/60/quit/10/KILL/5"},
		{"agent/10/acpi/60/quit/10/KILL/5", 30 * sec, "agent/10/acpi/12/quit/3/KILL/5"},
		{"agent/10/acpi/60/quit/10/KILL/5", 7 * sec, "agent/3.5/acpi/0.9/quit/0.9/KILL/2"},
		{"agent/10/acpi/60/quit/10/KILL/5", 0, "KILL/2"},
		{"acpi/60", 60 * sec, "acpi/60"},
		{"acpi/60", 59 * sec, "acpi/54/KILL/5"},
		{"acpi/60/forever", 100 * sec, "acpi/60/forever/35/KILL/5"},
		{"acpi/60/forever", math.MaxInt64, "acpi/60/forever"},
		{"forever", -sec, "KILL/2"},
	} {
		if got := schedule(t, c.schedule).Within(c.left).String(); got != c.want {
			t.Errorf("%s within %v: %s, want %s", c.schedule, c.left, got, c.want)
		}
	}
	if got := Schedule(nil).Within(-sec); len(got) != 0 {
		t.Errorf("a schedule that asks for nothing: %s", got)
	}
}

// FuzzDeadlineHolds: whatever the schedule, and whatever a target makes of it, a
// stop is over by the deadline, and the least of KILL.
func FuzzDeadlineHolds(f *testing.F) {
	for _, text := range []string{"agent/10/acpi/60/quit/10/KILL/5", "acpi/60", "forever", "KILL/1", "KILL/5/TERM/9/forever",
		strings.Repeat("TERM/604800/", 40) + "KILL/604800"} {
		for _, left := range []int64{-1, 0, 150, 7000, 30_000, 1e12} {
			f.Add(text, left, uint64(0))
			f.Add(text, left, uint64(0x123456789abcdef))
		}
	}
	f.Fuzz(func(t *testing.T, text string, milliseconds int64, fate uint64) {
		s, err := Parse(text, verbs...)
		if err != nil || len(s) > 1000 {
			t.Skip()
		}
		left := time.Duration(milliseconds%1e12) * time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			target := &fakeTarget{gone: make(chan struct{}), rungs: map[string]Rung{}}
			for _, step := range append(s, Step{Verb: kill}) {
				target.rungs[step.Verb] = fated(&fate)
			}
			began, begun := time.Now(), map[string]bool{}
			record, err := RunUntil(t.Context(), s, began.Add(left), target, func(e Event) {
				if e.Outcome == nil && e.Deadline.Sub(began) > max(left, 0)+killLeast {
					t.Errorf("%s has until %v, %v is the deadline", e.Step.Verb, e.Deadline.Sub(began), left)
				}
				begun[e.Step.Verb] = true
			})
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > max(left, 0)+killLeast+settle {
				t.Errorf("%s within %v took %v: %s", s, left, took, record)
			}
			for _, o := range record.Rungs {
				if (o.Result == Skipped || o.Result == Ignored) && (o.Cut > 0 || o.Verb == Forever) && !begun[kill] {
					t.Errorf("%s within %v was cut, and had no KILL: %s", s, left, record)
				}
			}
		})
	})
}

// fated is a rung of which the next bits of fate say what becomes of it.
func fated(fate *uint64) Rung {
	bits := *fate & 7
	*fate >>= 3
	switch bits {
	case 1:
		return failsWith(ErrAbsent)
	case 2:
		return failsWith(errors.New("no"))
	case 3: // in vain, to the end
		return func(ctx context.Context, _ func(string)) error { <-ctx.Done(); return ctx.Err() }
	case 4: // fails late
		return func(ctx context.Context, _ func(string)) error {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(bits) * 777 * time.Millisecond):
			}
			return errors.New("no")
		}
	}
	return delivers
}
