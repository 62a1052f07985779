package guest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/guestrc/guestrc/pidfile"
)

// A stop whose command was killed before it could tell is told by the next start.
func TestAStopThatNobodyToldIsCaughtUpWith(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	path := filepath.Join(h.Layout.HistoryDir(), n.String()+".jsonl")
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stop(t.Context(), n, &listener{}); err != nil {
		t.Fatal(err)
	}
	stopped := entries(t, h, n)[1]
	if err := os.WriteFile(path, kept, 0o644); err != nil { // as if it had been killed in between
		t.Fatal(err)
	}
	for range 2 {
		mustStart(t, h, n)
		if _, err := h.Kill(t.Context(), n, &listener{}); err != nil {
			t.Fatal(err)
		}
	}
	wantEvents(t, h, n, "start", "stop signal", "start", "stop signal", "start", "stop signal")
	if told := entries(t, h, n)[1]; !told.At.Equal(stopped.At) || told.Text != stopped.Text || told.Stop == nil || told.Stop.By != stopped.Stop.By {
		t.Errorf("told %+v, want %+v", told, stopped)
	}
}

// A kill does not wait for the stop that is under way, which sees the guest die.
// That is one end.
func TestAKillDuringAStopIsOneEnd(t *testing.T) {
	woken, release := make(chan struct{}), make(chan struct{})
	h, n, _ := newHouse(t, func(k *fakeKind) { k.wake = func(context.Context) { close(woken); <-release } })
	mustStart(t, h, n)
	_, proc, err := h.peek(t.Context(), n, discard{})
	if err != nil || proc == nil {
		t.Fatal(proc, err)
	}
	defer proc.Close()
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := h.Stop(t.Context(), n, &listener{}); err != nil {
			t.Error(err)
		}
	})
	<-woken
	group.Go(func() {
		if _, err := h.Kill(t.Context(), n, &listener{}); err != nil {
			t.Error(err)
		}
	})
	if err := proc.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	for range 200 { // the kill tells as soon as it has seen the end
		if len(entries(t, h, n)) == 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	close(release)
	group.Wait()
	ends := 0
	for _, e := range entries(t, h, n) {
		if e.Event != "start" {
			ends++
		}
	}
	if ends != 1 {
		t.Errorf("%d ends: %q", ends, events(t, h, n))
	}
}

// A start that was killed before it had made a process ended nothing.
func TestAStartWithoutAProcessHasNoEnd(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	if _, err := h.Stop(t.Context(), n, &listener{}); err != nil {
		t.Fatal(err)
	}
	g, err := h.open(t.Context(), n, LockPatience)
	if err != nil {
		t.Fatal(err)
	}
	boot, err := pidfile.BootID()
	if err != nil {
		t.Fatal(err)
	}
	err = g.save(func(s *State) {
		*s = State{Phase: PhaseStarting, BootID: boot, StartedAt: time.Now(), LastStop: s.LastStop}
	})
	if err := errors.Join(err, g.close()); err != nil {
		t.Fatal(err)
	}
	notice(t, h, n)
	mustStart(t, h, n)
	wantEvents(t, h, n, "start", "stop signal", "start")
}
