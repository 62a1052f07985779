package pidfile

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSignal(t *testing.T) {
	c := spawn(t, "wait")
	p := capture(t, c.pid)
	ok(t, p.Signal(unix.SIGHUP))
	ok(t, p.Wait(t.Context()))
	if status, known := p.Exit(); !known || status.Signal != unix.SIGHUP {
		t.Errorf("ended by %v, %v", status, known)
	}
	if err := p.Signal(unix.SIGTERM); !errors.Is(err, ErrGone) {
		t.Errorf("to a zombie: %v", err)
	}
	c.reap()
	if err := p.Signal(unix.SIGTERM); !errors.Is(err, ErrGone) {
		t.Errorf("to a reaped process: %v", err)
	}
	if err := capture(t, spawn(t, "wait").pid).Signal(200); !errors.Is(err, unix.EINVAL) {
		t.Errorf("of a signal that does not exist: %v", err)
	}
}

func TestSignalRefuses(t *testing.T) {
	for name, pid := range map[string]int{
		"this very process": os.Getpid(),
		"runs below it":     os.Getppid(),
		"PID 1":             1,
		"kernel thread":     2,
	} {
		if name == "kernel thread" {
			if s, err := readStat(pid); err != nil || s.flags&kernelThread == 0 {
				continue // inside a container
			}
		}
		if name == "runs below it" && pid == 1 {
			continue
		}
		err := capture(t, pid).Signal(0) // which harms nobody, should it get through
		refused := isA[*RefusedError](t, err)
		if !strings.Contains(refused.Error(), name) || refused.ExitStatus() != 4 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is refused above, by the walk through our real ancestors.
func TestIsAncestor(t *testing.T) {
	s, err := readStat(os.Getppid())
	ok(t, err)
	for ; s.pid > 1; s, err = readStat(s.ppid) {
		ok(t, err)
		if !isAncestor(s.pid) {
			t.Errorf("%d is an ancestor", s.pid)
		}
		if s.ppid == 0 {
			break
		}
	}
	if isAncestor(spawn(t, "wait").pid) || isAncestor(os.Getpid()) {
		t.Error("a child or we ourselves are no ancestors")
	}
}
