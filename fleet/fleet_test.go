package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// parse reads "a<b,c d": a comes after b and c.
func parse(text string) []Member {
	var members []Member
	for field := range strings.FieldsSeq(text) {
		name, after, _ := strings.Cut(field, "<")
		m := Member{Name: name}
		if after != "" {
			m.After = strings.Split(after, ",")
		}
		members = append(members, m)
	}
	return members
}

// log is who began and ended, in order: "+a +b -b -a".
type log struct {
	mu    sync.Mutex
	words []string
}

func (l *log) add(sign, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.words = append(l.words, sign+name)
}

func (l *log) at(word string) int { return slices.Index(l.words, word) }

// run lets every member take a second.
func run(ctx context.Context, members []Member, parallel int) (l *log, cut []Cut, skipped []int, took time.Duration) {
	l = &log{}
	began := time.Now()
	cut, skipped = Run(ctx, members, parallel, func(ctx context.Context, i int) {
		l.add("+", members[i].Name)
		<-time.After(time.Second)
		l.add("-", members[i].Name)
	})
	return l, cut, skipped, time.Since(began)
}

func TestAsLongAsTheLongestChain(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                                0,
		"a b c d":                         time.Second,
		"a b<a c<a d<a":                   2 * time.Second,
		"d<c c<b b<a a":                   4 * time.Second,
		"a<b,b,b b":                       2 * time.Second,
		"a<nobody b<nobody,a":             2 * time.Second,
		"last<a,b,c a b c<b":              3 * time.Second,
		strings.Repeat("a ", 500) + "b<a": 2 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			members := parse(text)
			l, cut, skipped, took := run(t.Context(), members, 0)
			if took != want || len(cut) > 0 || len(skipped) > 0 || len(l.words) != 2*len(members) {
				t.Errorf("%.30s: took %v, want %v; cut %v, skipped %v", text, took, want, cut, skipped)
			}
			for _, m := range members {
				for _, before := range m.After {
					if l.at("-"+before) > l.at("+"+m.Name) {
						t.Errorf("%.30s: %s did not wait for %s: %v", text, m.Name, before, l.words)
					}
				}
			}
		})
	}
}

func TestNoMoreThanParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, _, took := run(t.Context(), parse("a b c d e<a f<d"), 2)
		if took != 3*time.Second {
			t.Errorf("took %v", took)
		}
		var began []string
		running := 0
		for _, word := range l.words {
			if name, ok := strings.CutPrefix(word, "+"); ok {
				began = append(began, name)
				running++
			} else {
				running--
			}
			if running > 2 {
				t.Errorf("%d at one time: %v", running, l.words)
			}
		}
		slices.Sort(began[:2])
		if got := strings.Join(began[:2], ""); got != "ab" {
			t.Errorf("the first of the list were not the first: %v", l.words)
		}
	})
}

func TestCirclesAreCut(t *testing.T) {
	for text, want := range map[string][]Cut{
		"a<a":                 {{"a", "a"}},
		"a<b b<a":             {{"b", "a"}},
		"b<a a<b":             {{"a", "b"}},
		"x a<b b<c c<a d<a":   {{"c", "a"}},
		"a<b,c b<a c<a":       {{"b", "a"}, {"c", "a"}},
		"a<b b<c,a c<b d e<d": {{"c", "b"}, {"b", "a"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			members := parse(text)
			l, cut, skipped, _ := run(t.Context(), members, 0)
			if !slices.Equal(cut, want) || len(skipped) > 0 || len(l.words) != 2*len(members) {
				t.Errorf("%s: cut %v, want %v; %v", text, cut, want, l.words)
			}
			for _, m := range members {
				for _, before := range m.After {
					if !slices.Contains(want, Cut{m.Name, before}) && l.at("-"+before) > l.at("+"+m.Name) {
						t.Errorf("%s: %s did not wait for %s: %v", text, m.Name, before, l.words)
					}
				}
			}
		})
	}
}

func TestNothingBeginsAfterTheEndOfTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		l, _, skipped, took := run(ctx, parse("a b<a c<b d<c e"), 0)
		if took != 2*time.Second || !slices.Equal(skipped, []int{2, 3}) || l.at("-b") < 0 {
			t.Errorf("took %v, skipped %v: %v", took, skipped, l.words)
		}
		cancel()
		l, _, skipped, _ = run(ctx, parse("a b"), 0)
		if !slices.Equal(skipped, []int{0, 1}) || len(l.words) > 0 {
			t.Errorf("skipped %v: %v", skipped, l.words)
		}
	})
}

func TestBehindCountsTheLongestChain(t *testing.T) {
	for text, want := range map[string]string{
		"a b c":             "[0 0 0]",
		"c<b b<a a":         "[0 1 2]",
		"a b<a c<a d<b,c e": "[2 1 1 0 0]",
		"a<b b<a":           "[0 1]", // b does not wait for a
		"a<a":               "[0]",
	} {
		if got := fmt.Sprint(Behind(parse(text))); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// FuzzRun: whatever the orders, everything is done once, and after what it
// comes after, but for what is cut; and what is cut does not depend on chance.
func FuzzRun(f *testing.F) {
	f.Add([]byte{0, 1, 1, 2, 2, 0}, uint8(3), uint8(0))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 5, 4, 1, 1}, uint8(9), uint8(2))
	f.Fuzz(func(t *testing.T, orders []byte, n, parallel uint8) {
		if n == 0 || len(orders) > 200 {
			t.Skip()
		}
		members := make([]Member, n)
		for i := range members {
			members[i].Name = fmt.Sprint(i)
		}
		for ; len(orders) > 1; orders = orders[2:] {
			m := &members[orders[0]%n]
			m.After = append(m.After, fmt.Sprint(orders[1]%n))
		}
		synctest.Test(t, func(t *testing.T) {
			l, cut, skipped, _ := run(t.Context(), members, int(parallel))
			if len(skipped) > 0 || len(l.words) != 2*int(n) {
				t.Fatalf("skipped %v: %v", skipped, l.words)
			}
			for _, m := range members {
				for _, before := range m.After {
					if !slices.Contains(cut, Cut{m.Name, before}) && l.at("-"+before) > l.at("+"+m.Name) {
						t.Fatalf("%s did not wait for %s: %v", m.Name, before, l.words)
					}
				}
			}
			if _, _, again := order(members); !slices.Equal(again, cut) {
				t.Fatalf("cut %v, then %v", cut, again)
			}
		})
	})
}
