package qemu

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/shutdown"
	"github.com/guestrc/guestrc/tests/fakeqmp"
	rom "github.com/guestrc/guestrc/tests/romguest"
)

// The agent is a fake, as these guests have no room for one; what it does to
// the guest is done by the monitor for people.
func TestAgentRung(t *testing.T) {
	t.Parallel()
	press := func(r *romMachine) fakeqmp.Reaction {
		return func(name string, _ map[string]any) string {
			if name == "guest-shutdown" {
				r.tellAny("system_powerdown")
			}
			return fakeqmp.Usual
		}
	}
	say := func(text string) func(*romMachine) fakeqmp.Reaction {
		return func(*romMachine) fakeqmp.Reaction {
			return func(name string, _ map[string]any) string {
				if name == "guest-shutdown" {
					return text
				}
				return fakeqmp.Usual
			}
		}
	}
	const refusal = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no /sbin/shutdown\"}}\n"
	cases := []struct {
		name   string
		code   rom.Code
		react  func(*romMachine) fakeqmp.Reaction // nil: no socket
		result shutdown.Result
		least  time.Duration
		most   time.Duration
		text   string // in the rung's error or notes
	}{
		{"works", pressable(1, rom.PowerOff()), press, shutdown.Down, 0, patience, ""},
		{"halts the guest", pressable(1, rom.Halt()), press, shutdown.Down, 0, patience, "halted"},
		{"ignored", pressable(1, rom.PowerOff()), say(""), shutdown.Ignored, 4 * time.Second, 6 * time.Second, ""},
		{"refuses", pressable(1, rom.PowerOff()), say(refusal), shutdown.Failed, 0, 2 * time.Second, "no /sbin/shutdown"},
		{"nobody in the guest", pressable(1, rom.PowerOff()), func(*romMachine) fakeqmp.Reaction {
			return func(string, map[string]any) string { return "" }
		}, shutdown.Absent, agentTime, agentTime + time.Second, "no answer came in time"},
		{"no socket", pressable(1, rom.PowerOff()), nil, shutdown.Absent, 0, time.Second, "nobody listens"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := upROM(t, c.code)
			if c.react != nil {
				fakeqmp.StartAgent(t, r.m.Sockets.Agent, c.react(r))
			}
			s := r.stop("agent/4/KILL/5", StopPolicy{})
			first := s.Rungs[0]
			if first.Result != c.result || !strings.Contains(first.Error+strings.Join(first.Notes, "\n"), c.text) {
				t.Errorf("agent %s, %q, %q; want %s, %q", first.Result, first.Error, first.Notes, c.result, c.text)
			}
			if took := time.Duration(first.Took); took < c.least || took > c.most {
				t.Errorf("it took %v, not %v to %v", took, c.least, c.most)
			}
		})
	}
	t.Run("channel that nobody opened", func(t *testing.T) {
		t.Parallel()
		r := upROM(t, rom.Do(rom.Up(), rom.Idle()), "-device", "virtio-serial-pci",
			"-chardev", "socket,id="+agentChardev+",path=DIR/agent,server=on,wait=off", "-device", "virtserialport,chardev="+agentChardev)
		first := r.stop("agent/4/KILL/5", StopPolicy{}).Rungs[0]
		if first.Result != shutdown.Absent || time.Duration(first.Took) > time.Second || !strings.Contains(first.Error, "nobody in the guest") {
			t.Errorf("agent %s after %s, %q", first.Result, first.Took, first.Error)
		}
	})
	t.Run("turned off", func(t *testing.T) {
		t.Parallel()
		r := upROM(t, rom.Do(rom.Up(), rom.Idle()))
		r.m.Sockets.Agent = ""
		if s := r.stop("agent/4/KILL/5", StopPolicy{}); s.Rungs[0].Result != shutdown.Absent {
			t.Errorf("%+v", s.Rungs)
		}
	})
}

// Every rung × a QEMU that hangs in a system call, that is frozen, that dies.
func TestRungsWithoutQEMU(t *testing.T) {
	t.Parallel()
	t.Run("hangs", func(t *testing.T) {
		t.Parallel()
		r := upROM(t, pressable(1, rom.PowerOff()))
		target := r.m.Target(r.p).(*target)
		defer target.Close()
		r.hang(target)
		for _, verb := range []string{"acpi", "quit"} {
			began := time.Now()
			err := target.Rung(verb)(within(t, time.Second), discard)
			if err == nil || time.Since(began) > 3*time.Second {
				t.Errorf("%s of a QEMU that hangs: %v after %v", verb, err, time.Since(began))
			}
		}
		s, err := shutdown.Run(within(t, patience), shutdown.Schedule{{Verb: "KILL", Wait: 5 * time.Second}}, target, nil)
		if err != nil || s.By != "KILL" {
			t.Errorf("%s, %v", s, err)
		}
		if cause := target.Cause(); cause != "" {
			t.Errorf("cause %q", cause)
		}
	})
	t.Run("dies", func(t *testing.T) {
		t.Parallel()
		r := upROM(t, rom.Do(rom.Up(), rom.Idle()))
		time.AfterFunc(300*time.Millisecond, func() { r.Signal(unix.SIGKILL) })
		s := r.stop("acpi/60/KILL/5", StopPolicy{Resend: Resend{Every: 50 * time.Millisecond}})
		if !s.Died || s.cause != "" {
			t.Errorf("%s, cause %q", s, s.cause)
		}
	})
	t.Run("is gone", func(t *testing.T) {
		t.Parallel()
		r := upROM(t, rom.Do(rom.Up(), rom.Idle()))
		r.Kill()
		if s := r.stop("agent/4/acpi/60/quit/10/TERM/5/KILL/5", StopPolicy{}); !s.Down {
			t.Errorf("%s", s)
		}
		target := r.m.Target(r.p)
		for _, verb := range []string{"acpi", "quit", "TERM", "KILL"} {
			if err := target.Rung(verb)(within(t, patience), discard); err == nil {
				t.Errorf("%s of a QEMU that is gone: no error", verb)
			}
		}
	})
}

func discard(string) {}

// hang makes QEMU's main loop wait for somebody who reads a FIFO.
func (r *romMachine) hang(target *target) {
	r.t.Helper()
	fifo := r.Dir + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		r.t.Fatal(err)
	}
	err := target.execute(within(r.t, 200*time.Millisecond), "pmemsave", map[string]any{"val": 0, "size": 4096, "filename": fifo}, nil)
	if err == nil {
		r.t.Fatal("QEMU does not hang")
	}
}

func TestSignalRungs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		schedule, by, cause string
		frozen              bool
		notes               []string
	}{
		{schedule: "TERM/10", by: "TERM", cause: "host-signal"},
		{schedule: "INT/10", by: "INT", cause: "host-signal"},
		{schedule: "HUP/10", by: "HUP", cause: "host-signal"},
		{schedule: "KILL/10", by: "KILL"},
		{schedule: "TERM/10", by: "TERM", frozen: true, notes: []string{"QEMU was stopped by a signal; continued it"}},
		{schedule: "KILL/10", by: "KILL", frozen: true},
	} {
		name := c.schedule
		if c.frozen {
			name += " frozen"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := upROM(t, rom.Do(rom.Up(), rom.Idle()))
			steps, err := shutdown.Parse(c.schedule, verbs...)
			if err != nil {
				t.Fatal(err)
			}
			target := r.m.Target(r.p)
			defer target.Close()
			if c.frozen {
				r.Freeze(t)
			} else {
				target.Wake(within(t, patience), discard) // opens the session that hears the cause
			}
			s, err := shutdown.Run(within(t, patience), steps, target, nil)
			if err != nil || s.By != c.by || !s.Forced || target.Cause() != c.cause {
				t.Errorf("%s (%v), cause %q", s, err, target.Cause())
			}
			if diff := cmp.Diff(c.notes, s.Rungs[len(s.Rungs)-1].Notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestQuitRung(t *testing.T) {
	t.Parallel()
	r := upROM(t, rom.Do(rom.Up(), rom.Idle()))
	s := r.stop("quit/10", StopPolicy{})
	if s.By != "quit" || !s.Forced || s.cause != "host-qmp-quit" {
		t.Errorf("%s, forced %v, cause %q", s, s.Forced, s.cause)
	}
	if _, err := os.Lstat(r.Monitor); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("QEMU did not end in order: %v", err)
	}
}

func TestVerbs(t *testing.T) {
	target := (&Machine{}).Target(nil)
	for _, verb := range append(verbs, "TERM", "RTMIN+3") {
		if target.Rung(verb) == nil {
			t.Errorf("%s does nothing", verb)
		}
	}
	if target.Rung("halt") != nil {
		t.Error("halt is for containers")
	}
	for _, verb := range []string{"quit", "TERM", "KILL"} {
		if v := target.Verdict(verb); v != shutdown.Forced {
			t.Errorf("verdict of %s: %v", verb, v)
		}
	}
}

func TestOrdinal(t *testing.T) {
	for n, want := range map[int]string{2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 112: "112th"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
