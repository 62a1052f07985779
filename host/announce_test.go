package host

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// world is a host whose clocks the test sets.
type world struct {
	t   *testing.T
	l   guest.Layout
	now time.Time
	up  time.Duration
}

func newWorld(t *testing.T) *world {
	return &world{t, below(t, nil), time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), time.Hour}
}

func (w *world) pass(d time.Duration) { w.now, w.up = w.now.Add(d), w.up+d }

func (w *world) announce(s Settings) Going {
	w.t.Helper()
	g, err := w.try(s)
	ok(w.t, err)
	return g
}

func (w *world) try(s Settings) (Going, error) {
	return announce(w.t.Context(), w.l, s, func() time.Time { return w.now }, func() (time.Duration, error) { return w.up, nil })
}

func (w *world) file() string { return filepath.Join(w.l.RunBase(), announcementFile) }

// left is the time until the deadline.
func (w *world) left(g Going) time.Duration { return g.Deadline.Sub(w.now) }

var minute = Settings{Budget: time.Minute}

func TestOthersJoinTheFirst(t *testing.T) {
	w := newWorld(t)
	first := w.announce(minute)
	if first.ID == "" || !first.Began.Equal(w.now) || w.left(first) != time.Minute || first.Battery {
		t.Fatalf("first: %+v", first)
	}
	w.pass(20 * time.Second)
	second := w.announce(Settings{Budget: time.Hour})
	if second.ID != first.ID || !second.Began.Equal(first.Began) || w.left(second) != 40*time.Second {
		t.Errorf("second: %+v, first: %+v", second, first)
	}
}

func TestTheClockMayBeSetMeanwhile(t *testing.T) {
	for _, jump := range []time.Duration{-48 * time.Hour, 48 * time.Hour} {
		w := newWorld(t)
		first := w.announce(minute)
		w.pass(10 * time.Second)
		w.now = w.now.Add(jump)
		if second := w.announce(minute); second.ID != first.ID || w.left(second) != 50*time.Second {
			t.Errorf("clock set by %v: %+v, first: %+v", jump, second, first)
		}
	}
}

func TestAShutdownThatWasCalledOffIsForgotten(t *testing.T) {
	for _, c := range []struct {
		name  string
		s     Settings
		pass  time.Duration
		joins bool
	}{
		{"its deadline is not long ago", minute, 11 * time.Minute, true},
		{"its deadline is long ago", minute, 11*time.Minute + 1, false},
		{"without a budget, not long ago", Settings{}, 10 * time.Minute, true},
		{"without a budget, long ago", Settings{}, 10*time.Minute + 1, false},
		{"it is from the future", minute, -time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			first := w.announce(c.s)
			w.pass(c.pass)
			if second := w.announce(c.s); (second.ID == first.ID) != c.joins {
				t.Errorf("first %+v, second %+v", first, second)
			}
		})
	}
	t.Run("it is of another boot", func(t *testing.T) {
		w := newWorld(t)
		first := w.announce(minute)
		text, err := os.ReadFile(w.file())
		ok(t, err)
		boot, err := pidfile.BootID()
		ok(t, err)
		ok(t, os.WriteFile(w.file(), []byte(strings.Replace(string(text), boot, "another", 1)), 0o644))
		if second := w.announce(minute); second.ID == first.ID {
			t.Errorf("it joined %+v", first)
		}
	})
	t.Run("it was called off", func(t *testing.T) {
		w := newWorld(t)
		first := w.announce(minute)
		ok(t, CallOff(w.l))
		ok(t, CallOff(w.l))
		if second := w.announce(minute); second.ID == first.ID {
			t.Errorf("it joined %+v", first)
		}
	})
}

func TestBatteryOnlyShortens(t *testing.T) {
	s := Settings{Budget: time.Minute, BatteryBudget: 20 * time.Second}
	for _, c := range []struct {
		after, left time.Duration
		battery     bool
	}{
		{10 * time.Second, 20 * time.Second, true},
		{50 * time.Second, 10 * time.Second, false},
	} {
		w := newWorld(t)
		first := w.announce(s)
		w.pass(c.after)
		ok(t, os.WriteFile(filepath.Join(w.l.RunBase(), batteryFile), nil, 0o644))
		second := w.announce(s)
		if second.ID != first.ID || w.left(second) != c.left || second.Battery != c.battery {
			t.Errorf("power failed after %v: %+v, want %v left", c.after, second, c.left)
		}
		w.pass(time.Second)
		ok(t, os.Remove(filepath.Join(w.l.RunBase(), batteryFile)))
		if third := w.announce(s); !third.Deadline.Equal(second.Deadline) || third.Battery != second.Battery {
			t.Errorf("power is back: %+v, was %+v", third, second)
		}
	}
	w := newWorld(t)
	s.Budget = 0
	w.announce(s)
	ok(t, os.WriteFile(filepath.Join(w.l.RunBase(), batteryFile), nil, 0o644))
	if g := w.announce(s); w.left(g) != 20*time.Second || !g.Battery {
		t.Errorf("no budget but that of battery power: %+v", g)
	}
}

func TestDamagedAnnouncementIsMadeAnew(t *testing.T) {
	for _, text := range []string{"", "{", "null", "[]", `{"id":"x"}`, "\x00", strings.Repeat("[", fileMax), strings.Repeat(" ", 2*fileMax)} {
		w := newWorld(t)
		ok(t, os.WriteFile(w.file(), []byte(text), 0o644))
		first := w.announce(minute)
		if second := w.announce(minute); second.ID != first.ID || w.left(second) != time.Minute {
			t.Errorf("%.20q: %+v, then %+v", text, first, second)
		}
	}
}

func TestAnnounceIsUsableWhateverLiesThere(t *testing.T) {
	for name, act := range map[string]func(path string) error{
		"a link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"a pipe":      func(path string) error { return unix.Mkfifo(path, 0o644) },
		"no run directory": func(path string) error {
			return os.Rename(filepath.Dir(path), filepath.Dir(path)+".old")
		},
		"a file for a run directory": func(path string) error {
			return os.Rename(filepath.Dir(path), filepath.Dir(path)+".old")
		},
		"a run directory of everybody's": func(path string) error { return os.Chmod(filepath.Dir(path), 0o777) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ok(t, act(w.file()))
			if strings.HasPrefix(name, "a file") {
				ok(t, os.WriteFile(w.l.RunBase(), nil, 0o644))
			}
			g, err := w.try(minute)
			if g.ID == "" || w.left(g) != time.Minute {
				t.Errorf("%+v", g)
			}
			if (err == nil) != (name == "no run directory") {
				t.Errorf("error: %v", err)
			}
		})
	}
}

func TestAnnounceDoesNotWaitForOneWhoHangs(t *testing.T) {
	w := newWorld(t)
	first := w.announce(minute)
	dir, err := pidfile.OpenDir(w.l.RunBase(), false)
	ok(t, err)
	defer dir.Close()
	unlock, err := pidfile.LockNamed(t.Context(), dir, announcementLock)
	ok(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	g, err := announce(ctx, w.l, minute, func() time.Time { return w.now }, func() (time.Duration, error) { return w.up, nil })
	if err == nil || g.ID != first.ID {
		t.Errorf("%+v, %v; want an error, and the shutdown that is announced", g, err)
	}
	ok(t, unlock())
}

func TestManyAnnounceOneShutdown(t *testing.T) {
	l := below(t, nil)
	var all []*strings.Builder
	var wait []func() error
	for range 32 {
		cmd, out := helper(t, l, "announce", "BUDGET=60"), &strings.Builder{}
		cmd.Stdout = out
		ok(t, cmd.Start())
		all, wait = append(all, out), append(wait, cmd.Wait)
	}
	for i := range wait {
		ok(t, wait[i]())
		if got := all[i].String(); got != all[0].String() || len(got) < 10 {
			t.Errorf("one announced %q, another %q", got, all[0])
		}
	}
}

func TestDeadlineKeepsTheMonotonicClock(t *testing.T) {
	g, err := Announce(t.Context(), below(t, nil), minute, time.Now)
	ok(t, err)
	if !strings.Contains(g.Deadline.String(), "m=+") || time.Until(g.Deadline) > time.Minute || time.Until(g.Deadline) < 50*time.Second {
		t.Errorf("deadline %v", g.Deadline)
	}
}

func FuzzAnnouncement(f *testing.F) {
	boot, err := pidfile.BootID()
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(announcement{ID: "x", BootID: boot, Began: 1, Deadline: 2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"id":"x","boot_id":"` + boot + `","began":-9223372036854775808,"deadline":9223372036854775807}`))
	f.Add([]byte(`{"began":1e400}`))
	ours := announcement{ID: "y", BootID: boot, Began: time.Hour, Deadline: time.Hour + time.Minute, Battery: true}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, ok := parseAnnouncement(text)
		if !ok || ours.outlived(a) {
			return
		}
		if h := a.hurried(ours); h.ID == "" || h.Deadline > ours.Deadline || h.Deadline < ours.Began-calledOff && h.Began < ours.Began-calledOff {
			t.Fatalf("%+v joined, with %+v", a, h)
		}
	})
}
