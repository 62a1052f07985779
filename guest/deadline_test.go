package guest

import (
	"context"
	"testing"
	"time"

	"github.com/guestrc/guestrc/history"
)

// within has h stop guests on an occasion with a deadline.
func within(h *House, d time.Duration) {
	h.Occasion = &history.Occasion{What: history.HostShutdown, Began: h.Now(), Deadline: h.Now().Add(d)}
}

// A monitor that hangs takes none of the time that the rungs need.
func TestAGuestThatCannotBeWokenHasTimeForItsRungs(t *testing.T) {
	h, n, _ := newHouse(t, func(k *fakeKind) { k.wake = func(ctx context.Context) { <-ctx.Done() } })
	mustStart(t, h, n)
	within(h, 8*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := h.Stop(ctx, n, &listener{})
	if err != nil || r.Stop.By != "TERM" {
		t.Errorf("stop: %+v, %v", r, err)
	}
}

// Who holds the lock, such as a stop by another schedule than the one on record,
// or one that was suspended, is waited for as long as the deadline lets us.
func TestPatienceWithADeadline(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	for left, want := range map[time.Duration]time.Duration{time.Hour: time.Hour - lastResort, 20 * time.Second: 20*time.Second - lastResort, -time.Hour: lastMoment} {
		within(h, left)
		if got := h.patience(t.Context(), n); got > want || got < want-time.Second {
			t.Errorf("with %v left: %v, want %v", left, got, want)
		}
	}
}

func TestAKillDoesNotWaitForALockBeyondTheDeadline(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	g, err := h.open(t.Context(), n, LockPatience)
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	within(h, 0)
	began := time.Now()
	if _, err := h.Kill(t.Context(), n, &listener{}); !Busy(err) {
		t.Errorf("kill: %v", err)
	}
	if took := time.Since(began); took > LockPatience/2 {
		t.Errorf("it took %v", took)
	}
}

// Those that come after a guest do not wait for the disk that its history is on.
func TestAHistoryIsWrittenAside(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	var aside []func()
	h.Aside = func(do func()) { aside = append(aside, do) }
	if r, err := h.Stop(t.Context(), n, &listener{}); err != nil || !r.Stop.Down {
		t.Fatalf("stop: %+v, %v", r, err)
	}
	wantEvents(t, h, n, "start")
	if st := notice(t, h, n); st.State != Stopped || st.LastStop.Own { // it is told once
		t.Errorf("status: %+v", st)
	}
	for _, do := range aside {
		do()
	}
	wantEvents(t, h, n, "start", "stop signal")
}
