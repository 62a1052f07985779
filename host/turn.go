package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

const (
	// startingDir has a file for each slot, locked while its holder lives; "lock",
	// which whoever is next has; and lastFile.
	startingDir = "starting"
	lastFile    = "last" // when the last turn began, in nanoseconds since boot
	// atOnce is what a turn may take before it counts as waited for.
	atOnce = 100 * time.Millisecond
)

// Turn waits until it is the caller's turn to start a guest. done says that the
// guest is up; the end of this process says it too, and so does a second call
// of done. waiting is called at most once, from another goroutine but not after
// Turn's return, when the turn does not come at once.
//
// done is usable with an error too. One that wraps ctx's: the caller gave up.
// Any other is worth a warning, and the start goes on: a limit that cannot be
// kept is no reason not to start.
func Turn(ctx context.Context, l guest.Layout, s Settings, waiting func()) (done func(), err error) {
	if s.StartParallel <= 0 && s.StartDelay <= 0 {
		return func() {}, nil
	}
	dir, err := pidfile.OpenDir(filepath.Join(l.RunBase(), startingDir), true)
	if err != nil {
		return func() {}, cannotWait(err)
	}
	defer dir.Close()
	defer after(atOnce, waiting)()
	// Whoever is next waits here for a slot, and the others for this lock:
	// one who comes later cannot go past them again and again.
	next, err := pidfile.Lock(ctx, dir)
	if err != nil {
		return func() {}, cannotWait(err)
	}
	free, err := takeSlot(ctx, dir, min(s.StartParallel, maxParallel))
	if err == nil {
		err = keepDistance(ctx, dir, s.StartDelay)
	}
	if err != nil && ctx.Err() != nil {
		err = errors.Join(err, free())
	}
	// The files' end is the end of their locks, whatever unlocking says.
	return sync.OnceFunc(func() { _ = free() }), cannotWait(errors.Join(err, next()))
}

func cannotWait(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot wait for a turn to start: %w", err)
}

// after calls f once d has passed, unless stop is called before. When stop
// returns, f does not run.
func after(d time.Duration, f func()) (stop func()) {
	called := make(chan struct{})
	timer := time.AfterFunc(d, func() { defer close(called); f() })
	return func() {
		if !timer.Stop() {
			<-called
		}
	}
}

// takeSlot waits until one of n slots is free, and takes it; 0 is no limit.
func takeSlot(ctx context.Context, dir *os.File, n int) (free func() error, err error) {
	nothing := func() error { return nil }
	if n <= 0 {
		return nothing, nil
	}
	now, cancel := context.WithCancel(ctx)
	cancel()
	for i := range n {
		free, err := pidfile.LockNamed(now, dir, slot(i))
		if err == nil {
			return free, nil
		}
		if !errors.Is(err, context.Canceled) {
			return nothing, err
		}
	}
	type result struct {
		free func() error
		err  error
	}
	ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	results := make(chan result)
	for i := range n {
		go func() {
			free, err := pidfile.LockNamed(ctx, dir, slot(i))
			results <- result{free, err}
		}()
	}
	first := <-results
	cancel()
	for range n - 1 {
		if other := <-results; other.err == nil { // free at the same moment
			first.err = errors.Join(first.err, other.free())
		}
	}
	if first.err != nil {
		return nothing, first.err
	}
	return first.free, nil
}

func slot(i int) string { return "slot-" + strconv.Itoa(i+1) }

// keepDistance waits until the last turn began delay ago, and notes this one.
func keepDistance(ctx context.Context, dir *os.File, delay time.Duration) error {
	if delay <= 0 {
		return nil
	}
	last, err := readLast(dir)
	if err != nil {
		return err
	}
	for {
		up, err := uptime()
		if err != nil {
			return err
		}
		left := last + delay - up
		if last == 0 || last > up || left <= 0 { // one that is to come is of another boot
			return pidfile.WriteFile(dir, lastFile, fmt.Appendf(nil, "%d\n", up), 0o644)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(left):
		}
	}
}

// readLast is when the last turn began; 0 when nothing tells.
func readLast(dir *os.File) (time.Duration, error) {
	text, err := read(dir, lastFile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	last, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || last < 0 {
		return 0, nil // damaged: another takes its place
	}
	return time.Duration(last), nil
}
