package daemon

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A daemon's number is given to another process, of another program or the same.
func TestANumberGivenOutAgainIsNotSignalled(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	exe, other := program(t, dir+"/daemon"), program(t, dir+"/other")
	for _, next := range []string{other, exe} {
		d := sleeper(t, exe)
		path := pidfileOf(t, d.pid)
		mustFind(t, path, Want{Exe: exe}, d.pid)
		d.end()
		time.Sleep(3 * clockTick) // closer than that the clocks cannot tell
		decoy := blocked(t, func() *proc { return reuse(t, d.pid, func() *proc { return sleeper(t, next) }) })
		mustNot(t, path, Want{}, statusNotRunning, "the number is another process's now")
		status := statusNotRunning
		if next == exe {
			status = statusRefused
		}
		mustNot(t, path, Want{Exe: exe}, status, "after the pidfile was written")
		if harm := decoy.harmed(); harm != "" {
			t.Error(harm)
		}
		decoy.end()
	}
}

// The daemon ends and its number is another's at once, while we look: by name
// and by pidfile, a thousand times, and nothing else is ever hit.
func TestAThousandEnds(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	name := unique("grc")
	exe, other := program(t, dir+"/"+name), program(t, dir+"/other")
	path := dir + "/pid"
	hits, absent, refused := 0, 0, 0
	decoy := blocked(t, func() *proc { return sleeper(t, other) })
	defer func() { decoy.end() }()
	for round := range 1000 {
		d := sleeper(t, exe)
		ok(t, os.WriteFile(path, fmt.Append(nil, d.pid), 0o644))
		ended, done := make(chan *proc), make(chan bool)
		go func() {
			if round%4 > 0 {
				d.end()
			}
			if round%4 > 1 {
				os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Appendf(nil, "%d", d.pid-1), 0)
				ended <- blockedSleeper(t, other)
			}
			close(done)
		}()
		var found []Found
		var err error
		if round%2 == 0 {
			found, _, err = ByName([]string{name}, Want{})
		} else {
			var f Found
			if f, err = ByPidfile(path, Want{Exe: exe}); err == nil {
				found = []Found{f}
			}
		}
		var e *Error
		switch {
		case err == nil && len(found) > 0:
			hits++
		case err == nil || errors.As(err, &e) && e.Status == statusNotRunning:
			absent++
		case errors.As(err, &e):
			refused++
		default:
			t.Fatalf("round %d: %v", round, err)
		}
		g := NewGroup(found, nil)
		if _, _, err := g.Signal(unix.SIGTERM); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		select {
		case next := <-ended:
			decoy.end()
			decoy = next
			<-done
		case <-done:
		}
		g.Close()
		if harm := decoy.harmed(); harm != "" {
			t.Fatalf("round %d: %s", round, harm)
		}
		d.end()
	}
	t.Logf("%d hits, %d times absent, %d in doubt", hits, absent, refused)
	if hits < 250 || absent == 0 {
		t.Error("the race is none")
	}
}

// blockedSleeper is for goroutines other than the test's.
func blockedSleeper(t *testing.T, path string) *proc {
	return blocked(t, func() *proc { return sleeper(t, path) })
}
