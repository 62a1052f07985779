package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/fleet"
	"github.com/guestrc/guestrc/history"
)

func TestGuestsThatOthersWaitForHaveLessTime(t *testing.T) {
	members := []fleet.Member{{Name: "web"}, {Name: "db", After: []string{"web"}}, {Name: "san", After: []string{"db", "web"}}, {Name: "alone"},
		{Name: "x", After: []string{"y"}}, {Name: "y", After: []string{"x"}}}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	left := func(budget time.Duration) map[string]time.Duration {
		o := &history.Occasion{Began: now, Deadline: now.Add(budget)}
		got := map[string]time.Duration{}
		for name, at := range deadlines(members[:4], o, now) {
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
	if got := deadlines(members, &history.Occasion{Began: now}, now); got != nil {
		t.Errorf("without a budget: %v", got)
	}
	if got := fleet.Behind(members); got[4]+got[5] > 2 {
		t.Errorf("a circle counts as %v", got)
	}
}
