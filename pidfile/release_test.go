package pidfile

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRelease(t *testing.T) {
	dir := guestDir(t)
	ok(t, Release(dir, PidFile)) // absent
	g := guest(t, dir)
	err := Release(dir, PidFile)
	if !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), lockedBy(g.pid)) {
		t.Errorf("of a held one: %v", err)
	}
	wantHolder(t, dir, g.pid)
	g.kill()
	ok(t, Release(dir, PidFile))
	if got := names(t, dir); got != "" {
		t.Errorf("left: %s", got)
	}
}

func TestReleaseHeldByDescription(t *testing.T) {
	dir := guestDir(t)
	f, err := os.OpenFile(pidfileOf(dir), os.O_CREATE|os.O_RDWR, 0o600)
	ok(t, err)
	defer f.Close()
	ok(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	if err := Release(dir, PidFile); !errors.Is(err, ErrHeld) {
		t.Errorf("error is %v", err)
	}
}

// What somebody put in its place after we looked is not ours to remove.
func TestReleaseReplaced(t *testing.T) {
	dir := guestDir(t)
	ok(t, os.WriteFile(pidfileOf(dir), nil, 0o600))
	f, err := openRegular(dir, PidFile, unix.O_RDONLY, 0)
	ok(t, err)
	defer f.Close()
	ok(t, os.Remove(pidfileOf(dir)))
	g := guest(t, dir)
	if err := unlinkFile(dir, PidFile, f); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("error is %v", err)
	}
	wantHolder(t, dir, g.pid)
}

// Guests that start while we release, in the way that QEMU starts: one that
// settled in its pidfile never loses it, and a look never sees our own lock.
func TestReleaseAgainstStarts(t *testing.T) {
	dir := guestDir(t)
	path := pidfileOf(dir)
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := Release(dir, PidFile); err != nil && !errors.Is(err, ErrHeld) {
				t.Error(err)
				return
			}
		}
	})
	settled := 0
	for range 2000 {
		f, ours := settle(t, path)
		if ours {
			settled++
			for range 5 {
				if same, err := named(dir, PidFile, f); !same || err != nil {
					t.Fatalf("a live guest lost its pidfile: %v", err)
				}
			}
		}
		f.Close()
		if _, held, err := Holder(dir, PidFile); held || err != nil {
			t.Errorf("nobody locks it, but: %v, %v", held, err)
		}
	}
	close(stop)
	all.Wait()
	if settled == 0 {
		t.Error("no guest ever settled")
	}
}

// settle does what QEMU does with -pidfile (util/oslib-posix.c), with a lock of
// the open file, because a process does not see its own POSIX locks.
func settle(t *testing.T, path string) (f *os.File, ours bool) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	ok(t, err)
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		return f, false // QEMU gives up: "Cannot lock pid file"
	}
	mine, err := f.Stat()
	ok(t, err)
	now, err := os.Stat(path)
	return f, err == nil && os.SameFile(mine, now)
}
