package plot

import (
	"math"
	"testing"
	"time"
)

func TestTicksAreRoundAndFew(t *testing.T) {
	for _, c := range []struct {
		length time.Duration
		first  string
		most   int
	}{
		{10 * time.Millisecond, "1 ms", 12}, {44 * time.Millisecond, "5 ms", 12}, {999 * time.Millisecond, "100 ms", 12}, {3 * time.Second, "0.5 s", 12},
		{12300 * time.Millisecond, "2 s", 8}, {90 * time.Second, "10 s", 12}, {4 * time.Minute, "30 s", 12}, {8 * time.Minute, "1 min", 12}, {6 * time.Minute, "0:30 min", 14},
		{2 * time.Hour, "15 min", 12}, {5 * time.Hour, "0:30 h", 12}, {20 * time.Hour, "2 h", 12}, {5 * 24 * time.Hour, "1 d", 12}, {math.MaxInt64, "10000 d", 12},
	} {
		s := ticks(c.length, c.most)
		if got := s.label(s.step); got != c.first || c.length/s.step >= time.Duration(c.most) {
			t.Errorf("%v: the first tick is %q and there are %d, want %q and fewer than %d", c.length, got, c.length/s.step+1, c.first, c.most)
		}
	}
}

func TestAxesOfAnyLengthHaveSomeTicks(t *testing.T) {
	for length := 10 * time.Millisecond; length < 365*24*time.Hour; length += 1 + length/7 {
		if n := length / ticks(length, 12).step; n < 3 || n >= 12 {
			t.Errorf("%v: %d ticks", length, n+1)
		}
	}
}

func TestSpansAreForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "0 ms", 85 * time.Millisecond: "85 ms", 12300 * time.Millisecond: "12.3 s", 75 * time.Second: "75 s", 700 * time.Second: "11 min 40 s",
		3599700 * time.Millisecond: "1 h 0 min", 2*time.Hour + 5*time.Minute: "2 h 5 min",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestLongNamesKeepTheirEnds(t *testing.T) {
	name := "qemu.customer-4711-production-database-replica-frankfurt-07"
	short := fit(name, 12, 150)
	if width(short, 12) > 150 || short[:5] != name[:5] || short[len(short)-3:] != name[len(name)-3:] {
		t.Errorf("it became %q", short)
	}
	if got := fit("qemu.db", 12, 150); got != "qemu.db" {
		t.Errorf("a short one became %q", got)
	}
}
