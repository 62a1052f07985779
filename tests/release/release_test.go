package release

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/store"
)

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func prepare(t *testing.T) {
	t.Helper()
	need.Root(t)
	need.Programs(t, "apt-get", "debootstrap")
}

// A root has the programs of both init systems and of both kinds of guests, and
// nothing that starts by itself.
func TestRootIsWhole(t *testing.T) {
	prepare(t)
	for _, name := range []string{"trixie", "sid"} {
		dir, err := Root(within(t, 10*time.Minute), name)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "etc/os-release")); err != nil || !strings.Contains(string(text), name) {
			t.Errorf("%s: %v: %s", name, err, text)
		}
		for _, f := range []string{"usr/sbin/openrc-init", "usr/lib/systemd/systemd", "usr/bin/qemu-system-x86_64", "usr/bin/lxc-start", "etc/init.d/savecache", "etc/runlevels/default"} {
			if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, pattern := range []string{"etc/runlevels/default/*", "etc/init.d/lxc", "etc/systemd/system/*.wants", "etc/rc2.d", "etc/machine-id", "usr/sbin/policy-rc.d", "proc/*"} {
			if left, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(left) > 0 {
				t.Errorf("%s: there is %q (%v)", name, left, err)
			}
		}
		again, err := Root(within(t, time.Minute), name)
		if err != nil || again != dir {
			t.Errorf("the second call gave %q, %v; want %q", again, err, dir)
		}
	}
}

// What is given up leaves neither mounts nor processes, nor a root.
func TestGivenUp(t *testing.T) {
	prepare(t)
	t.Setenv("GUESTRC_CACHE", t.TempDir())
	// On its way, but not done: a root takes half a minute on an idle host.
	if _, err := Root(within(t, 10*time.Second), "trixie"); err == nil {
		t.Error("a root was made in no time")
	}
	dir, err := store.Dir()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			t.Errorf("there is %s", e.Name())
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("mounts are left (%v):\n%s", err, mounts)
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range commands {
		if text, _ := os.ReadFile(file); strings.Contains(string(text), dir) { // of a process that has ended it is empty
			t.Errorf("a process is left: %s", text)
		}
	}
}

func TestUnknownRelease(t *testing.T) {
	t.Setenv("GUESTRC_CACHE", t.TempDir())
	for _, name := range []string{"", "potato", "../sid"} {
		if dir, err := Root(t.Context(), name); err == nil || !strings.Contains(err.Error(), "known are bookworm, trixie, sid") {
			t.Errorf("%q: %q, %v", name, dir, err)
		}
	}
}

// Each release has its own key, and sid one for each month.
func TestKeys(t *testing.T) {
	november := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	december := november.AddDate(0, 0, 1)
	if a, b := key("trixie", november), key("trixie", december); a != b {
		t.Errorf("trixie changed from %s to %s", a, b)
	}
	if a, b := key("sid", november), key("sid", december); a == b || !strings.HasPrefix(a, "release-sid-2026-11-") {
		t.Errorf("sid: %s and %s", a, b)
	}
	if key("trixie", november) == key("bookworm", november) {
		t.Error("two releases have one key")
	}
}

func TestCodename(t *testing.T) {
	for text, want := range map[string]string{
		"ID=debian\nVERSION_CODENAME=bookworm\n": "bookworm",
		"VERSION_CODENAME=\"noble\"":             "noble",
		"ID=arch\n":                              "",
	} {
		if got := codename(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
