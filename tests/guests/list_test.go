package guests

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

// busy describes a guest whose firmware is one instruction: it jumps to itself.
func (w *world) busy(name string) string {
	w.t.Helper()
	rom := make([]byte, 64<<10)
	copy(rom[len(rom)-16:], "\xeb\xfe") // where an x86 begins (Intel SDM vol. 3, 9.1.4)
	path := filepath.Join(w.root, "spin.rom")
	if err := os.WriteFile(path, rom, 0o644); err != nil {
		w.t.Fatal(err)
	}
	return w.machine(name, fmt.Sprintf("extra_args=%q", "-bios "+path))
}

// list is what it tells, by name.
func (w *world) list() map[string]guest.Status {
	w.t.Helper()
	var report struct{ Guests []guest.Status }
	if r := w.must("list", "--json"); json.Unmarshal([]byte(r.out), &report) != nil {
		w.t.Fatalf("list --json: %s", r)
	}
	all := map[string]guest.Status{}
	for _, st := range report.Guests {
		all[st.Guest] = st
	}
	return all
}

// A guest that is busy shows it, and one that is paused does not.
func TestTheListShowsWhatGuestsUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy, paused, down := w.busy("qemu.busy"), w.machine("qemu.paused", `agent=no`, `stop_schedule="agent/3/quit/20/KILL/5"`), w.machine("qemu.down")
	w.must("start", busy, paused)
	first := w.list()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		now := w.list()
		spent := func(name string) float64 {
			return time.Duration(now[name].Usage.CPU - first[name].Usage.CPU).Seconds()
		}
		if spent(busy) >= 0.5 {
			if spent(paused) > 0.2 {
				t.Errorf("the busy one used %f s, the paused one %f s", spent(busy), spent(paused))
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the busy one used %f s", spent(busy))
		}
	}
	all := w.list()
	if u := all[paused].Usage; u.Memory < 1<<20 || u.Memory > 1<<30 {
		t.Errorf("%+v", u)
	}
	if st := all[paused]; st.Condition.State != "prelaunch" || st.Rung != "quit" || time.Duration(*st.Worst) != 28*time.Second {
		t.Errorf("%+v, next %s, worst %v", st.Condition, st.Rung, st.Worst)
	}
	if st := all[down]; st.Usage != nil || st.Condition != nil || st.State != guest.Stopped {
		t.Errorf("%+v", st)
	}
	table := w.must("list").out
	if !strings.Contains(table, "prelaunch") || !strings.Contains(table, " 28s") || strings.Contains(table, "…") {
		t.Errorf("%s", table)
	}
	top := strings.Split(w.must("top", "--delay", "0.5", "--count", "1").out, "\n")
	if !strings.Contains(top[0], "2 of 3 guests up") || !strings.HasPrefix(top[3], busy) || !strings.HasPrefix(top[4], paused) {
		t.Errorf("%s", strings.Join(top, "\n"))
	}
	w.must("kill", busy, paused)
}

// The policy that counts is that of the files as they are, if one was changed.
func TestTheListKnowsOfAChangedSchedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.machine("qemu.c")
	w.must("start", name)
	w.machine("qemu.c", `stop_schedule="acpi/7/forever"`)
	if st := w.list()[name]; st.Schedule != "acpi/7/forever" || st.Rung != "acpi" || st.Worst != nil {
		t.Errorf("%s, next %s, worst %v", st.Schedule, st.Rung, st.Worst)
	}
	w.conf(name, `stop_schedule="nonsense"`) // then a stop goes by the record
	if st := w.list()[name]; st.State != guest.Running || st.Schedule != "quit/20/KILL/5" {
		t.Errorf("%+v", st)
	}
	w.must("kill", name)
}

// Monitors that do not answer cost a quarter of a second, all together, and are
// told as such.
func TestHangingMonitorsCostLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var names []string
	for i := range 3 {
		names = append(names, w.machine(fmt.Sprintf("qemu.h%d", i)))
	}
	w.must(append([]string{"start"}, names...)...)
	for _, name := range names[1:] {
		defer w.hold(filepath.Join(w.sock(name), "qmp")).Close()
	}
	r := w.must("list")
	if n := strings.Count(r.out, "another client has the monitor"); n != 2 || !strings.Contains(r.out, "prelaunch") {
		t.Errorf("%s", r)
	}
	if r.took > 1500*time.Millisecond { // the machine is shared
		t.Errorf("it took %v", r.took)
	}
	w.must(append([]string{"kill"}, names...)...)
}

// watching is a list that watches; its lines come on the channel.
func (w *world) watching() (lines <-chan string, stop func() int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	w.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, "--root", w.root, "list", "--watch")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	said := make(chan string, 1000)
	go func() {
		defer close(said)
		for in := bufio.NewScanner(out); in.Scan(); {
			said <- in.Text()
		}
	}()
	return said, func() int {
		cmd.Process.Signal(unix.SIGINT)
		for range said { // until it has closed its output
		}
		cmd.Wait()
		return cmd.ProcessState.ExitCode()
	}
}

// The list that watches tells of a start, of a stop and of a death as they
// happen. Less than the ten seconds shows that it did not just look again.
func TestTheListWatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.machine("qemu.w")
	lines, stop := w.watching()
	defer stop()
	wants := func(state string) {
		t.Helper()
		deadline := time.After(8 * time.Second)
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("it ended before it told of %q", state)
				}
				if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name && fields[1] == state {
					return
				}
			case <-deadline:
				t.Fatalf("it did not tell of %q", state)
			}
		}
	}
	wants("stopped")
	w.must("start", name)
	wants("running")
	w.must("stop", name)
	wants("stopped")
	w.must("start", name)
	wants("running")
	w.running(name).Signal(unix.SIGKILL)
	wants("crashed")
	w.must("stop", name)
	wants("stopped")
	w.machine("qemu.another")
	deadline := time.After(8 * time.Second)
	for found := false; !found; {
		select {
		case line := <-lines:
			found = strings.HasPrefix(line, "qemu.another ")
		case <-deadline:
			t.Fatal("it did not tell of a new guest")
		}
	}
	if code := stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}
