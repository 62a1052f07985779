package lab

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestShow: what the host writes is there, and what the machine writes is on the host.
func TestShow(t *testing.T) {
	for name, s := range services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := s.start(t)
			dir := t.TempDir()
			m.Show(dir)
			if err := os.WriteFile(filepath.Join(dir, "host"), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			ctx := within(t, time.Minute)
			m.Must(ctx, "mv", filepath.Join(dir, "host"), filepath.Join(dir, "machine"))
			if _, err := os.Stat(filepath.Join(dir, "machine")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestShowStaysOutside: whatever thread enters the machine, none that stays does.
func TestShowStaysOutside(t *testing.T) {
	home, err := os.Readlink("/proc/thread-self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	m := OpenRC(t)
	for range 50 { // sooner or later the main thread's turn comes
		m.Show(t.TempDir())
		if ns, err := os.Readlink("/proc/self/ns/mnt"); err != nil || ns != home {
			t.Fatalf("the process's mount namespace is %s (%v), was %s", ns, err, home)
		}
	}
}
