package pidfile

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRecall(t *testing.T) {
	c := spawn(t, "wait")
	rec := capture(t, c.pid).Identity()
	p, err := Recall(rec)
	ok(t, err)
	if p.Identity() != rec {
		t.Errorf("recalled %+v", p.Identity())
	}
	damaged := rec
	damaged.Pid = 0
	if _, err := Recall(damaged); err == nil || errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged record: %v", err)
	}
	ok(t, p.Signal(unix.SIGKILL))
	ok(t, p.Wait(t.Context()))
	ok(t, p.Close())
	for range 2 { // zombie, then reaped
		if _, err := Recall(rec); !errors.Is(err, ErrNotRunning) {
			t.Errorf("of what ended: %v", err)
		}
		c.reap()
	}
	rec = capture(t, os.Getpid()).Identity()
	rec.BootID = "another"
	if _, err := Recall(rec); !errors.Is(err, ErrNotRunning) {
		t.Errorf("of another boot: %v", err)
	}
}

func TestLeaseHeld(t *testing.T) {
	dir := guestDir(t)
	f := lease(t, dir)
	if held, err := LeaseHeld(dir); !held || err != nil {
		t.Errorf("held: %v, %v", held, err)
	}
	ok(t, f.Close())
	if held, err := LeaseHeld(dir); held || err != nil {
		t.Errorf("given up: %v, %v", held, err)
	}
}
