package pidfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func lock(t testing.TB, dir *os.File) func() error {
	t.Helper()
	unlock, err := Lock(deadline(t), dir)
	ok(t, err)
	return unlock
}

// count adds one to the number in a file, as badly as can be.
func count(path string) {
	text, err := os.ReadFile(path)
	must(err)
	n, err := strconv.Atoi(string(text))
	must(err)
	runtime.Gosched()
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // no truncation: ext4 would write to disk
	must(err)
	_, err = fmt.Fprintf(f, "%06d", n+1)
	must(errors.Join(err, f.Close()))
}

// countUnderLock is a part of the helper: FILE is the guest's directory.
func countUnderLock(path string) {
	dir, err := OpenDir(path, false)
	must(err)
	ready()
	for range 50 {
		unlock, err := Lock(context.Background(), dir)
		must(err)
		count(path + "/count")
		must(unlock())
	}
	os.Exit(0)
}

func TestLockContention(t *testing.T) {
	dir := guestDir(t)
	path := dir.Name() + "/count"
	ok(t, os.WriteFile(path, []byte("000000"), 0o600))
	const goroutines, processes, rounds = 64, 8, 50
	var all sync.WaitGroup
	var children []*child
	for range processes {
		children = append(children, spawn(t, "count", env("FILE="+dir.Name())))
	}
	for range goroutines {
		all.Go(func() {
			for range rounds {
				unlock, err := Lock(t.Context(), dir)
				if err != nil {
					t.Error(err)
					return
				}
				count(path)
				if err := unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, c := range children {
		c.reap()
		if !c.ProcessState.Success() {
			t.Error(c.ProcessState)
		}
	}
	got, err := os.ReadFile(path)
	ok(t, err)
	if want := fmt.Sprintf("%06d", (goroutines+processes)*rounds); string(got) != want {
		t.Errorf("counted %s, want %s: two held the lock at once", got, want)
	}
}

func TestLockCancelled(t *testing.T) {
	dir := guestDir(t)
	before := runtime.NumGoroutine()
	unlock := lock(t, dir)
	for i := range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%2)*time.Millisecond)
		if _, err := Lock(ctx, dir); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error is %v", err)
		}
		cancel()
	}
	ok(t, unlock())
	// The hundred that gave up must not keep it.
	unlock = lock(t, dir)
	ok(t, unlock())
	if after := goroutines(before); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	if err := unlock(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a second unlock: %v", err)
	}
}

// A child between fork and exec has a copy of our descriptors; it must not keep
// the lock.
func TestUnlockBesideACopy(t *testing.T) {
	dir := guestDir(t)
	unlock := lock(t, dir)
	entries, err := os.ReadDir("/proc/self/fd")
	ok(t, err)
	ours := -1
	for _, e := range entries {
		if target, _ := os.Readlink("/proc/self/fd/" + e.Name()); target == dir.Name()+"/"+LockFile {
			ours, err = strconv.Atoi(e.Name())
			ok(t, err)
		}
	}
	again, err := unix.Dup(ours)
	ok(t, err)
	defer unix.Close(again)
	ok(t, unlock())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	unlock, err = Lock(ctx, dir)
	ok(t, err)
	ok(t, unlock())
}

// A free lock is had even when time is over: nothing needs waiting for.
func TestLockFreeAndCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	unlock, err := Lock(ctx, guestDir(t))
	ok(t, err)
	ok(t, unlock())
}

// Somebody unlinks the file that we wait for, and others lock the new one.
func TestLockFileReplaced(t *testing.T) {
	dir := guestDir(t)
	path := dir.Name() + "/" + LockFile
	first := lock(t, dir)
	got := make(chan func() error)
	go func() {
		unlock, err := Lock(context.Background(), dir)
		if err != nil {
			t.Error(err)
		}
		got <- unlock
	}()
	awaitBlockedOn(t, path)
	ok(t, os.Remove(path))
	second := lock(t, dir) // of the new file
	ok(t, first())
	select {
	case <-got:
		t.Fatal("two hold the lock: the waiter took the file without a name")
	case <-time.After(50 * time.Millisecond):
	}
	ok(t, second())
	unlock := <-got
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := Lock(ctx, dir); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the waiter does not hold the file that has the name: %v", err)
	}
	ok(t, unlock())
}

// awaitBlockedOn waits until /proc/locks shows a waiter for the file.
func awaitBlockedOn(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	ok(t, err)
	defer f.Close()
	id, err := fileOf(f)
	ok(t, err)
	for range 5000 {
		text, err := os.ReadFile("/proc/locks")
		ok(t, err)
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, " -> ") && strings.Contains(line, fmt.Sprintf(":%d ", id.ino)) {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("nobody waits for the lock")
}

func TestLockTampered(t *testing.T) {
	for name, act := range tampered(os.Getpid()) {
		if name == "a dangling link" {
			continue // is what "a symbolic link" is
		}
		t.Run(name, func(t *testing.T) {
			dir := guestDir(t)
			ok(t, act(dir.Name()+"/"+LockFile))
			_, err := Lock(t.Context(), dir)
			isA[*SuspectError](t, err)
		})
	}
}

func TestLockWithoutDirectory(t *testing.T) {
	dir := guestDir(t)
	ok(t, os.Remove(dir.Name()))
	if _, err := Lock(t.Context(), dir); err == nil {
		t.Error("locked a file in a directory that is gone")
	}
}
