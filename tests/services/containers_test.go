package services

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// up waits until a container has booted.
func up(t *testing.T, c *rootfs.Container) {
	t.Helper()
	if _, err := c.Up(within(t, time.Minute)); err != nil {
		t.Fatalf("%v\n%s", err, c.Console())
	}
}

// inside is the number that a process has in its own process namespace, the
// machine's for a monitor: proc_pid_status(5).
func inside(t *testing.T, p *pidfile.Process) int {
	t.Helper()
	numbers := strings.Fields(processStatus(t, p, "NSpid"))
	n, err := strconv.Atoi(numbers[len(numbers)-1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// processStatus is a field of proc_pid_status(5).
func processStatus(t *testing.T, p *pidfile.Process, field string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil || p.Ended() {
		t.Fatalf("cannot read the status of process %d: %v", p.Pid(), err)
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); name == field && strings.TrimSpace(value) != "" {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("process %d has no %s", p.Pid(), field)
	return ""
}

// hears tells whether a process catches or keeps a signal.
func hears(t *testing.T, p *pidfile.Process, sig unix.Signal) bool {
	t.Helper()
	heard := false
	for _, field := range []string{"SigCgt", "SigBlk"} {
		mask, err := strconv.ParseUint(processStatus(t, p, field), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		heard = heard || mask&(1<<(sig-1)) != 0
	}
	return heard
}

func monitorOf(t *testing.T, c *rootfs.Container) *pidfile.Process {
	t.Helper()
	return held(t, c.Monitor)
}

func initOf(t *testing.T, c *rootfs.Container) *pidfile.Process {
	t.Helper()
	return held(t, c.Process)
}

func held(t *testing.T, find func() (*pidfile.Process, error)) *pidfile.Process {
	t.Helper()
	p, err := find()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// condition wants a running guest to be so.
func (h *host) condition(name, state string) {
	h.t.Helper()
	if st := h.status(name); st.Condition == nil || st.Condition.State != state {
		h.t.Errorf("%s: %+v, condition %+v, want %s", name, st, st.Condition, state)
	}
}

// forced wants the guest to have been killed.
func (h *host) forced(name string) {
	h.t.Helper()
	st := h.status(name)
	if st.State != guest.Stopped || st.LastStop == nil || st.LastStop.Stop.By != "KILL" || !st.LastStop.Stop.Forced {
		h.t.Fatalf("%s: %+v, last stop %+v; want it killed", name, st, st.LastStop)
	}
}

// nothingLeft wants nothing of a container: neither cgroups nor processes.
func nothingLeft(t *testing.T, c *rootfs.Container) {
	t.Helper()
	if left, err := c.Left(); err != nil || len(left) > 0 {
		t.Errorf("of %s was left: %v %v", c.Name, left, err)
	}
}

// clean wants a container to have gone through its own shutdown.
func clean(t *testing.T, c *rootfs.Container) {
	t.Helper()
	if clean, err := c.Clean(); err != nil || !clean {
		t.Errorf("%s did not go through an orderly shutdown (%v)\n%s", c.Name, err, c.Console())
	}
}

func TestInitsHearOnceStartedAndShutDownInOrder(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		for _, init := range []rootfs.Init{rootfs.Busybox, rootfs.Systemd, rootfs.S6, rootfs.OpenRC} {
			c := h.container(init)
			name := h.guest(c)
			h.mustStart(name)
			if sig := init.PowerOffSignals()[0]; !hears(t, initOf(t, c), sig) {
				t.Errorf("%s was started and is deaf to %s", init, unix.SignalName(sig))
			}
			h.wants(name, started)
			up(t, c)
			h.mustStop(name)
			h.wants(name, stopped)
			h.inOrder(name)
			clean(t, c)
			nothingLeft(t, c)
		}
	})
}

func TestKilledOnDemand(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		c := h.container(rootfs.Stubborn)
		name := h.guest(c)
		h.mustStart(name)
		h.must("kill", name)
		h.eventually(name, stopped)
		h.forced(name)
		nothingLeft(t, c)
		h.mustStart(name)
		h.wants(name, started)
	})
}

// A stop whose last rung is KILL has stopped the guest, if not as one wishes.
func TestKilledByItsSchedule(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		c := h.container(rootfs.Stubborn)
		name := h.guest(c, "stop_schedule=halt/1/KILL/5")
		h.mustStart(name)
		h.mustStop(name)
		h.wants(name, stopped)
		h.forced(name)
		nothingLeft(t, c)
	})
}

func TestFrozenContainerStops(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		c := h.container(rootfs.Sysvinit)
		name := h.guest(c)
		h.mustStart(name)
		h.must("freeze", name)
		h.condition(name, "frozen")
		h.must("thaw", name)
		h.condition(name, guest.Running)
		h.must("freeze", name)
		h.wants(name, started)
		h.mustStop(name)
		h.inOrder(name)
		nothingLeft(t, c)
	})
}

// A container that reboots is the same guest all the time.
func TestRebootKeepsTheService(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		c := h.container(rootfs.Sysvinit)
		name := h.guest(c)
		h.mustStart(name)
		up(t, c)
		before := h.status(name).PID
		h.must("reboot", name)
		up(t, c)
		h.wants(name, started)
		if after := h.status(name).PID; after != before {
			t.Errorf("the monitor was %d and is %d", before, after)
		}
		h.mustStop(name)
		h.inOrder(name)
	})
}

func TestKilledMonitorLeavesNothing(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		c := h.container(rootfs.Systemd)
		name := h.guest(c)
		h.mustStart(name)
		first := initOf(t, c)
		h.kill9(name)
		h.eventually(name, crashed)
		if err := first.Wait(within(t, time.Minute)); err != nil {
			t.Errorf("init lives on: %v", err)
		}
		h.mustStart(name)
		h.wants(name, started)
		h.mustStop(name)
		h.wants(name, stopped)
		nothingLeft(t, c)
	})
}

// waits is a first stage of runit that takes until somebody says go; before the
// second one, runit would forget a request.
const waits = "#!/bin/sh\nrm -f /run/runit.stopit /run/runit.reboot\nwhile [ ! -e /marks/go ]; do sleep 0.05; done\n"

// TestStartTakesUntilInitHears: a stop may follow at once.
func TestStartTakesUntilInitHears(t *testing.T) {
	both(t, func(t *testing.T, h *host) {
		c := h.container(rootfs.Runit, rootfs.File("etc/runit/1", waits, 0o755))
		name := h.guest(c)
		said := make(chan string, 1)
		go func() {
			out, code := h.start(h.ctx, name)
			said <- fmt.Sprintf("exit %d\n%s", code, out)
		}()
		for h.status(name).PID == 0 {
			select {
			case early := <-said:
				t.Fatalf("start did not wait: %s", early)
			case <-h.ctx.Done():
				t.Fatal("it does not start")
			case <-time.After(50 * time.Millisecond): // to look again: no event is for others
			}
		}
		if s, ok := h.system.(*systemd); ok {
			if state := s.state(h.ctx, name); state != "activating" {
				t.Errorf("while init is deaf the unit is %s", state)
			}
		}
		select {
		case early := <-said:
			t.Fatalf("start did not wait: %s", early)
		case <-time.After(500 * time.Millisecond):
		}
		if err := os.WriteFile(filepath.Join(marks(c), "go"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if out := <-said; !strings.HasPrefix(out, "exit 0\n") {
			t.Fatalf("start: %s", out)
		}
		h.wants(name, started)
		h.mustStop(name)
		h.inOrder(name)
		clean(t, c)
	})
}
