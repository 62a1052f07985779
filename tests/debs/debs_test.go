package debs

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/need"
)

func TestUnpack(t *testing.T) {
	need.Programs(t, "apt-get", "apt-cache", "dpkg")
	t.Setenv("GUESTRC_CACHE", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir, err := Unpack(ctx, "openrc", "librc1")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"usr/sbin/openrc-run", "usr/lib/x86_64-linux-gnu/librc.so.1", "etc/rc.conf"} {
		if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "sbin")); err == nil {
		t.Error("sbin still lies outside usr")
	}
	again, err := Unpack(ctx, "openrc", "librc1")
	if err != nil || again != dir {
		t.Errorf("the second call gave %q, %v; want %q", again, err, dir)
	}
	if _, err := Unpack(ctx, "there-is-no-such-package"); err == nil {
		t.Error("a package that does not exist was unpacked")
	}
}

func TestWithLibraries(t *testing.T) {
	need.Programs(t, "apt-cache")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := withLibraries(ctx, []string{"qemu-guest-agent"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"qemu-guest-agent", "libglib2.0-0", "libpcre2-8-0", "libc6"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
	if slices.Contains(got, "init-system-helpers") {
		t.Errorf("%q holds more than libraries", got)
	}
}
