package initd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestGoingDownIsTheRunlevelShutdown(t *testing.T) {
	for level, want := range map[string]bool{"shutdown": true, "single": false, "default": false, "": false} {
		env := map[string]string{"RC_RUNLEVEL": level, "RC_GOINGDOWN": "YES"}
		if got := GoingDown(func(name string) string { return env[name] }); got != want {
			t.Errorf("runlevel %q: %v", level, got)
		}
	}
}

// The gate goes into a runlevel once, wherever that is, and is started where
// OpenRC runs, since only what was started is stopped.
func TestGateIsEnabledOnce(t *testing.T) {
	h, root := hostWith(t, nil, nil)
	for n, level := range []string{"boot", "default"} {
		if added, err := h.EnableGate(t.Context(), level); err != nil || added != (n == 0) {
			t.Errorf("%s: %v, %v", level, added, err)
		}
	}
	wantLinks(t, root, map[string]string{"etc/runlevels/boot/guestrc": "/etc/init.d/guestrc"})
	if left, err := h.DisableGate(t.Context()); err != nil || !slices.Equal(left, []string{"boot"}) {
		t.Errorf("%v, %v", left, err)
	}
	wantLinks(t, root, map[string]string{})

	fake := &fakeRC{}
	h.Run = fake.run
	state(t, root, map[string]string{"softlevel": "default"})
	if added, err := h.EnableGate(t.Context(), "default"); err != nil || !added {
		t.Errorf("%v, %v", added, err)
	}
	if want := []string{"rc-update add guestrc default", "rc-service --quiet --nodeps guestrc start"}; !slices.Equal(fake.said, want) {
		t.Errorf("%q, want %q", fake.said, want)
	}
	if added, err := h.EnableGate(t.Context(), "nonesuch"); err == nil || added {
		t.Errorf("a runlevel that is not there: %v, %v", added, err)
	}
	h.Run = (&fakeRC{err: errors.New("no")}).run
	if added, err := h.EnableGate(t.Context(), "default"); err == nil || added {
		t.Errorf("rc-update failed: %v, %v", added, err)
	}
}

// OpenRC removes the file of a service that it is done with; somebody may have it
// open, and locked, for longer.
func TestGateIsAwaitedWhileItIsStopped(t *testing.T) {
	h, root := hostWith(t, nil, nil)
	if err := h.AwaitGate(t.Context()); err != nil {
		t.Errorf("where it is not stopped: %v", err)
	}
	state(t, root, map[string]string{"exclusive/guestrc": ""})
	path := filepath.Join(root, stateDir, "exclusive/guestrc")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := h.AwaitGate(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it is stopped: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- h.AwaitGate(ctx) }()
	if err := errors.Join(os.Chmod(path, 0o600), os.Remove(path), <-done); err != nil {
		t.Error(err)
	}
}

func TestMarkStopped(t *testing.T) {
	h, root := hostWith(t, nil, nil)
	state(t, root, map[string]string{"started/qemu.a": "", "failed/qemu.a": "", "started/qemu.b": "", "started/qemu.busy": "", "exclusive/qemu.busy": "",
		"exclusive/qemu.b": "", "started/qemu.watched": "", "daemons/qemu.watched/001": "", "stopping/qemu.c": "", "started/other": ""})
	f, err := os.Open(filepath.Join(root, stateDir, "exclusive/qemu.busy"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	if err := h.MarkStopped([]string{"qemu.a", "qemu.b", "qemu.busy", "qemu.watched", "qemu.c", "qemu.none", "../started/other"}); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string][]string{"started": {"other", "qemu.busy", "qemu.watched"}, "failed": nil, "stopping": {"qemu.c"}} {
		names, err := h.Tree.List(filepath.Join(stateDir, dir))
		if err != nil || !slices.Equal(names, want) {
			t.Errorf("%s: %q, %v; want %q", dir, names, err, want)
		}
	}
}
