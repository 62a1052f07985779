package guest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

func statusOf(t *testing.T, h *House, n Name) Status {
	t.Helper()
	st, err := h.Status(t.Context(), n, true)
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	return st
}

func mustStart(t *testing.T, h *House, n Name) Status {
	t.Helper()
	if err := h.Start(t.Context(), n, &listener{}); err != nil {
		t.Fatalf("start: %v", err)
	}
	st := statusOf(t, h, n)
	if st.State != Running || st.PID == 0 {
		t.Fatalf("after start: %+v", st)
	}
	return st
}

func TestLife(t *testing.T) {
	h, n, k := newHouse(t)
	if st := statusOf(t, h, n); st.State != Stopped || st.Code != StateStopped {
		t.Fatalf("before the first start: %+v", st)
	}
	first := mustStart(t, h, n)
	if first.ReadyAt.IsZero() || first.Schedule != "TERM/5/KILL/5" || first.Condition.State != "running" {
		t.Errorf("status of a running guest: %+v", first)
	}
	again := &listener{}
	if err := h.Start(t.Context(), n, again); err != nil || len(again.fresh) != 1 || again.fresh[0] {
		t.Errorf("a second start: %v, fresh %v; want success and nothing new", err, again.fresh)
	}
	if k.spawned.Load() != 1 {
		t.Errorf("%d processes were made, want 1", k.spawned.Load())
	}
	record, err := h.Stop(t.Context(), n, &listener{})
	if err != nil || record == nil || record.Stop.By != "TERM" || !record.Stop.Down {
		t.Fatalf("stop: %+v, %v", record, err)
	}
	st := statusOf(t, h, n)
	if st.State != Stopped || st.LastStop == nil || !strings.HasSuffix(st.LastStop.Text, "by TERM") || st.LastStop.Cause != "signal" {
		t.Errorf("after stop: %+v", st)
	}
	if record, err := h.Stop(t.Context(), n, &listener{}); err != nil || record != nil {
		t.Errorf("stop of a stopped guest: %+v, %v", record, err)
	}
	if _, err := os.Stat(filepath.Join(h.Layout.RunDir(n), "left")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a leftover is left: %v", err)
	}
}

func TestStartThatFailsLeavesNothing(t *testing.T) {
	broken := errors.New("broken on purpose")
	cases := map[string]struct {
		change func(*fakeKind)
		status int
		spawns int32
	}{
		"preflight": {func(k *fakeKind) { k.preflight = broken }, StatusNotConfigured, 0},
		"settle":    {func(k *fakeKind) { k.settle = broken }, StatusFailed, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h, n, k := newHouse(t, c.change)
			err := h.Start(t.Context(), n, &listener{})
			if !errors.Is(err, broken) || ExitStatus(err) != c.status {
				t.Errorf("start: %v (status %d), want status %d", err, ExitStatus(err), c.status)
			}
			if k.spawned.Load() != c.spawns {
				t.Errorf("%d processes made, want %d", k.spawned.Load(), c.spawns)
			}
			if st := statusOf(t, h, n); st.State != Stopped {
				t.Errorf("afterwards: %+v", st)
			}
			k.preflight, k.settle = nil, nil
			mustStart(t, h, n)
		})
	}
}

func TestSlowGuestIsAWarning(t *testing.T) {
	h, n, _ := newHouse(t, func(k *fakeKind) { k.ready = errors.New("nobody home") })
	l := &listener{}
	if err := h.Start(t.Context(), n, l); err != nil {
		t.Fatal(err)
	}
	if len(l.said) != 1 || !strings.Contains(l.said[0], "not ready in time: nobody home") {
		t.Errorf("said %q", l.said)
	}
	if st := statusOf(t, h, n); st.State != Running || !st.ReadyAt.IsZero() {
		t.Errorf("status %+v: want running, not ready", st)
	}
}

// A starter that was killed after it made the process and before it wrote the
// record: one more start converges.
func TestStartCompletesAnInterruptedOne(t *testing.T) {
	h, n, k := newHouse(t)
	i, err := h.Configure(t.Context(), n, discard{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := h.open(t.Context(), n, LockPatience)
	if err != nil {
		t.Fatal(err)
	}
	lease, held, err := pidfile.OpenLease(g.dir)
	if err != nil || held {
		t.Fatal(held, err)
	}
	if err := g.save(func(s *State) { s.Phase = PhaseStarting }); err != nil {
		t.Fatal(err)
	}
	p, err := i.Start(t.Context(), lease)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	lease.Close()
	g.close()

	if st := statusOf(t, h, n); st.State != Starting || st.PID != p.Pid() {
		t.Errorf("meanwhile: %+v, want starting with pid %d", st, p.Pid())
	}
	if st := mustStart(t, h, n); st.PID != p.Pid() || k.spawned.Load() != 1 {
		t.Errorf("the start made another process: %+v, %d made", st, k.spawned.Load())
	}
	if record, err := h.Stop(t.Context(), n, discard{}); err != nil || record == nil {
		t.Errorf("stop: %v, %v", record, err)
	}
}

func TestCrashIsToldAndStartsAgain(t *testing.T) {
	h, n, _ := newHouse(t)
	st := mustStart(t, h, n)
	p, err := pidfile.Capture(st.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := errors.Join(p.Signal(unix.SIGKILL), p.Wait(t.Context())); err != nil {
		t.Fatal(err)
	}
	if st := statusOf(t, h, n); st.State != Crashed || st.Code != StateCrashed {
		t.Errorf("after kill -9: %+v", st)
	}
	l := &listener{}
	if err := h.Start(t.Context(), n, l); err != nil || len(l.said) == 0 {
		t.Errorf("start after a crash: %v, said %q", err, l.said)
	}
}

func TestEndedByItself(t *testing.T) {
	h, n, _ := newHouse(t)
	st := mustStart(t, h, n)
	p, err := pidfile.Capture(st.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := os.Remove(filepath.Join(h.Layout.RunDir(n), "left")); err != nil { // as an end in order does
		t.Fatal(err)
	}
	if err := errors.Join(p.Signal(unix.SIGTERM), p.Wait(t.Context())); err != nil {
		t.Fatal(err)
	}
	if st := statusOf(t, h, n); st.State != Stopped || st.Message != "it ended by itself" {
		t.Errorf("status %+v", st)
	}
}

func TestRacingStartersMakeOneGuest(t *testing.T) {
	h, n, k := newHouse(t)
	var group sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		group.Go(func() { errs[i] = h.Start(t.Context(), n, discard{}) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if k.spawned.Load() != 1 {
		t.Errorf("%d guests were made", k.spawned.Load())
	}
}

func TestStopUsesTheRecordWhenTheFileIsBroken(t *testing.T) {
	h, n, _ := newHouse(t)
	for _, text := range []string{"seconds=$(id)\n", "seconds=many\n"} {
		mustStart(t, h, n)
		if err := os.WriteFile(h.Layout.ConfFiles(n)[1], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		l := &listener{}
		record, err := h.Stop(t.Context(), n, l)
		if err != nil || record == nil || !record.Stop.Down {
			t.Errorf("%q: stop: %v, %v", text, record, err)
		}
		if len(l.said) != 1 || !strings.Contains(l.said[0], "fake.a:1:") {
			t.Errorf("%q: said %q, want a warning with the position", text, l.said)
		}
		if err := os.WriteFile(h.Layout.ConfFiles(n)[1], nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamagedRecordIsNotGuessedFrom(t *testing.T) {
	h, n, _ := newHouse(t)
	st := mustStart(t, h, n)
	if err := os.WriteFile(filepath.Join(h.Layout.RunDir(n), "state.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stop(t.Context(), n, discard{}); ExitStatus(err) != StatusRefused {
		t.Errorf("stop: %v, want status 4", err)
	}
	if st, err := h.Status(t.Context(), n, true); err != nil || st.Code != StateUnknown {
		t.Errorf("status: %+v, %v", st, err)
	}
	p, err := pidfile.Capture(st.PID)
	if err != nil {
		t.Fatalf("the guest was touched: %v", err)
	}
	p.Close()
}

func TestUnknownGuest(t *testing.T) {
	h, _, _ := newHouse(t)
	for _, act := range []func(context.Context, Name) error{
		func(ctx context.Context, n Name) error { return h.Start(ctx, n, discard{}) },
		func(ctx context.Context, n Name) error { _, err := h.Stop(ctx, n, discard{}); return err },
		func(ctx context.Context, n Name) error { _, err := h.Status(ctx, n, true); return err },
	} {
		if err := act(t.Context(), Name{"fake", "nobody"}); ExitStatus(err) != StatusNotConfigured {
			t.Errorf("got %v, want status 6", err)
		}
		if err := act(t.Context(), Name{"other", "a"}); ExitStatus(err) != StatusUsage {
			t.Errorf("got %v, want status 2", err)
		}
	}
	if err := h.Reset(t.Context(), Name{"fake", "a"}, discard{}); ExitStatus(err) != StatusNotRunning {
		t.Errorf("reset of a stopped guest: %v, want status 7", err)
	}
}

func TestKillWorksDuringAStop(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	g, err := h.open(t.Context(), n, LockPatience) // as a stop under way has it
	if err != nil {
		t.Fatal(err)
	}
	killed := make(chan error)
	go func() { _, err := h.Kill(t.Context(), n, discard{}); killed <- err }()
	p, err := pidfile.Recall(*g.state.Process)
	if err == nil {
		err = p.Wait(t.Context())
		p.Close()
	}
	if err != nil && !errors.Is(err, pidfile.ErrNotRunning) {
		t.Fatal(err)
	}
	if err := g.close(); err != nil {
		t.Fatal(err)
	}
	if err := <-killed; err != nil {
		t.Errorf("kill: %v", err)
	}
	if st := statusOf(t, h, n); st.State != Stopped {
		t.Errorf("after kill: %+v", st)
	}
}

func TestParseName(t *testing.T) {
	good := map[string]Name{
		"qemu.db": {"qemu", "db"}, "lxc.a.b": {"lxc", "a.b"}, "qemu.0": {"qemu", "0"}, "net.br0": {"net", "br0"},
		"qemu.A_b-c.D": {"qemu", "A_b-c.D"}, "qemu." + strings.Repeat("x", 64): {"qemu", strings.Repeat("x", 64)},
	}
	for text, want := range good {
		if got, err := ParseName(text); err != nil || got != want || got.String() != text {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "qemu", "qemu.", ".db", "qemu..db", "qemu.-x", "qemu.a/b", "qemu.a b", "Qemu.a", "qemu.a\n",
		"qemu.é", "../qemu.a", "qemu." + strings.Repeat("x", 65), "qemu.a\x00"} {
		if _, err := ParseName(text); ExitStatus(err) != StatusUsage {
			t.Errorf("%q: %v, want a usage error", text, err)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{"qemu.db", "lxc.a.b", "qemu./x", "a.b\x00", "qemu.-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseName(text)
		if err != nil {
			return
		}
		if n.String() != text || filepath.Base(text) != text || strings.ContainsAny(text, "/ \n\x00") || strings.HasPrefix(n.Instance, ".") {
			t.Errorf("%q was accepted as %+v", text, n)
		}
	})
}

// LSB's 2: the guest is dead, and something that it started has its lease.
func TestSurvivorOfADeadGuest(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	if _, err := h.Stop(t.Context(), n, discard{}); err != nil {
		t.Fatal(err)
	}
	dir, err := pidfile.OpenDir(h.Layout.RunDir(n), false)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	lease, held, err := pidfile.OpenLease(dir)
	if err != nil || held {
		t.Fatal(held, err)
	}
	defer lease.Close()
	if st := statusOf(t, h, n); st.State != Crashed || st.Code != StateLocked {
		t.Errorf("status: %+v", st)
	}
	if err := h.Start(t.Context(), n, discard{}); ExitStatus(err) != StatusRefused {
		t.Errorf("start beside a survivor: %v", err)
	}
}
