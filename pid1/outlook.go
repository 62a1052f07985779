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
	return Outlook{init, w.String(), w.signal, w.signal == 0 || init.hears(w.signal)}, nil
}
