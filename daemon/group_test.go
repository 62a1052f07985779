package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func writeScript(t *testing.T, path, text string) {
	t.Helper()
	ok(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	ok(t, err)
	return string(text)
}

func wholeName(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	ok(t, err)
	return filepath.Base(exe)
}

// alone is a group of one, by pidfile.
func alone(t *testing.T, p *proc) *Group {
	t.Helper()
	f, err := ByPidfile(pidfileOf(t, p.pid), Want{})
	ok(t, err)
	g := NewGroup([]Found{f}, nil)
	t.Cleanup(g.Close)
	return g
}

func TestAScheduleGoesOnUntilTheEnd(t *testing.T) {
	for what, c := range map[string]struct {
		script   string
		schedule string
		want     string // how the record begins
		down     bool
	}{
		"by itself":      {"echo ready; read x", "TERM/20/KILL/5", "down in", true},
		"ignores TERM":   {"trap '' TERM; echo ready; read x", "TERM/1/KILL/5", "killed after", true},
		"by the second":  {"trap '' TERM; echo ready; read x", "TERM/1/HUP/5/KILL/5", "down in", true},
		"has a handler":  {"trap 'exit 3' INT; echo ready; while :; do read x || sleep 0.01; done", "INT/20/KILL/5", "down in", true},
		"ignores it all": {"trap '' TERM HUP; echo ready; read x", "TERM/1/HUP/1", "still running after", false},
		"is stopped":     {"echo ready; kill -STOP $$; read x", "TERM/20", "down in", true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			d := shell(t, c.script)
			if what == "is stopped" {
				awaitStopped(t, d.pid)
			}
			s, err := ParseSchedule(c.schedule, unix.SIGTERM)
			ok(t, err)
			record, err := alone(t, d).End(t.Context(), s, nil)
			if err != nil || record.Down != c.down || !strings.HasPrefix(record.String(), c.want) {
				t.Errorf("%v, %v", record, err)
			}
			if what == "by the second" && record.By != "HUP" || what == "is stopped" && !strings.Contains(record.String(), "it was stopped") {
				t.Errorf("%v", record)
			}
		})
	}
}

func awaitStopped(t *testing.T, pid int) {
	t.Helper()
	var info unix.Siginfo
	ok(t, unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOWAIT, nil))
}

func TestAReloadIsForThoseThatHearIt(t *testing.T) {
	for script, words := range map[string]string{
		"echo ready; read x":                        "no handler",
		"trap '' HUP; echo ready; read x":           "it ignores it",
		"trap 'echo again' HUP; echo ready; read x": "",
	} {
		err := alone(t, shell(t, script)).Hears(unix.SIGHUP)
		if words == "" && err != nil || words != "" && (err == nil || !strings.Contains(err.Error(), words)) {
			t.Errorf("%s: %v", script, err)
		}
	}
	d := blocked(t, func() *proc { return shell(t, "echo ready; read x") })
	ok(t, alone(t, d).Hears(unix.SIGHUP))
}

// One that is replaced by a child as it ends does not escape. A shell's child
// loses a signal that comes before it has put back its parent's traps: then it
// is for KILL.
func TestThoseBornMeanwhileAreEndedToo(t *testing.T) {
	name := unique("grc")
	path := t.TempDir() + "/" + name
	left := filepath.Join(t.TempDir(), "left")
	writeScript(t, path, `trap 'n=${1:-0}; [ $n -ge 3 ] || "$0" $((n+1)) & exit' TERM; echo ready; [ -z "$1" ] || echo $1 >>`+left+`; while :; do sleep 0.02; done`)
	first := shell(t, "exec "+path)
	s, err := ParseSchedule("TERM/2/KILL/20", unix.SIGTERM)
	ok(t, err)
	record, err := groupOf(t, Want{}, name).End(t.Context(), s, nil)
	if err != nil || !record.Down {
		t.Errorf("%v, %v", record, err)
	}
	first.end()
	wantPids(t, Want{}, []string{name})
}

// What something starts anew at every end is not fought for ever. Whether it is
// seen to come again is a matter of who is faster.
func TestWhatIsStartedAnewIsNotFoughtForEver(t *testing.T) {
	name := unique("grc")
	exe := program(t, t.TempDir()+"/"+name)
	supervisor := shell(t, "exec 2>/dev/null; echo ready; while :; do "+exe+" 1000; done")
	for found, _ := pidsOf(t, Want{}, name); len(found) == 0; found, _ = pidsOf(t, Want{}, name) {
		time.Sleep(time.Millisecond)
	}
	s, err := ParseSchedule("KILL/20", unix.SIGTERM)
	ok(t, err)
	record, err := groupOf(t, Want{}, name).End(t.Context(), s, nil)
	if time.Duration(record.Took) > 10*time.Second || err == nil && !record.Down && record.Rungs[0].Error == "" {
		t.Errorf("%v, %v", record, err)
	}
	supervisor.end()
	g := groupOf(t, Want{}, name)
	_, _, err = g.Signal(unix.SIGKILL)
	ok(t, err)
}

func TestSignals(t *testing.T) {
	for text, want := range map[string]unix.Signal{
		"TERM": 15, "SIGTERM": 15, "term": 15, "SigHup": 1, "9": 9, "0": 0, "31": 31, "RTMIN+2": 36, "rtmin+0": 34, "USR1": 10,
	} {
		got, err := ParseSignal(text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if back, err := ParseSignal(SignalName(got)); err != nil || back != want {
			t.Errorf("%q: written %s", text, SignalName(got))
		}
	}
	for _, text := range []string{"", "32", "-9", "-HUP", "SIG", "SIGSIGTERM", "TERM ", "RTMIN+31", "256", "1e1"} {
		if got, err := ParseSignal(text); err == nil {
			t.Errorf("%q is signal %d", text, got)
		}
	}
}

func TestSchedules(t *testing.T) {
	for text, want := range map[string]string{
		"5": "HUP/5/KILL/5", "TERM/20/KILL/5": "TERM/20/KILL/5", "SIGTERM/1/forever": "TERM/1/forever", "QUIT/3": "QUIT/3",
		"-TERM/20/-KILL/5": "TERM/20/KILL/5", "15/5/9/5": "TERM/5/KILL/5", "-3/1": "QUIT/1",
	} {
		if s, err := ParseSchedule(text, unix.SIGHUP); err != nil || s.String() != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "0", "TERM", "forever", "TERM/x", "acpi/5", "99999999999", "TERM/5/", "0/5", "-/5", "--TERM/5"} {
		if s, err := ParseSchedule(text, unix.SIGHUP); err == nil {
			t.Errorf("%q: %v", text, s)
		}
	}
}
