package daemon

import (
	"testing"
	"time"
)

func TestWhichCameFirst(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 500, time.UTC)
	day := 24 * time.Hour
	for what, c := range map[string]struct {
		started, written time.Duration // before now
		booted           time.Duration
		grain            time.Duration
		inMemory, remote bool
		want             order
	}{
		"a moment before":                     {time.Hour, time.Hour - time.Millisecond, day, 0, true, false, before},
		"the same moment":                     {time.Hour, time.Hour, day, 0, true, false, before},
		"within a tick":                       {time.Hour, time.Hour + 9*time.Millisecond, day, 12 * time.Millisecond, true, false, before},
		"later than a tick":                   {time.Hour, time.Hour + 13*time.Millisecond, day, 12 * time.Millisecond, true, false, after},
		"whole seconds":                       {time.Hour, time.Hour + time.Second, day, coarsest, false, false, before},
		"a file of days ago":                  {time.Hour, 3 * day, 10 * day, 0, false, false, after},
		"a file on disk, of another boot":     {time.Hour, 3 * day, 2 * day, 0, false, false, after},
		"in memory, yet before the boot":      {time.Hour, 3 * day, 2 * day, 0, true, false, untold},
		"from the future":                     {time.Hour, -time.Hour, day, 0, true, false, untold},
		"another machine's clock":             {time.Hour, time.Minute, day, 0, false, true, untold},
		"1970, where no clock ran before NTP": {day - time.Second, 56 * 365 * day, day, 0, true, false, untold},
	} {
		m := moments{now: now, started: now.Add(-c.started), written: now.Add(-c.written), booted: now.Add(-c.booted),
			grain: c.grain, inMemory: c.inMemory, remote: c.remote}
		if got, words := m.compare(); got != c.want || words == "" {
			t.Errorf("%s: %v, %s", what, got, words)
		}
	}
}

func TestTheClocksAgreeAboutOurselves(t *testing.T) {
	first, up, err := bothClocks()
	ok(t, err)
	wall := time.Now()
	if d := wall.Sub(first); d < 0 || d > time.Minute || up <= 0 {
		t.Errorf("%v, up %v", d, up)
	}
	if g := tick(); g < time.Millisecond || g > 2*clockTick {
		t.Errorf("a tick of %v", g)
	}
}
