package guest

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

func TestOnlyWhatIsDownIsCleared(t *testing.T) {
	h, n, k := newHouse(t)
	mustStart(t, h, n)
	var refused *Error
	if err := h.Clear(t.Context(), n, &listener{}); !errors.As(err, &refused) || refused.Status != StatusRefused {
		t.Errorf("of a guest that runs: %v", err)
	}
	st := statusOf(t, h, n)
	if st.State != Running {
		t.Fatalf("it has ended: %+v", st)
	}
	p, err := pidfile.Capture(st.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := errors.Join(p.Signal(unix.SIGKILL), p.Wait(t.Context())); err != nil {
		t.Fatal(err)
	}
	left := (&fakeInstance{kind: *k, layout: h.Layout, name: n}).leftover()
	if st := statusOf(t, h, n); st.State != Crashed {
		t.Fatalf("killed: %+v", st)
	}
	if err := h.Clear(t.Context(), n, &listener{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is left: %v", err)
	}
	if st := statusOf(t, h, n); st.State != Stopped || st.LastStop == nil || !st.LastStop.Stop.Died {
		t.Errorf("cleared: %+v", st)
	}
	if err := h.Clear(t.Context(), n, &listener{}); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestExaminationTellsWhatNothingDescribes(t *testing.T) {
	h, n, k := newHouse(t, func(k *fakeKind) { k.preflight = errors.New("no disk") })
	look := h.Examiner()
	x, err := look(t.Context(), n)
	if err != nil || x.Err != nil || x.Nothing || x.Refusal == nil || x.Refusal.Error() != "no disk" || x.Config == nil || x.Plan.Stop == "" {
		t.Errorf("%+v, %v", x, err)
	}
	if x, err := look(t.Context(), Name{k.Name(), "nosuch"}); err != nil || !x.Nothing || x.Err == nil {
		t.Errorf("of no guest: %+v, %v", x, err)
	}
	if err := os.WriteFile(h.Layout.ConfFiles(n)[1], []byte("secnods=1\nseconds=many\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if x, err := look(t.Context(), n); err != nil || x.Nothing || x.Err == nil || len(x.Warnings) != 1 {
		t.Errorf("beside an error, warnings are told: %+v, %v", x, err)
	}
	if _, err := os.Stat(h.Layout.RunBase()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a look has made something: %v", err)
	}
}
