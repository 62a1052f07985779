package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/need"
)

func TestNoLimitTouchesNothing(t *testing.T) {
	l := below(t, nil)
	done, err := Turn(t.Context(), l, Settings{}, func() { t.Error("it waits") })
	ok(t, err)
	done()
	if entries, err := os.ReadDir(l.RunBase()); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// notes are the signs of helpers in the order in which they came, and when.
func notes(t *testing.T, path string) (signs string, at []time.Duration) {
	t.Helper()
	text, err := os.ReadFile(path)
	ok(t, err)
	for line := range strings.Lines(string(text)) {
		var sign string
		var when time.Duration
		if _, err := fmt.Sscan(line, &sign, &when); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		signs += sign
		at = append(at, when)
	}
	return signs, at
}

// storm starts so many helpers at once, and waits for them. Every fifth is
// killed while it has its turn.
func storm(t *testing.T, l guest.Layout, n int, env ...string) (signs string, at []time.Duration) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "notes")
	ok(t, os.WriteFile(file, nil, 0o600))
	var all []*exec.Cmd
	for i := range n {
		cmd := helper(t, l, "start", append(env, "NOTES="+file)...)
		if i%5 == 0 {
			cmd.Env = append(cmd.Env, "DIE=1")
		}
		ok(t, cmd.Start())
		all = append(all, cmd)
	}
	for i, cmd := range all {
		if err := cmd.Wait(); (err == nil) != (i%5 != 0) {
			t.Errorf("helper %d: %v", i, err)
		}
	}
	return notes(t, file)
}

func TestNoMoreThanSoManyAreOnTheirWay(t *testing.T) {
	signs, _ := storm(t, below(t, nil), 64, "PARALLEL=3", "UP=5")
	running, most := 0, 0
	for _, sign := range signs {
		if sign == '+' {
			running++
		} else {
			running--
		}
		most = max(most, running)
	}
	if strings.Count(signs, "+") != 64 || strings.Count(signs, "-") != 64 {
		t.Errorf("not all had a turn: %s", signs)
	}
	if most > 3 {
		t.Errorf("%d at one time, 3 are allowed: %s", most, signs)
	}
	if most < 2 {
		t.Errorf("one after the other, where 3 are allowed: %s", signs)
	}
}

func TestStartsKeepTheirDistance(t *testing.T) {
	const delay = 100 * time.Millisecond
	began, err := uptime()
	ok(t, err)
	signs, at := storm(t, below(t, nil), 10, "DELAY=100")
	if strings.Count(signs, "+") != 10 {
		t.Fatalf("not all had a turn: %s", signs)
	}
	// When a turn came is only known from before the first to after the last.
	if whole := slices.Max(at) - began; whole < 9*delay {
		t.Errorf("10 starts within %v, want %v", whole, 9*delay)
	}
}

func TestAKilledHolderFreesItsSlot(t *testing.T) {
	l := below(t, nil)
	first := hold(t, l, "PARALLEL=1")
	first.says(t, "up")
	second := hold(t, l, "PARALLEL=1")
	second.says(t, "waiting")
	third := hold(t, l, "PARALLEL=1")
	third.says(t, "waiting")
	ok(t, second.Process.Kill()) // the one that is next
	second.Wait()
	ok(t, first.Process.Kill())
	third.says(t, "up")
}

// What a holder starts must not keep its slot.
func TestAGuestDoesNotHoldTheSlot(t *testing.T) {
	l, one := below(t, nil), Settings{StartParallel: 1}
	done, err := Turn(t.Context(), l, one, func() {})
	ok(t, err)
	guest := hold(t, below(t, nil)) // whatever process, as long as it lives
	guest.says(t, "up")
	done()
	done()
	again, err := Turn(t.Context(), l, one, func() { t.Error("it waits") })
	ok(t, err)
	again()
}

func TestTurnEndsWithItsContext(t *testing.T) {
	l, one := below(t, nil), Settings{StartParallel: 2}
	for range 2 {
		done, err := Turn(t.Context(), l, one, func() {})
		ok(t, err)
		defer done()
	}
	waited := 0
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 3*atOnce)
		done, err := Turn(ctx, l, one, func() { waited++ })
		done()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		cancel()
	}
	if waited != 3 {
		t.Errorf("waiting was told %d times of 3", waited)
	}
	l = below(t, nil)
	late := Settings{StartParallel: 1, StartDelay: time.Hour}
	done, err := Turn(t.Context(), l, late, func() {})
	ok(t, err)
	done()
	ctx, cancel := context.WithTimeout(t.Context(), atOnce)
	defer cancel()
	if _, err := Turn(ctx, l, late, func() {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	done, err = Turn(t.Context(), l, Settings{StartParallel: 1}, func() { t.Error("who gave up keeps the slot") })
	ok(t, err)
	done()
}

func TestStrangeTimesKeepNobodyWaiting(t *testing.T) {
	for _, text := range []string{"", "soon", "-5", "9223372036854775807", "99999999999999999999"} {
		l := below(t, map[string]string{"run/guestrc/starting/last": text})
		done, err := Turn(t.Context(), l, Settings{StartDelay: time.Hour}, func() { t.Errorf("%q: it waits", text) })
		ok(t, err)
		done()
	}
}

func TestTurnIsUsableWhateverLiesThere(t *testing.T) {
	both := Settings{StartParallel: 2, StartDelay: time.Second}
	for name, act := range map[string]func(dir string) error{
		"a file for a directory": func(dir string) error { return os.WriteFile(dir, nil, 0o644) },
		"a link for a directory": func(dir string) error { return os.Symlink("/tmp", dir) },
		"a directory of everybody's": func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o777))
		},
		"a pipe for a slot": func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o755), unix.Mkfifo(filepath.Join(dir, slot(0)), 0o600))
		},
		"a link for the lock": func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o755), os.Symlink("/dev/null", filepath.Join(dir, "lock")))
		},
		"a directory for the time": func(dir string) error { return os.MkdirAll(filepath.Join(dir, lastFile), 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			l := below(t, nil)
			ok(t, act(filepath.Join(l.RunBase(), startingDir)))
			done, err := Turn(t.Context(), l, both, func() {})
			if err == nil || done == nil {
				t.Fatalf("error %v", err)
			}
			done()
			done()
		})
	}
}

func TestFullRunDirectoryKeepsNothingFromHappening(t *testing.T) {
	need.Root(t)
	l := below(t, nil)
	cmd := helper(t, l, "full", "PARALLEL=1", "DELAY=1000", "BUDGET=60")
	cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	var out bytes.Buffer
	cmd.Stdout = &out
	ok(t, cmd.Run())
	if want := "turn: true\nannounced: true true 1m0s\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
