package guests

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

// machine describes a guest that is built and never runs: the fastest real QEMU.
func (w *world) machine(name string, more ...string) string {
	w.t.Helper()
	return w.conf(name, append([]string{
		`user="nobody"`, `enable_kvm="no"`, `machine="q35"`, `memory="64M"`, `vga="none"`, `console="yes"`,
		`ready="monitor"`, `extra_args="-S"`, `stop_schedule="quit/20/KILL/5"`,
	}, more...)...)
}

// killAfter runs guestrc and kills it, with SIGKILL, after d.
func (w *world) killAfter(d time.Duration, args ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	exec.CommandContext(ctx, program, append([]string{"--root", w.root}, args...)...).Run() // its end is the point
}

// qemus counts this root's guests.
func (w *world) qemus() int {
	w.t.Helper()
	return len(w.pids())
}

// Whenever a start or a stop is killed, one more of either converges, and there
// are never two guests.
func TestHelperKilledAnytime(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"start", "stop"} {
		t.Run(verb, func(t *testing.T) {
			w := newWorld(t)
			name := w.machine("qemu.f")
			for at := time.Duration(0); at < 50*time.Millisecond; at += time.Millisecond {
				if verb == "stop" {
					w.must("start", name)
				}
				w.killAfter(at, verb, name)
				if n := w.qemus(); n > 1 {
					t.Fatalf("killed after %v: %d guests", at, n)
				}
				if st := w.status(name); st.State == guest.Unknown {
					t.Errorf("killed after %v: %+v", at, st)
				}
				w.must("start", name)
				if st := w.status(name); st.State != guest.Running || w.qemus() != 1 {
					t.Fatalf("killed after %v, start again: %+v, %d guests", at, st, w.qemus())
				}
				w.must("stop", name)
				if n := w.qemus(); n != 0 {
					t.Fatalf("killed after %v: %d guests after the stop", at, n)
				}
				w.clean(name)
			}
		})
	}
}

// Many starters, one guest, also when somebody unlinks the pidfile meanwhile.
func TestRacingStarters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.machine("qemu.r")
	for round := range 5 {
		var group sync.WaitGroup
		results := make([]result, 16)
		for i := range results {
			group.Go(func() { results[i] = w.run("start", name) })
		}
		if round%2 == 1 {
			group.Go(func() { exec.Command("rm", "-f", filepath.Join(w.root, "run/guestrc", name, "pid")).Run() })
		}
		group.Wait()
		for _, r := range results {
			if r.code != 0 {
				t.Errorf("round %d: start: %s", round, r)
			}
		}
		if n := w.qemus(); n != 1 {
			t.Fatalf("round %d: %d guests", round, n)
		}
		w.must("stop", name)
	}
}

// Starts and stops leave nothing behind, however many.
func TestManyCycles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.machine("qemu.m")
	for range 50 {
		w.must("start", name)
		w.must("stop", name)
		w.clean(name)
	}
	if n := w.qemus(); n != 0 {
		t.Errorf("%d guests are left", n)
	}
}

// A stop that is interrupted leaves a guest that can still be stopped.
func TestInterruptedStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.machine("qemu.i", `stop_schedule="CONT/60/KILL/5"`, `extra_args=""`) // runs firmware, and nothing stops it
	w.must("start", name)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--root", w.root, "stop", name)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGINT) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Second, cancel)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(out.String(), "cannot complete the stop") {
		t.Errorf("interrupted: exit %d: %s", code, out.String())
	}
	if st := w.status(name); st.State != guest.Running {
		t.Errorf("status: %+v", st)
	}
	w.must("kill", name)
	w.ended(name, "KILL")
}
