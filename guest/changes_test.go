package guest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/lab"
)

// told waits for a change; those that belong together may be told as several.
func told(t *testing.T, c *Changes, d time.Duration, running ...int) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	err := c.Await(ctx, running)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	return err == nil
}

const (
	surely  = 10 * time.Second       // on a slow machine
	briefly = 100 * time.Millisecond // nothing comes
)

func TestChangesAreTold(t *testing.T) {
	h := &House{Layout: Layout{Root: t.TempDir()}}
	c, err := h.Changes()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dir := h.Layout.RunDir(Name{"qemu", "a"})
	run := func(f func() error) func() {
		return func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func() error {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer d.Close()
		return pidfile.WriteFile(d, "state.json", []byte("{}"), 0o644)
	}
	for _, change := range []struct {
		what string
		make func()
	}{
		{"the directory of all", run(func() error { return os.MkdirAll(h.Layout.RunBase(), 0o755) })},
		{"a guest's directory", run(func() error { return os.Mkdir(dir, 0o755) })},
		{"its record", run(write)},
		{"its record again", run(write)},
		{"a directory of files", run(func() error { return os.MkdirAll(h.Layout.ConfDir(), 0o755) })},
	} {
		if err := c.Renew(); err != nil {
			t.Fatal(err)
		}
		if change.what == "a directory of files" {
			change.make() // nobody listens above it
			continue
		}
		if told(t, c, briefly) {
			t.Errorf("before %s: something is told", change.what)
		}
		change.make()
		if !told(t, c, surely) {
			t.Errorf("%s is not told", change.what)
		}
		for told(t, c, briefly) { // several steps
		}
	}
	if err := c.Renew(); err != nil {
		t.Fatal(err)
	}
	run(func() error { return os.WriteFile(filepath.Join(h.Layout.ConfDir(), "qemu.b"), nil, 0o644) })()
	if !told(t, c, surely) {
		t.Error("a new guest is not told")
	}
}

// An event that comes while nobody waits is not lost.
func TestChangesWait(t *testing.T) {
	h := &House{Layout: Layout{Root: t.TempDir()}}
	c, err := h.Changes()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := os.MkdirAll(h.Layout.RunBase(), 0o755); err != nil {
		t.Fatal(err)
	}
	if !told(t, c, surely) {
		t.Error("it is not told")
	}
}

func TestTheEndOfAProcessIsAChange(t *testing.T) {
	h := &House{Layout: Layout{Root: t.TempDir()}}
	c, err := h.Changes()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := lab.Start(t, exec.Command("sleep", "60"))
	if told(t, c, briefly, p.Pid()) {
		t.Error("it is told that it ends")
	}
	time.AfterFunc(briefly, func() { p.Signal(unix.SIGKILL) })
	if !told(t, c, surely, p.Pid()) {
		t.Error("its end is not told")
	}
	if !told(t, c, surely, p.Pid()) {
		t.Error("that it has ended is not told")
	}
}
