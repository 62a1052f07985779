package lab

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/release"
	"github.com/guestrc/guestrc/tests/store"
)

// A machine of another release has nothing of the host but what the store holds,
// which it cannot change, and its writes stay in the machine.
func TestRelease(t *testing.T) {
	cache, err := store.Dir()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := s.start(t, Release(t, "trixie"))
			ctx := within(t, time.Minute)
			if text, err := m.ReadFile("/etc/os-release"); err != nil || !strings.Contains(text, "trixie") {
				t.Errorf("it is %v:\n%s", err, text)
			}
			if _, _, code := m.Run(ctx, "debootstrap", "--version"); code == 0 {
				t.Error("it has the host's programs")
			}
			root, err := release.Root(ctx, "trixie")
			if err != nil {
				t.Fatal(err)
			}
			m.Must(ctx, "test", "-d", root)
			if _, _, code := m.Run(ctx, "mkdir", filepath.Join(cache, "written")); code == 0 {
				t.Error("it can write to the store")
			}
			m.Must(ctx, "touch", "/etc/written")
			if left, err := filepath.Glob(filepath.Join(root, "etc/written")); err != nil || len(left) > 0 {
				t.Errorf("its root in the store was written to: %q (%v)", left, err)
			}
		})
	}
}

func TestHostsOwnRelease(t *testing.T) {
	m := OpenRC(t, Release(t, release.Host()))
	m.Must(within(t, time.Minute), "debootstrap", "--version")
}
