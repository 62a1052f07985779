package cgroup

import (
	"context"
	"errors"
	"testing"
	"time"
)

func wantFrozen(t *testing.T, g Group, want bool) {
	t.Helper()
	if is, err := g.Frozen(); err != nil || is != want {
		t.Errorf("frozen: %v (%v), want %v", is, err, want)
	}
}

func TestTheFrozenDoNothing(t *testing.T) {
	for name, controller := range kinds {
		t.Run(name, func(t *testing.T) {
			g, without := newGroup(t, controller), newGroup(t, "cpu")
			groups := []Group{without, g}
			c := newChild(t, "exec cat", groups...)
			wantFrozen(t, g, false)
			for range 20 {
				if err := Freeze(within(t, 10*time.Second), groups); err != nil {
					t.Fatal(err)
				}
				wantFrozen(t, g, true)
				wantFrozen(t, without, false)
				if c.echoes(t, 5*time.Millisecond) {
					t.Fatal("it reacts")
				}
				if err := Thaw(within(t, 10*time.Second), groups); err != nil {
					t.Fatal(err)
				}
				wantFrozen(t, g, false)
				if !c.echoes(t, 10*time.Second) {
					t.Fatal("it does not react")
				}
			}
			if err := Freeze(within(t, time.Second), []Group{without}); !errors.Is(err, errNoFreezer) {
				t.Error(err)
			}
		})
	}
}

// TestOneFreezerIsUsed: a process that both have would never be reported frozen.
func TestOneFreezerIsUsed(t *testing.T) {
	v1, v2 := newGroup(t, "freezer"), newGroup(t, "")
	c := newChild(t, "exec cat", v1, v2)
	for _, groups := range [][]Group{{v1, v2}, {v2, v1}} {
		if err := Freeze(within(t, 10*time.Second), groups); err != nil {
			t.Fatal(err)
		}
		wantFrozen(t, v1, true)
		wantFrozen(t, v2, false)
		if err := Thaw(within(t, 10*time.Second), groups); err != nil {
			t.Fatal(err)
		}
	}
	if !c.echoes(t, 10*time.Second) {
		t.Error("it does not react")
	}
}

func TestWhatIsFrozenFromAboveStaysSo(t *testing.T) {
	for name, controller := range kinds {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, controller)
			inner := mkdir(t, g.Dir+"/inner")
			newChild(t, "exec cat", inner)
			if err := Freeze(within(t, 10*time.Second), []Group{g}); err != nil {
				t.Fatal(err)
			}
			wantFrozen(t, inner, true)
			if err := Thaw(within(t, 100*time.Millisecond), []Group{inner}); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if err := Thaw(within(t, 10*time.Second), []Group{g}); err != nil {
				t.Error(err)
			}
			wantFrozen(t, inner, false)
		})
	}
}
