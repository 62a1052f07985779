// Command guestrc makes QEMU guests and containers ordinary services of OpenRC
// and systemd. Its verbs are a table (verbs.go); this file only chooses one
// and turns its error into an exit status.
package main

import (
	"context"
	"errors"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

func main() {
	debug.SetGCPercent(400) // we live for milliseconds; memory comes back at the end
	// Files of whoever called us, locks and pipes among them, are not for a guest.
	unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) // Linux 5.11; before it they leak
	unix.Umask(0o022)
	// Whoever reads what we print may stop reading; a stop goes on all the same.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), heard(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)...)
	e := newEnv(os.Args[0], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	err := e.run(ctx, os.Args[1:])
	stop()
	if next := (become{}); errors.As(err, &next) {
		err = next.exec(os.Environ())
	}
	e.out.fail(err)
	os.Exit(guest.ExitStatus(err))
}

// heard leaves out the signals that our caller wants ignored, as nohup(1) does.
func heard(signals ...os.Signal) []os.Signal {
	return slices.DeleteFunc(signals, signal.Ignored)
}
