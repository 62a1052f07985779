package guest

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/pidfile"
)

func entries(t *testing.T, h *House, n Name) []history.Entry {
	t.Helper()
	found, err := history.Store{Dir: Layout{Root: h.Layout.Root}.HistoryDir()}.Read(n.String())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// events are an entry's event, cause and whether it failed, each.
func events(t *testing.T, h *House, n Name) (told []string) {
	t.Helper()
	for _, e := range entries(t, h, n) {
		word := strings.TrimSuffix(e.Event+" "+e.Cause, " ")
		if e.Error != "" {
			word += " failed"
		}
		told = append(told, word)
	}
	return told
}

func wantEvents(t *testing.T, h *House, n Name, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, events(t, h, n)); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestStartsAndStopsAreKept(t *testing.T) {
	h, n, _ := newHouse(t)
	before := time.Now().Add(-time.Second)
	st := mustStart(t, h, n)
	if err := h.Start(t.Context(), n, &listener{}); err != nil { // it runs: no event
		t.Fatal(err)
	}
	if _, err := h.Stop(t.Context(), n, &listener{}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is stopped: no event
		if _, err := h.Stop(t.Context(), n, &listener{}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Kill(t.Context(), n, &listener{}); err != nil {
			t.Fatal(err)
		}
	}
	wantEvents(t, h, n, "start", "stop signal")
	kept := entries(t, h, n)
	start, stop := kept[0], kept[1]
	boot, err := pidfile.BootID()
	if err != nil {
		t.Fatal(err)
	}
	if !start.Fresh || !start.Ready || start.PID != st.PID || start.Up.Before(start.Began) || start.At.Before(start.Up) || start.Began.Before(before) ||
		start.BootID != boot || start.Uptime <= 0 {
		t.Errorf("start: %+v", start)
	}
	if stop.Stop == nil || stop.Stop.By != "TERM" || stop.PID != st.PID || stop.Schedule != "TERM/5/KILL/5" || !strings.Contains(stop.Text, "by TERM") ||
		stop.At.Before(stop.Began) || stop.Uptime < start.Uptime {
		t.Errorf("stop: %+v", stop)
	}
	if stop.Exit == nil || stop.Exit.Signal != unix.SIGTERM {
		t.Errorf("exit: %v", stop.Exit)
	}
}

func TestWhatFailsIsKept(t *testing.T) {
	h, n, k := newHouse(t, func(k *fakeKind) { k.preflight = errors.New("no such disk") })
	if err := h.Start(t.Context(), n, &listener{}); err == nil {
		t.Fatal("it starts")
	}
	k.preflight = nil
	mustStart(t, h, n)
	_, p, err := h.peek(t.Context(), n, discard{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Signal(unix.SIGSTOP); err != nil { // so that it does not hear
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Stop(ctx, n, &listener{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	wantEvents(t, h, n, "start failed", "start", "stop signal failed")
	kept := entries(t, h, n)
	if !strings.Contains(kept[2].Error, "context canceled") || kept[2].Stop.Down || kept[2].Exit != nil {
		t.Errorf("stop: %+v", kept[2])
	}
	if !strings.Contains(kept[0].Error, "no such disk") || !kept[0].Up.IsZero() {
		t.Errorf("start: %+v", kept[0])
	}
}

func TestWhatDoesNotExistHasNoHistory(t *testing.T) {
	h, _, _ := newHouse(t)
	for _, n := range []Name{{"fake", "nobody"}, {"strange", "x"}} {
		if err := h.Start(t.Context(), n, &listener{}); err == nil {
			t.Error("it starts")
		}
		if kept := entries(t, h, n); kept != nil {
			t.Errorf("kept: %+v", kept)
		}
	}
}

func TestNobodysServiceHasNoHistory(t *testing.T) {
	h, n, _ := newHouse(t)
	h.Layout.Run = t.TempDir()
	mustStart(t, h, n)
	if _, err := h.Stop(t.Context(), n, &listener{}); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, h, n)
}

// What cannot be kept is a warning: the guest is to start and stop all the same.
func TestAHistoryThatCannotBeWritten(t *testing.T) {
	h, n, _ := newHouse(t)
	dir := h.Layout.At("var", "lib", "guestrc")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(h.Layout.HistoryDir(), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	l := &listener{}
	if err := h.Start(t.Context(), n, l); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stop(t.Context(), n, l); err != nil {
		t.Fatal(err)
	}
	if len(l.said) != 2 || !strings.HasPrefix(l.said[0], "cannot write the history of fake.a: ") {
		t.Errorf("said %q", l.said)
	}
}

// ends ends the guest's process behind our back: in order, or leaving traces.
func ends(t *testing.T, h *House, n Name, inOrder bool) {
	t.Helper()
	i, p, err := h.peek(t.Context(), n, discard{})
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	defer p.Close()
	if inOrder {
		err = i.Sweep(t.Context())
	}
	if err = errors.Join(err, p.Signal(unix.SIGKILL), p.Wait(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func notice(t *testing.T, h *House, n Name) Status {
	t.Helper()
	st, err := h.Notice(t.Context(), n, statusOf(t, h, n))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestAnEndInOrderIsNoticedOnce(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	ends(t, h, n, true)
	for range 3 {
		st := notice(t, h, n)
		if st.State != Stopped || st.Code != StateStopped || st.Message != "it ended by itself" || st.LastStop == nil || !st.LastStop.Own ||
			st.LastStop.Cause != CauseGuest || !st.LastStop.About || st.LastStop.At.IsZero() {
			t.Errorf("status: %+v, last stop %+v", st, st.LastStop)
		}
	}
	wantEvents(t, h, n, "start", "end guest")
	mustStart(t, h, n)
	wantEvents(t, h, n, "start", "end guest", "start")
}

func TestACrashIsNoticedOnceAndStaysOne(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	ends(t, h, n, false)
	for range 3 {
		st := notice(t, h, n)
		if st.State != Crashed || st.Code != StateCrashed || st.End == nil || !strings.Contains(st.Message, "its process died; it left ") {
			t.Errorf("status: %+v", st)
		}
	}
	wantEvents(t, h, n, "start", "end crash")
	if r, err := h.Stop(t.Context(), n, &listener{}); err != nil || r != nil {
		t.Errorf("stop: %+v, %v", r, err)
	}
	if st := notice(t, h, n); st.State != Stopped || st.LastStop.Cause != CauseCrash {
		t.Errorf("after a stop: %+v", st)
	}
	wantEvents(t, h, n, "start", "end crash")
}

// Whoever acts on a guest next keeps what nobody has noticed.
func TestAnEndThatNobodyNoticedIsKeptByTheNextAction(t *testing.T) {
	for name, act := range map[string]func(*House, Name) error{
		"start": func(h *House, n Name) error { return h.Start(context.Background(), n, &listener{}) },
		"stop":  func(h *House, n Name) error { _, err := h.Stop(context.Background(), n, &listener{}); return err },
		"kill":  func(h *House, n Name) error { _, err := h.Kill(context.Background(), n, &listener{}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			h, n, _ := newHouse(t)
			mustStart(t, h, n)
			ends(t, h, n, false)
			if err := act(h, n); err != nil {
				t.Fatal(err)
			}
			want := []string{"start", "end crash"}
			if name == "start" {
				want = append(want, "start")
			}
			wantEvents(t, h, n, want...)
			if st := statusOf(t, h, n); st.LastStop == nil || st.LastStop.Cause != CauseCrash {
				t.Errorf("last stop: %+v", st.LastStop)
			}
		})
	}
}

func TestAStartThatFailsKeepsAnEndOnce(t *testing.T) {
	h, n, k := newHouse(t)
	mustStart(t, h, n)
	ends(t, h, n, false)
	k.preflight = errors.New("no such disk")
	for range 2 {
		if err := h.Start(t.Context(), n, &listener{}); err == nil {
			t.Fatal("it starts")
		}
	}
	wantEvents(t, h, n, "start", "end crash", "start failed", "start failed")
}

// While somebody acts on the guest its end is theirs to tell.
func TestNothingIsNoticedUnderAnothersLock(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	ends(t, h, n, false)
	g, err := h.open(t.Context(), n, LockPatience)
	if err != nil {
		t.Fatal(err)
	}
	if st := notice(t, h, n); st.State != Crashed {
		t.Errorf("status: %+v", st)
	}
	wantEvents(t, h, n, "start")
	if err := g.close(); err != nil {
		t.Fatal(err)
	}
	notice(t, h, n)
	wantEvents(t, h, n, "start", "end crash")
}

// A kill is no crash, however often somebody looks meanwhile.
func TestAKillIsNotTakenForACrash(t *testing.T) {
	h, n, _ := newHouse(t)
	for range 30 {
		mustStart(t, h, n)
		stop := make(chan struct{})
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			for {
				select {
				case <-stop:
					return
				default:
					if st, err := h.Status(context.Background(), n, false); err == nil {
						h.Notice(context.Background(), n, st)
					}
				}
			}
		}()
		_, err := h.Kill(t.Context(), n, &listener{})
		close(stop)
		<-looked
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range entries(t, h, n) {
		if e.Event != []string{history.Start, history.Stop}[i%2] {
			t.Fatalf("entry %d: %+v", i, e)
		}
	}
}

func TestWhoeverWatchedTellsTheExit(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	how := Ending{At: time.Now(), Exit: &pidfile.ExitStatus{Signal: unix.SIGSEGV, Core: true}}
	if err := h.Ended(t.Context(), n, how, &listener{}); err != nil { // it runs
		t.Fatal(err)
	}
	wantEvents(t, h, n, "start")
	ends(t, h, n, false)
	for range 2 {
		how.At = time.Now()
		if err := h.Ended(t.Context(), n, how, &listener{}); err != nil {
			t.Fatal(err)
		}
	}
	wantEvents(t, h, n, "start", "end crash")
	if e := entries(t, h, n)[1]; e.About || e.Exit == nil || *e.Exit != *how.Exit || !e.Crashed {
		t.Errorf("end: %+v", e)
	}
	if st := statusOf(t, h, n); !strings.Contains(st.Message, "its process died: killed by SIGSEGV (core dumped)") {
		t.Errorf("status: %+v", st)
	}
}

// A start that was killed half-way, and whose process has ended since.
func TestAStartThatWasCutShortIsTold(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	ends(t, h, n, true)
	g, err := h.open(t.Context(), n, LockPatience)
	if err == nil {
		err = errors.Join(g.save(func(s *State) { s.Phase = PhaseStarting }), g.close())
	}
	if err != nil {
		t.Fatal(err)
	}
	notice(t, h, n)
	if e := entries(t, h, n)[1]; !strings.Contains(e.Text, "its start was never completed") {
		t.Errorf("end: %+v", e)
	}
}

func TestARestartOfTheHostIsAnEnd(t *testing.T) {
	h, n, _ := newHouse(t)
	mustStart(t, h, n)
	ends(t, h, n, false)
	g, err := h.open(t.Context(), n, LockPatience)
	if err == nil {
		err = errors.Join(g.save(func(s *State) { s.BootID = "another" }), g.close())
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if st := notice(t, h, n); st.State != Stopped || st.Message != "the host was restarted while it ran" {
			t.Errorf("status: %+v", st)
		}
	}
	wantEvents(t, h, n, "start", "end host")
	if e := entries(t, h, n)[1]; e.BootID != "another" || e.Uptime != 0 || !e.About {
		t.Errorf("end: %+v", e)
	}
}

// A stop that could not end all of a guest has told how its process ended.
func TestWhatOutlivesAStopIsNoSecondEnd(t *testing.T) {
	h, n, k := newHouse(t)
	mustStart(t, h, n)
	alive := ErrAlive
	k.sweep.Store(&alive)
	if _, err := h.Stop(t.Context(), n, &listener{}); !errors.Is(err, ErrAlive) {
		t.Fatal(err)
	}
	if st := notice(t, h, n); st.State != Crashed || !strings.Contains(st.Message, "live on") {
		t.Errorf("status: %+v", st)
	}
	k.sweep.Store(nil)
	mustStart(t, h, n)
	wantEvents(t, h, n, "start", "stop signal failed", "start")
}

func TestOccasionAndOrderAreKept(t *testing.T) {
	h, n, _ := newHouse(t)
	lines := `rc_need="fake.db sshd" rc_after="fake.db strange.x fake.web" rc_before="fake.z"`
	if err := os.WriteFile(h.Layout.ConfFiles(n)[1], []byte(strings.ReplaceAll(lines, `" `, "\"\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	mustStart(t, h, n)
	h.Occasion = &history.Occasion{ID: "7", What: history.StopAll, Began: time.Now()}
	h.After = map[string][]string{n.String(): {"fake.late"}}
	if _, err := h.Stop(t.Context(), n, &listener{}); err != nil {
		t.Fatal(err)
	}
	kept := entries(t, h, n)
	if diff := cmp.Diff([]string{"fake.db", "fake.web"}, kept[0].After); diff != "" || kept[0].Occasion != nil {
		t.Errorf("start: %s%+v", diff, kept[0].Occasion)
	}
	if diff := cmp.Diff([]string{"fake.late"}, kept[1].After); diff != "" || kept[1].Occasion == nil || kept[1].Occasion.ID != "7" {
		t.Errorf("stop: %s%+v", diff, kept[1].Occasion)
	}
}
