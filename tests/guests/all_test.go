package guests

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// hostConf writes /etc/conf.d/guestrc.
func (w *world) hostConf(lines ...string) {
	w.t.Helper()
	path := filepath.Join(w.root, "etc/conf.d/guestrc")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// All guests go at the same time, each after those that depend on it, and what
// is not down when the time is over is killed.
func TestStopAllWithinABudget(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	w.hostConf(`start_parallel="2"`)
	db := w.guest("qemu.db", img, "gr.slowdown=300")
	web := w.guest("qemu.web", img, "gr.slowdown=1500", `rc_need="qemu.db"`)
	dns := w.guest("qemu.dns", img, "", `stop_last="yes"`)
	deaf := w.guest("qemu.deaf", img, "gr.acpi=ignore", `stop_schedule="acpi/600/KILL/5"`, `rc_need="qemu.dns"`)
	w.guest("qemu.off", img, "")
	all := []string{db, web, dns, deaf}

	if r := w.run("stop", "--all"); r.code != 0 || !strings.Contains(r.out, "no guest runs") {
		t.Errorf("stop --all where nothing runs: %s", r)
	}
	for _, name := range all {
		w.must("start", name)
	}
	const budget = 15
	began := time.Now()
	r := w.run("stop", "--all", "--budget", itoa(budget))
	if r.code != 0 {
		t.Fatalf("stop --all: %s", r)
	}
	if took := time.Since(began); took > (budget+1)*time.Second {
		t.Errorf("it took %v:\n%s", took, r)
	}
	for _, want := range []string{"Stopping 4 guests within 15 s", "4 guests down after", "the slowest was qemu.deaf", "1 had to be forced"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is not said: %s", want, r)
		}
	}
	if strings.Contains(r.out+r.err, "qemu.off") {
		t.Errorf("the one that did not run is spoken of: %s", r)
	}
	last := map[string]guest.StopRecord{}
	for _, name := range all {
		last[name] = *w.status(name).LastStop
		if forced := last[name].Stop.Forced; forced != (name == deaf) {
			t.Errorf("%s: %s", name, last[name].Text)
		}
		w.clean(name)
	}
	if !last[web].At.Before(last[db].At) || !last[deaf].At.Before(last[dns].At) {
		t.Errorf("order: web %v, db %v, deaf %v, dns %v", last[web].At, last[db].At, last[deaf].At, last[dns].At)
	}
	// The time that the deaf one could not have was left to the one after it.
	if by := last[dns].Stop.By; by != "acpi" {
		t.Errorf("dns: %s", last[dns].Text)
	}
}

// A stop that is interrupted says what still runs, and the next one goes on.
func TestStopAllInterruptedGoesOn(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	slow := w.guest("qemu.slow", img, "gr.slowdown=6000")
	user := w.guest("qemu.user", img, "gr.slowdown=6000", `rc_need="qemu.slow"`)
	quick := w.guest("qemu.quick", img, "")
	for _, name := range []string{slow, user, quick} {
		w.must("start", name)
	}
	quickOne := w.running(quick)
	cmd := command(t, program, "--root", w.root, "stop", "--all")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := quickOne.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // its status is looked at
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(out.String(), "interrupted: 2 guests not stopped") {
		t.Fatalf("interrupted: exit %d\n%s", code, out.String())
	}
	if st := w.status(slow); st.State != guest.Running {
		t.Errorf("what others need was stopped before them: %+v", st)
	}
	r := w.must("stop", "--all")
	for _, name := range []string{slow, user} {
		if !strings.Contains(r.out, name+": down in") {
			t.Errorf("%s is not told of: %s", name, r)
		}
		w.ended(name, "acpi")
	}
	w.ended(quick, "acpi")
}

// Without an init system all guests start that are described, each after those
// that it needs are ready, and no more of them at a time than start_parallel.
func TestStartAll(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	w.hostConf(`start_parallel="1"`)
	names := []string{w.guest("qemu.a", img, "", `rc_need="qemu.b"`), w.guest("qemu.b", img, ""), w.guest("qemu.c", img, "")}
	bad := w.conf("qemu.bad", `memory="much"`)
	r := w.run("start", "--all")
	if r.code != guest.StatusNotConfigured || !strings.Contains(r.err, "etc/conf.d/qemu.bad:1:1") || !strings.Contains(r.out, "3 guests of 4 up after") {
		t.Fatalf("start --all: %s", r)
	}
	var began, ready []time.Time
	for _, name := range names {
		st := w.status(name)
		if st.State != guest.Running || st.ReadyAt.IsZero() {
			t.Fatalf("%s: %+v", name, st)
		}
		began, ready = append(began, st.StartedAt), append(ready, st.ReadyAt)
	}
	if began[0].Before(ready[1]) {
		t.Errorf("a began at %v, what it needs was ready at %v", began[0], ready[1])
	}
	for i := range names { // start_parallel is one
		for j := range names {
			if i != j && began[i].After(began[j]) && began[i].Before(ready[j]) {
				t.Errorf("%s began at %v, when %s was not ready: %v", names[i], began[i], names[j], ready[j])
			}
		}
	}
	if r := w.run("status", bad); r.code != guest.StateStopped {
		t.Errorf("the faulty one: %s", r)
	}
	w.must("stop", "--all", "--budget", "60")
}

func TestAllRefuses(t *testing.T) {
	w := newWorld(t)
	w.conf("qemu.a")
	for _, args := range [][]string{
		{"stop"}, {"start"}, {"stop", "--all", "qemu.a"}, {"stop", "--budget", "9", "qemu.a"}, {"stop", "--all", "--budget", "soon"},
		{"stop", "--all", "--budget", "0"}, {"stop", "--all", "--budget", "-5"}, {"stop", "--all", "--budget", "9", "--host-shutdown"},
		{"stop", "--host-shutdown", "qemu.a"}, {"start", "--all", "qemu.a"},
	} {
		if r := w.run(args...); r.code != guest.StatusUsage || !strings.Contains(r.err, "hint: ") {
			t.Errorf("%s: %s", fmt.Sprint(args), r)
		}
	}
}
