package manifest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestLocksAreAwaited(t *testing.T) {
	root := place(t)
	tree, err := OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	unlock, err := tree.Lock("/etc")
	if err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := tree.Await(soon, "/etc"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it did not wait as long as it may: %v", err)
	}
	got := make(chan error)
	go func() {
		again, err := tree.Await(t.Context(), "/etc")
		if err == nil {
			err = again()
		}
		got <- err
	}()
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// An uninstallation removes the directory that others may be about to lock.
func TestLockOfARemovedDirectoryIsTakenAnew(t *testing.T) {
	root := place(t)
	tree, err := OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	dir, removed := filepath.Dir(RecordPath), false
	unlock, err := tree.lock(dir, func(f *os.File) error {
		if removed {
			return flock(f, unix.LOCK_EX|unix.LOCK_NB)
		}
		removed = true
		return os.Remove(f.Name())
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Lock(dir); !errors.Is(err, errLocked) {
		t.Errorf("the lock is not that of the directory: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}
