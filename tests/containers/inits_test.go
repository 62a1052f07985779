package containers

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// inits are the sorts of PID 1, what guestrc calls each, how it is to come
// down, and within what: well below the minute that the rung has.
var inits = []struct {
	root  rootfs.Init
	is    string
	rung  string
	cause string
	limit time.Duration
}{
	{rootfs.Busybox, "busybox", "halt", "poweroff", 10 * time.Second},
	{rootfs.Sysvinit, "sysvinit", "halt", "poweroff", 10 * time.Second},
	{rootfs.Systemd, "systemd", "halt", "poweroff", 20 * time.Second},
	{rootfs.OpenRC, "openrc-init", "halt", "poweroff", 20 * time.Second},
	{rootfs.Runit, "runit", "halt", "poweroff", 20 * time.Second},
	{rootfs.S6, "s6", "halt", "poweroff", 10 * time.Second},
	{rootfs.Finit, "finit", "halt", "poweroff", 20 * time.Second},
	{rootfs.Tini, "tini", "halt", "exit status 0", 5 * time.Second},
	{rootfs.DumbInit, "dumb-init", "halt", "exit status 0", 5 * time.Second},
	{rootfs.Handler, "program", "halt", "exit status 0", 5 * time.Second},
	{rootfs.Script, "busybox", "halt", "poweroff", 10 * time.Second},
	{rootfs.Stubborn, "program", "KILL", "killed by SIGKILL", 10 * time.Second},
}

func TestEveryInitComesDownByItsOwnRung(t *testing.T) {
	for _, i := range inits {
		t.Run(string(i.root), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := rootfs.Make(t, i.root)
			name := w.guest(c)
			w.wants(name, guest.Stopped)
			w.must("start", name)
			up(t, c)
			if st := w.wants(name, guest.Running); st.Condition == nil || st.Condition.Init != i.is {
				t.Errorf("condition %+v, want init %s", st.Condition, i.is)
			}
			stop := w.must("stop", name)
			t.Log(stop)
			record := w.stoppedBy(name, i.rung, i.rung == "KILL")
			if record.Cause != i.cause {
				t.Errorf("cause %q, want %q", record.Cause, i.cause)
			}
			if clean, err := c.Clean(); err != nil || clean != (i.rung != "KILL") {
				t.Errorf("went through an orderly shutdown: %v %v", clean, err)
			}
			if stop.took > i.limit {
				t.Errorf("the stop took %s", stop.took)
			}
			nothingLeft(t, c)
		})
	}
}

// TestStopRightAfterStart sends the halt signal into every moment of a boot.
func TestStopRightAfterStart(t *testing.T) {
	const rounds = 50
	w := newWorld(t)
	var group sync.WaitGroup
	for _, i := range inits {
		c := rootfs.Make(t, i.root)
		name := w.guest(c, "ready=running")
		group.Go(func() {
			for round := range rounds {
				if err := w.cycle(name, i.rung, i.limit); err != nil {
					t.Errorf("%s, round %d: %v\n%s", i.root, round, err, c.Console())
					return
				}
			}
			nothingLeft(t, c)
		})
	}
	group.Wait()
}

// cycle is a start, and a stop that comes without a pause.
func (w *world) cycle(name, rung string, limit time.Duration) error {
	if r := w.run("start", name); r.code != 0 {
		return fmt.Errorf("start: %s", r)
	}
	stop := w.run("stop", name)
	if stop.code != 0 {
		return fmt.Errorf("stop: %s", stop)
	}
	st := w.status(name)
	switch {
	case st.LastStop == nil || st.LastStop.Stop.By != rung:
		return fmt.Errorf("stop: %s", stop)
	case stop.took > limit:
		return fmt.Errorf("the stop took %s: %s", stop.took, stop)
	}
	return nil
}
