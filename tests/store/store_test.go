package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestOnceFillsOnce(t *testing.T) {
	t.Setenv("GUESTRC_CACHE", filepath.Join(t.TempDir(), "cache"))
	var fills atomic.Int32
	fill := func(dir string) error {
		fills.Add(1)
		return os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			dir, err := Once(t.Context(), "thing", fill)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(dir, "f")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := fills.Load(); n != 1 {
		t.Errorf("filled %d times", n)
	}
}

func TestOnceLeavesNothingAfterAFailure(t *testing.T) {
	t.Setenv("GUESTRC_CACHE", t.TempDir())
	boom := errors.New("boom")
	if _, err := Once(t.Context(), "k", func(string) error { return boom }); !errors.Is(err, boom) {
		t.Fatalf("got %v", err)
	}
	if left := dirs(t); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	for _, key := range []string{"", ".", "..", "a/b", "/a", ".hidden"} {
		if _, err := Once(t.Context(), key, func(string) error { return nil }); err == nil {
			t.Errorf("key %q was accepted", key)
		}
	}
}

func TestOnceGivesUpWithItsContext(t *testing.T) {
	t.Setenv("GUESTRC_CACHE", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	release := make(chan struct{})
	started := make(chan struct{})
	first := make(chan error)
	go func() {
		_, err := Once(t.Context(), "k", func(string) error { close(started); <-release; return nil })
		first <- err
	}()
	<-started
	if _, err := Once(ctx, "k", func(string) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// What a process left that was killed while it filled goes with the next try, and
// nothing else does.
func TestHalfFilledIsRemoved(t *testing.T) {
	base := t.TempDir()
	t.Setenv("GUESTRC_CACHE", base)
	for _, name := range []string{".k.part-1", ".k.part-2/full", ".other.part-1"} {
		if err := os.MkdirAll(filepath.Join(base, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Once(t.Context(), "k", func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if left := dirs(t); !slices.Equal(left, []string{".other.part-1", "k"}) {
		t.Errorf("left: %q", left)
	}
}

func TestPrune(t *testing.T) {
	t.Setenv("GUESTRC_CACHE", t.TempDir())
	nothing := func(string) error { return nil }
	for _, key := range []string{"image-old", "image-new", "kernel-old"} {
		if _, err := Once(t.Context(), key, nothing); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-48 * time.Hour)
	for _, key := range []string{"image-old", "kernel-old"} {
		if err := os.Chtimes(filepath.Join(os.Getenv("GUESTRC_CACHE"), key), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := Prune("image-", 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if left := dirs(t); !slices.Equal(left, []string{"image-new", "kernel-old"}) {
		t.Errorf("left: %q", left)
	}
}

func dirs(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(os.Getenv("GUESTRC_CACHE"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}
