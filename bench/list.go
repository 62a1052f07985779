package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lists measures the list of real guests, whose monitors are all asked, and one
// look of top, which asks none. They do nothing, so that the machine's processors
// are for those who ask and those who answer.
func (b *bench) lists() (err error) {
	const root = "l"
	names := make([]string, b.listed)
	for i := range names {
		names[i] = fmt.Sprintf("qemu.l%04d", i)
		if err := b.describe(root, names[i], strings.Replace(pausedGuest, "128M", "16M", 1)); err != nil {
			return err
		}
	}
	guestrc := func(args ...string) (time.Duration, error) {
		return b.once(b.program, append([]string{"--root", filepath.Join(b.dir, root)}, args...)...)
	}
	defer func() {
		if _, killErr := guestrc(append([]string{"kill"}, names...)...); err == nil {
			err = killErr
		}
	}()
	fmt.Fprintf(os.Stderr, "starting %d guests\n", len(names))
	if _, err := guestrc(append([]string{"start"}, names...)...); err != nil {
		return err
	}
	list, metrics, err := b.pairs(
		func() (time.Duration, error) { return guestrc("list") },
		func() (time.Duration, error) { return guestrc("metrics") })
	if err != nil {
		return err
	}
	status, plain, err := b.pairs(
		func() (time.Duration, error) { return guestrc(append([]string{"status"}, names...)...) },
		func() (time.Duration, error) { return guestrc("top", "--count", "1", "--delay", "0.1") })
	if err != nil {
		return err
	}
	for i := range plain {
		plain[i] = (plain[i] - topDelay) / 2
	}
	b.add(fmt.Sprintf("guestrc list of %d guests, all monitors asked", b.listed), "≤ 150 for 1,000", list)
	b.add(fmt.Sprintf("guestrc metrics of %d guests, all monitors asked", b.listed), "", metrics)
	b.add(fmt.Sprintf("guestrc status of %d guests, all monitors asked", b.listed), "", status)
	b.add(fmt.Sprintf("a look of top at %d guests, no monitor asked", b.listed), "", plain)
	return nil
}

// topDelay is that between the two looks of a top --delay 0.1 --count 1.
const topDelay = 100 * time.Millisecond
