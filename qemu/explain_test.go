package qemu

import (
	"strings"
	"testing"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
	rom "github.com/guestrc/guestrc/tests/romguest"
)

// Each of these is told of a real QEMU, and nothing that contradicts it.
func TestExplain(t *testing.T) {
	t.Parallel()
	agent := []string{"-device", "virtio-serial-pci", "-chardev", "socket,id=" + agentChardev + ",path=DIR/agent,server=on,wait=off",
		"-device", "virtserialport,chardev=" + agentChardev}
	for name, c := range map[string]struct {
		args   []string
		before func(r *romMachine)
		want   []string // rung, severity and a part of the text
	}{
		"nobody has the channel open":   {agent, nil, []string{"agent bad no agent is there", "quit forced power cut"}},
		"no channel":                    {nil, func(r *romMachine) { r.m.Sockets.Agent = "" }, []string{"quit forced power cut", "agent bad no channel"}},
		"a channel that is not of ours": {nil, nil, []string{"quit forced power cut", "agent doubtful cannot be seen"}},
		"paused":                        {agent, func(r *romMachine) { r.tellAny("stop") }, []string{"quit forced power cut", " good it is paused", "agent bad no agent is there"}},
		"busy":                          {agent, func(r *romMachine) { r.hold(r.QMP) }, []string{"quit forced power cut", " doubtful acpi and quit wait for it"}},
		"frozen":                        {agent, func(r *romMachine) { r.Freeze(r.t) }, []string{"quit forced power cut", " good a stop continues it first"}},
		"gone":                          {agent, func(r *romMachine) { r.Kill() }, []string{"quit forced power cut", " bad "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := upROM(t, rom.Do(rom.Up(), rom.Idle()), c.args...)
			schedule, err := shutdown.Parse(defaultSchedule, verbs...)
			if err != nil {
				t.Fatal(err)
			}
			r.m.Schedule = schedule
			if c.before != nil {
				c.before(r)
			}
			wantReasons(t, r.m.Explain(t.Context(), r.p), c.want)
		})
	}
}

// wantReasons wants these reasons, in any order, and no other.
func wantReasons(t *testing.T, got []guest.Reason, want []string) {
	t.Helper()
	for _, w := range want {
		rung, rest, _ := strings.Cut(w, " ")
		severity, text, _ := strings.Cut(rest, " ")
		found := 0
		for _, r := range got {
			if r.Rung == rung && r.Severity == severity && strings.Contains(r.Text, text) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%q is told %d times", w, found)
		}
	}
	if len(got) != len(want) || t.Failed() {
		t.Errorf("told is %+v", got)
	}
}

// What its files tell of a machine that does not run.
func TestExplainFiles(t *testing.T) {
	for _, c := range []struct {
		schedule string
		m        Machine
		want     []string
	}{
		{"agent/1/acpi/1/KILL/1", Machine{Sockets: Sockets{Agent: "/a"}}, nil},
		{"agent/1/KILL/1", Machine{}, []string{"agent bad no channel"}},
		{"acpi/1/KILL/1", Machine{Args: []string{"-machine", "q35,acpi=off"}}, []string{"acpi bad no ACPI"}},
		{"acpi/1/KILL/1", Machine{Args: []string{"-no-acpi"}}, []string{"acpi bad no ACPI"}},
		{"TERM/1/quit/1/KILL/1", Machine{}, []string{"TERM forced power cut", "quit forced power cut"}},
	} {
		schedule, err := shutdown.Parse(c.schedule, verbs...)
		if err != nil {
			t.Fatal(err)
		}
		c.m.Schedule = schedule
		wantReasons(t, c.m.Explain(t.Context(), nil), c.want)
	}
}
