package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/fleet"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/host"
)

func TestGuestsThatOthersWaitForHaveLessTime(t *testing.T) {
	members := []fleet.Member{{Name: "web"}, {Name: "db", After: []string{"web"}}, {Name: "san", After: []string{"db", "web"}}, {Name: "alone"},
		{Name: "x", After: []string{"y"}}, {Name: "y", After: []string{"x"}}}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	left := func(budget time.Duration) map[string]time.Duration {
		o := &history.Occasion{Began: now, Deadline: now.Add(budget)}
		got := map[string]time.Duration{}
		for name, at := range deadlines(members[:4], o, now, false) {
			got[name] = at.Sub(now)
		}
		return got
	}
	want := map[string]time.Duration{"web": 100 * time.Second, "db": 110 * time.Second}
	if diff := cmp.Diff(want, left(120*time.Second)); diff != "" {
		t.Errorf("of 120 s (-want +got):\n%s", diff)
	}
	want = map[string]time.Duration{"web": 8 * time.Second, "db": 10 * time.Second}
	if diff := cmp.Diff(want, left(12*time.Second)); diff != "" {
		t.Errorf("of 12 s (-want +got):\n%s", diff)
	}
	o := &history.Occasion{Began: now, Deadline: now.Add(120 * time.Second)}
	for name, at := range deadlines(members[3:4], o, now, true) { // the init system stops others after it
		if name != "alone" || at != o.Deadline.Add(-turnTime) {
			t.Errorf("%s has until %v", name, at)
		}
	}
	if n := len(deadlines(members[:4], o, now, true)); n != 4 {
		t.Errorf("%d leave time to what the init system stops after them", n)
	}
	if got := deadlines(members, &history.Occasion{Began: now}, now, true); got != nil {
		t.Errorf("without a budget: %v", got)
	}
	if got := fleet.Behind(members); got[4]+got[5] > 2 {
		t.Errorf("a circle counts as %v", got)
	}
}

// below is an env for a root with files.
func below(t *testing.T, files map[string]string) *env {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e := newEnv("guestrc", strings.NewReader(""), io.Discard, io.Discard, func(string) string { return "" })
	e.enter(root)
	return e
}

// Under systemd each guest is stopped by a program of its own, which knows of
// those that go after it only by their files.
func TestASingleStopLeavesTimeToThoseThatGoLast(t *testing.T) {
	damaged := "{" // nobody can tell whether it runs
	e := below(t, map[string]string{
		"etc/conf.d/qemu": "# stop_last=yes\n", "etc/conf.d/qemu.web": "", "etc/conf.d/qemu.db": "",
		"etc/conf.d/qemu.dns": "stop_last=yes rc_need=qemu.db\n", "run/guestrc/qemu.dns/state.json": damaged,
		"etc/conf.d/qemu.off": "stop_last=yes\n",
	})
	last := e.goLast(t.Context())
	if !slices.Equal(last, []guest.Name{{Kind: "qemu", Instance: "dns"}}) {
		t.Fatalf("they go last: %v", last)
	}
	o := &history.Occasion{Began: e.now(), Deadline: e.now().Add(120 * time.Second)}
	for name, want := range map[string]time.Duration{"web": 2 * turnTime, "dns": turnTime, "db": 0} {
		by, ok := e.by(guest.Name{Kind: "qemu", Instance: name}, last, o)
		if ok != (want > 0) || ok && o.Deadline.Sub(by) != want {
			t.Errorf("%s leaves %v to others (%v), want %v", name, o.Deadline.Sub(by), ok, want)
		}
	}
}

func TestAStartCallsOffNoShutdownThatGoesOn(t *testing.T) {
	for level, want := range map[string]bool{"shutdown": true, "default": false} {
		e := below(t, map[string]string{"run/openrc/softlevel": level + "\n"})
		if _, err := host.Announce(t.Context(), e.house.Layout, host.Settings{Budget: time.Minute}, e.now); err != nil {
			t.Fatal(err)
		}
		if err := e.callOff(t.Context()); err != nil {
			t.Error(err)
		}
		if got := host.Announced(e.house.Layout); got != want {
			t.Errorf("in runlevel %s: still announced is %v", level, got)
		}
	}
}

// A terminal's line is made anew at each event of each guest.
func TestTheLineOfThoseUnderWayIsNoLongerThanTheTerminal(t *testing.T) {
	e := below(t, nil)
	e.out.width = 80
	c := &crowd{e: e}
	for range 1000 {
		c.enter(guest.Name{Kind: "qemu", Instance: "guest"})
	}
	if text := c.line(); len(text) > 200 || !strings.Contains(text, "1000 under way") {
		t.Errorf("%d bytes: %.200s", len(text), text)
	}
}
