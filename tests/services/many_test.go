package services

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// many is how many guests of each sort a host has that goes down.
const many = 20

// manyBudget is what they have for it; two of them would take an hour.
const manyBudget = 40 * time.Second

// A host with forty guests, two of which ignore everything, is down within its
// budget, and the record tells what became of each.
func TestHostShutdownOfManyGuests(t *testing.T) {
	need.Root(t)
	m := newMachines(t)
	for _, c := range oneOfEach(combinations(t)) {
		t.Run(c.String(), func(t *testing.T) { // not in parallel: forty guests boot
			h := newHost(t, c.pid1, m)
			h.machine().Install("/etc/conf.d/guestrc",
				fmt.Sprintf("host_shutdown_budget=\"%d\"\nstart_parallel=\"4\"\n", manyBudget/time.Second), 0o644)
			crowd := crowdOn(h, m)
			h.machine().Must(h.ctx, "guestrc", append([]string{"enable"}, crowd.all...)...)
			out, errs, code := h.machine().Run(h.ctx, "guestrc", "start", "--all")
			if code != 0 {
				t.Fatalf("start --all: exit %d\n%s%s", code, out, errs)
			}
			for _, g := range crowd.all {
				h.wants(g, started)
			}
			before := time.Now()
			if how, err := powerOff[c.init](h.machine(), h.ctx); err != nil {
				t.Errorf("power off: %s, %v", how, err)
			}
			took := time.Since(before)
			t.Logf("the host was down after %v", took)
			if took > manyBudget+15*time.Second {
				t.Errorf("the host was down after %v, the budget is %v", took, manyBudget)
			}
			crowd.told(t, h)
		})
	}
}

// oneOfEach leaves one combination of each init system.
func oneOfEach(all []combination) (some []combination) {
	seen := map[string]bool{}
	for _, c := range all {
		if !seen[c.init] {
			some = append(some, c)
		}
		seen[c.init] = true
	}
	return some
}

// crowd is the guests of TestHostShutdownOfManyGuests.
type crowd struct {
	all      []string
	stubborn map[string]bool
	needed   string   // by users
	users    []string // go before it
	last     string   // of all
}

func crowdOn(h *host, m machines) *crowd {
	h.t.Helper()
	c := &crowd{stubborn: map[string]bool{}}
	small := []string{`memory="128M"`, `stop_schedule="acpi/600/KILL/5"`}
	add := func(name string) string {
		c.all = append(c.all, name)
		return name
	}
	c.needed = add(m.make(h, "db", "gr.slowdown=500", small...))
	c.last = add(m.make(h, "dns", "", append(small, `stop_last="yes"`)...))
	need := fmt.Sprintf("rc_need=%q", c.needed)
	c.users = append(c.users, add(m.make(h, "web", "gr.slowdown=1000", append(small, need)...)))
	c.stubborn[add(m.make(h, "deaf", "gr.acpi=ignore", append(small, `acpi_resend="once"`)...))] = true
	for i := len(c.all); i < many; i++ {
		add(m.make(h, fmt.Sprintf("q%d", i), "", small...))
	}
	long := `stop_schedule="halt/600/KILL/5"`
	c.users = append(c.users, add(h.guest(h.container(rootfs.Sysvinit, slowDown("1")), long, need)))
	c.stubborn[add(h.guest(h.container(rootfs.Stubborn), long, `ready="running"`))] = true
	for i := 2; i < many; i++ {
		add(h.guest(h.container(rootfs.Sysvinit), long))
	}
	return c
}

// told holds the record of the shutdown against what happened, and has it drawn.
func (c *crowd) told(t *testing.T, h *host) {
	t.Helper()
	root := t.TempDir()
	dir := guest.Layout{Root: root}.HistoryDir()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	stops := map[string]history.Entry{}
	for _, g := range c.all {
		text, err := h.machine().ReadFile(filepath.Join(guest.Layout{}.HistoryDir(), g+".jsonl"))
		if err != nil {
			t.Fatalf("%v\nhost:\n%s", err, h.machine().Console())
		}
		if err := os.WriteFile(filepath.Join(dir, g+".jsonl"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(text), "\n")
		var e history.Entry
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil || e.Event != history.Stop || e.Stop == nil || e.Occasion == nil {
			t.Errorf("%s ends with %s (%v), not with its stop on an occasion", g, lines[len(lines)-1], err)
			continue
		}
		stops[g] = e
		if !e.Stop.Down || e.Stop.Forced != c.stubborn[g] || e.Occasion.What != history.HostShutdown {
			t.Errorf("%s: %s, on %+v", g, e.Text, e.Occasion)
		}
		if e.Occasion.ID != stops[c.all[0]].Occasion.ID {
			t.Errorf("%s was stopped on an occasion of its own", g)
		}
		if late := e.At.Sub(e.Occasion.Deadline); late > 500*time.Millisecond {
			t.Errorf("%s was down %v after the deadline: %s", g, late, e.Text)
		}
	}
	if t.Failed() {
		return
	}
	for _, user := range c.users {
		if stops[user].At.After(stops[c.needed].Began.Add(time.Second)) {
			t.Errorf("%s was down at %v, what it needs was asked at %v", user, stops[user].At, stops[c.needed].Began)
		}
	}
	for g, e := range stops {
		if g != c.last && e.At.After(stops[c.last].At) {
			t.Errorf("%s was down at %v, the last one at %v", g, e.At, stops[c.last].At)
		}
	}
	c.drawn(t, root)
}

// drawn wants every guest in the picture and in the list of the slow.
func (c *crowd) drawn(t *testing.T, root string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, verb := range []string{"plot", "blame"} {
		cmd := exec.CommandContext(ctx, program(t), "--root", root, verb)
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", verb, err)
		}
		for _, g := range c.all {
			if !strings.Contains(string(out), g) {
				t.Errorf("%s says nothing of %s", verb, g)
			}
		}
		if n := strings.Count(string(out), "killed"); n < len(c.stubborn) {
			t.Errorf("%s tells of %d killed, want %d", verb, n, len(c.stubborn))
		}
		if keep := os.Getenv("GUESTRC_KEEP"); keep != "" {
			if err := os.WriteFile(filepath.Join(keep, strings.ReplaceAll(t.Name(), "/", "_")+"."+verb), out, 0o644); err != nil {
				t.Error(err)
			}
		}
	}
}

// program is the installed guestrc, for what only reads files.
func program(t *testing.T) string {
	t.Helper()
	dir, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "usr/bin/guestrc")
}
