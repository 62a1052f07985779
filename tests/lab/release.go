package lab

import (
	"context"
	"time"

	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/release"
	"github.com/guestrc/guestrc/tests/store"
)

// releaseTime is for a root that is not in the store yet, from a slow mirror.
const releaseTime = 10 * time.Minute

// Release makes the machine one of a Debian release, with the programs that are
// in there and none of the host's. The host's own release is the host's root.
// What the store holds is there, at the same place, to be read.
func Release(t T, name string) Option {
	t.Helper()
	if name == release.Host() {
		return func(*spec) {}
	}
	need.Root(t)
	need.Programs(t, "debootstrap", "apt-get")
	ctx, cancel := context.WithTimeout(t.Context(), releaseTime)
	defer cancel()
	root, err := release.Root(ctx, name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	cache, err := store.Dir()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return func(s *spec) {
		s.lower, s.views = root, append(s.views, cache)
	}
}
