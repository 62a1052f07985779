// Command guestrc makes QEMU guests and containers ordinary services of OpenRC
// and systemd. Its verbs are a table (verbs.go); this file only chooses one
// and turns its error into an exit status.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

func main() {
	debug.SetGCPercent(400) // we live for milliseconds; memory comes back at the end
	unix.Umask(0o077) // everything that others may read is given its mode by hand
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	e := newEnv(os.Args[0], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	err := e.run(ctx, os.Args[1:])
	stop()
	e.out.fail(err)
	os.Exit(guest.ExitStatus(err))
}
