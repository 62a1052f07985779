package pid1

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Outlook is what would become of a request to halt, as PID 1 is now.
type Outlook struct {
	Init Init
	By   string // "SIGRTMIN+4", "a request through initctl"
	// Signal is what By sends; 0 where it is no signal.
	Signal unix.Signal
	// Hears is whether Signal would reach it.
	Hears bool
	// Known is whether its kind is known to go down by it. What a program does
	// with a signal is known only to itself.
	Known bool
}

// Foresee looks at p and asks it nothing. The error wraps ErrDeaf where there
// is no way to ask it.
func Foresee(p *pidfile.Process, o Options) (Outlook, error) {
	init, err := Look(p)
	if err != nil {
		return Outlook{}, err
	}
	w, err := choose(init, halt, o)
	if err != nil {
		return Outlook{Init: init}, fmt.Errorf("cannot ask it to halt: %w", err)
	}
	outlook := Outlook{Init: init, By: w.String(), Signal: w.signal, Hears: w.signal == 0 || init.hears(w.signal)}
	for _, way := range []want{halt, reboot} {
		own, err := choose(init, way, Options{})
		outlook.Known = outlook.Known || err == nil && init.Kind != Application && own.signal == w.signal
	}
	outlook.Known = outlook.Known || w.signal != 0 && halts(init) == w.signal
	return outlook, nil
}

// halts is the signal by which an init shuts down without powering off, which in
// a container is the same: systemd(1), and busybox' init/init.c. LXC's own
// configurations name systemd's.
func halts(i Init) unix.Signal {
	switch {
	case i.Kind == Systemd && i.musl:
		return rtmin + 4
	case i.Kind == Systemd:
		return rtmin + 3
	case i.Kind == Busybox:
		return unix.SIGUSR1
	}
	return 0
}
