package shutdown

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// fakeTarget ends when one of its rungs, or the test, closes gone.
type fakeTarget struct {
	gone  chan struct{}
	rungs map[string]Rung
}

func (f *fakeTarget) Wait(ctx context.Context) error {
	select {
	case <-f.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
func (f *fakeTarget) Rung(verb string) Rung { return f.rungs[verb] }
func (f *fakeTarget) Verdict(verb string) Verdict {
	switch verb {
	case "quit", "KILL":
		return Forced
	case "TERM":
		return Died
	}
	return Graceful
}

// endsAfter delivers at once; the target is gone after d.
func (f *fakeTarget) endsAfter(d time.Duration, notes ...string) Rung {
	return func(ctx context.Context, note func(string)) error {
		for _, n := range notes {
			note(n)
		}
		time.AfterFunc(d, func() { close(f.gone) })
		return nil
	}
}

func delivers(context.Context, func(string)) error { return nil }

func failsWith(err error) Rung {
	return func(context.Context, func(string)) error { return err }
}

func schedule(t *testing.T, text string) Schedule {
	t.Helper()
	s, err := Parse(text, "agent", "acpi", "ssh", "quit")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRunTellsWhatEndedIt(t *testing.T) {
	broken := errors.New("monitor does not answer")
	cases := []struct {
		name, schedule string
		rungs          func(f *fakeTarget) map[string]Rung
		want           string
		took           time.Duration
	}{
		{"the first rung works", "acpi/60/KILL/5", func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"acpi": f.endsAfter(12300 * time.Millisecond)}
		}, "down in 12.3 s by acpi", 12300 * time.Millisecond},
		{"with a note", "acpi/60/KILL/5", func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"acpi": f.endsAfter(time.Second, "2nd press")}
		}, "down in 1.0 s by acpi (2nd press)", time.Second},
		{"no agent costs no time", "agent/10/acpi/60", func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"agent": failsWith(ErrAbsent), "acpi": f.endsAfter(0)}
		}, "down in 0 ms by acpi", 0},
		{"a verb that does not exist here is absent", "ssh/10/acpi/60", func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"acpi": f.endsAfter(0)}
		}, "down in 0 ms by acpi", 0},
		{"ignored to the end", "agent/10/acpi/60/KILL/5", func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"agent": failsWith(ErrAbsent), "acpi": delivers, "KILL": f.endsAfter(0)}
		}, "killed after 60 s: agent absent, acpi ignored", 60 * time.Second},
		{"a failing rung gives way", "acpi/60/quit/10", func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"acpi": failsWith(broken), "quit": f.endsAfter(0)}
		}, "forced down after 0.1 s by quit: acpi failed", settle},
		{"an error just before the end belongs to its rung", "acpi/60/quit/10", func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"acpi": func(ctx context.Context, note func(string)) error {
				time.AfterFunc(8*time.Millisecond, func() { close(f.gone) })
				return broken // the monitor closed before the process was gone
			}}
		}, "down in 8 ms by acpi", 8 * time.Millisecond},
		{"died of something else", "acpi/2/TERM/10", func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"acpi": delivers, "TERM": f.endsAfter(time.Second, "killed by a signal")}
		}, "died after 3.0 s, during TERM (killed by a signal): acpi ignored", 3 * time.Second},
		{"nothing helps", "acpi/60/KILL/5", func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"acpi": delivers, "KILL": delivers}
		}, "still running after 65 s: acpi ignored, KILL ignored", 65*time.Second + settle},
		{"it waits for ever", "acpi/60/forever", func(f *fakeTarget) map[string]Rung {
			return map[string]Rung{"acpi": f.endsAfter(100 * time.Hour)}
		}, "down in 360000 s by forever", 100 * time.Hour},
		{"gone already", "ssh/60", func(f *fakeTarget) map[string]Rung {
			close(f.gone)
			return nil
		}, "down in 0 ms by itself", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeTarget{gone: make(chan struct{})}
				f.rungs = c.rungs(f)
				record, err := Run(t.Context(), schedule(t, c.schedule), f, nil)
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

func TestRunCancelledMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTarget{gone: make(chan struct{})}
		f.rungs = map[string]Rung{"acpi": func(ctx context.Context, note func(string)) error {
			<-ctx.Done() // a rung that repeats itself ends with its context
			return ctx.Err()
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		record, err := Run(ctx, schedule(t, "acpi/60/KILL/5"), f, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the context's", err)
		}
		if record.Down || len(record.Rungs) != 1 {
			t.Errorf("record %+v: want one rung, not down, and no KILL", record)
		}
	})
}

func TestRunWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTarget{gone: make(chan struct{})}
		f.rungs = map[string]Rung{"acpi": delivers, "KILL": f.endsAfter(time.Second)}
		began := time.Now()
		var seen []string
		_, err := Run(t.Context(), schedule(t, "acpi/60/KILL/5"), f, func(e Event) {
			if e.Outcome == nil {
				seen = append(seen, e.Step.Verb+" until "+e.Deadline.Sub(began).String())
			} else {
				seen = append(seen, e.Step.Verb+" "+string(e.Outcome.Result))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"acpi until 1m0s", "acpi ignored", "KILL until 1m5s", "KILL down"}
		for i := range want {
			if i >= len(seen) || seen[i] != want[i] {
				t.Fatalf("saw %q, want %q", seen, want)
			}
		}
	})
}
