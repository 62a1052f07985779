package guest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// TestProcessesThatLiveOnAreNotStopped: the guest's process is gone, others of
// it cannot be ended. The record stays, so that the next command finds them.
func TestProcessesThatLiveOnAreNotStopped(t *testing.T) {
	h, n, k := newHouse(t)
	mustStart(t, h, n)
	alive := fmt.Errorf("%w: 42", ErrAlive)
	k.sweep.Store(&alive)
	record, err := h.Stop(t.Context(), n, &listener{})
	if !errors.Is(err, ErrAlive) || record == nil || !record.Stop.Down {
		t.Fatalf("stop: %+v, %v", record, err)
	}
	if st := statusOf(t, h, n); st.State != Crashed || st.LastStop == nil {
		t.Errorf("status: %+v", st)
	}
	if err := h.Start(t.Context(), n, &listener{}); !errors.Is(err, ErrAlive) {
		t.Errorf("start beside them: %v", err)
	}
	k.sweep.Store(nil)
	if _, err := h.Stop(t.Context(), n, &listener{}); err != nil {
		t.Errorf("stop once they can be ended: %v", err)
	}
	if st := statusOf(t, h, n); st.State != Stopped {
		t.Errorf("status: %+v", st)
	}
	mustStart(t, h, n)
}

// interrupted begins a stop that is called off while the guest is asked.
func interrupted(t *testing.T, h *House, n Name) {
	t.Helper()
	g, err := h.open(t.Context(), n, LockPatience)
	if err == nil {
		err = errors.Join(g.save(func(s *State) { s.Stopping = true }), g.close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestStartAfterAnInterruptedStop: to call a guest running that was asked to
// end would be true for a while only.
func TestStartAfterAnInterruptedStop(t *testing.T) {
	h, n, k := newHouse(t)
	st := mustStart(t, h, n)
	interrupted(t, h, n)
	if st := statusOf(t, h, n); st.State != Running || !strings.Contains(st.Message, "stop") {
		t.Errorf("status: %+v", st)
	}
	waits := make(chan struct{})
	l := &onSay{said: waits}
	go func() {
		<-waits // the start waits for the end
		if p, err := pidfile.Capture(st.PID); err == nil {
			p.Signal(unix.SIGTERM)
			p.Close()
		}
	}()
	if err := h.Start(t.Context(), n, l); err != nil {
		t.Fatal(err)
	}
	if again := statusOf(t, h, n); again.State != Running || again.PID == st.PID || again.Message != "" || k.spawned.Load() != 2 {
		t.Errorf("status: %+v, %d processes made", again, k.spawned.Load())
	}
}

// TestStopIsOnRecordWhileItGoesOn and no longer.
func TestStopIsOnRecordWhileItGoesOn(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	l := &onRung{look: func() string { return statusOf(t, h, n).Message }}
	if _, err := h.Stop(t.Context(), n, l); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(l.seen, "being stopped") {
		t.Errorf("during the stop, status said %q", l.seen)
	}
	mustStart(t, h, n)
	if st := statusOf(t, h, n); st.Message != "" {
		t.Errorf("after another start: %+v", st)
	}
}

// onSay is told when something is said.
type onSay struct {
	discard
	said chan struct{}
}

func (o *onSay) Say(string) {
	select {
	case <-o.said:
	default:
		close(o.said)
	}
}

// onRung looks once while a rung is at work.
type onRung struct {
	discard
	look func() string
	seen string
}

func (o *onRung) Rung(e shutdown.Event) {
	if o.seen == "" && e.Outcome == nil {
		o.seen = o.look()
	}
}
