package pid1

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrDeaf says that PID 1 hears nothing that could make it do what was asked
// for. What wraps it gives the reason.
var ErrDeaf = errors.New("PID 1 hears no request")

// Options is what the caller knows better.
type Options struct {
	// Signal is the one to send, by configuration (lxc.signal.halt and the
	// like): whatever PID 1 is. 0: find out.
	Signal unix.Signal

	foreign []string // more FIFOs that are not the container's to use
}

// want is what PID 1 is asked for.
type want int

const (
	halt want = iota
	reboot
)

func (w want) String() string { return [...]string{"halt", "reboot"}[w] }

// way is how a request reaches PID 1.
type way struct {
	signal unix.Signal // 0 with fifo
	fifo   byte        // of sysvinit: the runlevel to change to
	marks  bool        // of runit: files say what the signal is for
}

func (w way) String() string {
	if w.fifo != 0 {
		return "a request through initctl"
	}
	return signalName(w.signal)
}

func signalName(sig unix.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(sig))
}

// choose says how i is asked. It returns an error that wraps ErrDeaf when such a
// PID 1, as it is now, cannot be asked at all.
func choose(i Init, w want, o Options) (way, error) {
	if o.Signal != 0 {
		return way{signal: o.Signal}, nil
	}
	switch i.Kind {
	case Systemd:
		return i.systemd(w), nil
	case Sysvinit:
		return i.sysvinit(w), nil
	case Runit:
		return way{signal: unix.SIGCONT, marks: true}, nil
	case S6:
		return i.s6(w)
	}
	switch c := customs[i.Kind]; {
	case w == halt && c.halt != 0:
		return way{signal: c.halt}, nil
	case w == reboot && c.reboot != 0:
		return way{signal: c.reboot}, nil
	case w == halt:
		return i.program()
	}
	return way{}, fmt.Errorf("%w: a %s knows no %s", ErrDeaf, i.Kind, w)
}

// systemd counts from its own libc's SIGRTMIN. For a musl taken for a glibc, the
// request to power off is one to halt, which is the same in a container.
func (i Init) systemd(w want) way {
	sig := customs[Systemd].halt
	if w == reboot {
		sig = customs[Systemd].reboot
	}
	if i.musl {
		sig++
	}
	return way{signal: sig}
}

// sysvinit has had a signal for powering off since 3.10, and catches but this
// one of the realtime signals.
func (i Init) sysvinit(w want) way {
	if w == reboot {
		return way{fifo: '6'}
	}
	for _, sig := range []unix.Signal{rtmin + 4, rtmin + 5} { // glibc's, musl's
		if i.status.caught.has(sig) {
			return way{signal: sig}
		}
	}
	return way{fifo: '0'}
}

// s6 catches many signals and leaves it to scripts what they are for. Without
// one, SIGTERM makes it end all its services and then itself.
func (i Init) s6(w want) (way, error) {
	switch {
	case w == halt && i.s6Halt:
		return way{signal: customs[S6].halt}, nil
	case w == halt:
		return way{signal: unix.SIGTERM}, nil
	case i.s6Reboot:
		return way{signal: customs[S6].reboot}, nil
	}
	return way{}, fmt.Errorf("%w: its s6-svscan has no script for a reboot", ErrDeaf)
}

// program takes a signal that has a handler. One that is only blocked may be
// read by other means (signalfd(2)), or never.
func (i Init) program() (way, error) {
	s := i.status
	if !i.own() && !s.ignored.has(unix.SIGTERM) {
		return way{signal: unix.SIGTERM}, nil
	}
	order := programHalts
	if isShell(i.hints) {
		order = shellHalts
	}
	for _, sets := range []signals{s.caught, s.caught | s.blocked} {
		for _, sig := range order {
			if sets.has(sig) && !s.ignored.has(sig) {
				return way{signal: sig}, nil
			}
		}
	}
	if i.waits {
		return way{signal: unix.SIGTERM}, nil
	}
	return way{}, fmt.Errorf("%w: %s has no handler for SIGTERM nor for another signal that ends programs", ErrDeaf, i.Exe)
}
