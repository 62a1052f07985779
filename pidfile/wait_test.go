package pidfile

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sleeper starts the cheapest process there is.
func sleeper(t testing.TB) *Process {
	t.Helper()
	cmd := exec.CommandContext(deadline(t), "sleep", "1000")
	ok(t, startBlocked(cmd))
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	p, err := Capture(cmd.Process.Pid)
	ok(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// goroutines waits for those that are about to end.
func goroutines(want int) int {
	n := runtime.NumGoroutine()
	for range 2000 {
		if n <= want {
			break
		}
		time.Sleep(time.Millisecond)
		n = runtime.NumGoroutine()
	}
	return n
}

func TestWaitCancelled(t *testing.T) {
	p := sleeper(t)
	before := runtime.NumGoroutine()
	for i := range 1000 {
		ctx, cancel := context.WithCancel(t.Context())
		switch i % 3 {
		case 0:
			cancel()
		case 1:
			go cancel()
		case 2:
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), time.Duration(i)*100*time.Nanosecond)
		}
		if err := p.Wait(ctx); err == nil || err != ctx.Err() {
			t.Fatalf("round %d: %v", i, err)
		}
		cancel()
	}
	if after := goroutines(before); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	ok(t, p.Signal(unix.SIGKILL))
	ok(t, p.Wait(t.Context()))
}

func TestWaitExit(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	before := runtime.NumGoroutine()
	for i := range rounds {
		cmd := exec.Command("sleep", "1000")
		ok(t, cmd.Start())
		p, err := Capture(cmd.Process.Pid)
		ok(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		kill := func() {
			if err := p.Signal(unix.SIGKILL); err != nil {
				t.Error(err)
			}
		}
		if i%2 == 0 {
			kill()
		} else {
			go kill()
		}
		if err := p.Wait(ctx); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if !p.Ended() {
			t.Fatalf("round %d: Wait returned before the end", i)
		}
		cancel()
		cmd.Wait()
		ok(t, p.Close())
	}
	if after := goroutines(before); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// The end counts, even for a caller whose time is over.
func TestWaitEndedAndCancelled(t *testing.T) {
	p := sleeper(t)
	ok(t, p.Signal(unix.SIGKILL))
	ok(t, p.Wait(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3000 {
		ok(t, p.Wait(ctx))
	}
}

func TestWaitByMany(t *testing.T) {
	p := sleeper(t)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%2 == 0 {
				go cancel()
			}
			if err := p.Wait(ctx); err != nil && !(i%2 == 0 && errors.Is(err, context.Canceled)) {
				t.Errorf("waiter %d: %v", i, err)
			}
		})
	}
	ok(t, p.Signal(unix.SIGKILL))
	all.Wait()
}

// A stopped process has not ended, and one whose pidfd is closed under Wait is
// still waited for.
func TestWaitStopped(t *testing.T) {
	c := spawn(t, "wait")
	p := capture(t, c.pid)
	ok(t, p.Signal(unix.SIGSTOP))
	awaitState(t, c.pid, 'T')
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Wait(ctx); err != context.DeadlineExceeded {
		t.Errorf("error is %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Wait(t.Context()) }()
	again := capture(t, c.pid)
	ok(t, again.Signal(unix.SIGKILL))
	ok(t, <-done)
}
