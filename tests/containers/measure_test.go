package containers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// listed is what the list tells of one guest.
func (w *world) listed(name string) guest.Status {
	w.t.Helper()
	r := w.must("list", "--json")
	var report struct{ Guests []guest.Status }
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		w.t.Fatalf("list --json: %v: %s", err, r)
	}
	for _, st := range report.Guests {
		if st.Guest == name {
			return st
		}
	}
	w.t.Fatalf("%s is not in the list: %s", name, r)
	return guest.Status{}
}

// measured is what a running container uses.
func (w *world) measured(name string) guest.Usage {
	w.t.Helper()
	st := w.listed(name)
	if st.Usage == nil {
		w.t.Fatalf("nothing is told of what it uses: %+v", st)
	}
	return *st.Usage
}

// hoard has a process in the container that keeps so many bytes until the test
// ends, and returns once it has most of them.
func (w *world) hoard(name string, bytes int) {
	w.t.Helper()
	script := fmt.Sprintf("exec 3>&1; { head -c %d /dev/zero; echo hoarded >&3; cat; } | tail -c %[1]d >/dev/null", bytes)
	cmd := w.command("exec", name, "--", "/bin/sh", "-c", script)
	in, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	said := make(chan string, 1)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 64)
		n, _ := out.Read(buf) // nothing, if it failed
		said <- string(buf[:n])
	}()
	w.t.Cleanup(func() { in.Close(); cmd.Wait() })
	select {
	case text := <-said:
		if text != "hoarded\n" {
			w.t.Fatalf("it said %q", text)
		}
	case <-time.After(time.Minute):
		w.t.Fatal("it says nothing")
	}
}

func TestAContainersUsageIsWhatItUses(t *testing.T) {
	w, c, name := running(t, rootfs.File("/etc/os-release", "ID=x\nPRETTY_NAME=\"Test \x1b[31mOS 1\"\n", 0o644))
	before := w.measured(name)
	if before.Procs < 1 || before.Memory == 0 || before.Limit != 0 {
		t.Errorf("at rest: %+v", before)
	}
	const memory = 48 << 20
	w.hoard(name, memory)
	after := w.measured(name)
	if after.Memory < before.Memory+memory*9/10 || after.Memory > before.Memory+4*memory {
		t.Errorf("%d bytes are in use, of them %d were before, and %d were asked for", after.Memory, before.Memory, memory)
	}
	if after.CPU <= before.CPU || after.Procs <= before.Procs {
		t.Errorf("before %+v, after %+v", before, after)
	}
	st := w.listed(name)
	if st.Condition == nil || st.Condition.Init != "busybox" || st.Condition.OS != "Test \uFFFD[31mOS 1" {
		t.Errorf("what is inside: %+v", st.Condition)
	}
	if st.Rung != "halt" || st.Worst == nil {
		t.Errorf("what a stop would do: %s, %v", st.Rung, st.Worst)
	}
	if r := w.must("list"); !strings.Contains(r.out, "busybox, Test \uFFFD[31mOS 1") || strings.Contains(r.out, "\x1b") {
		t.Errorf("%s", r)
	}
	metrics := w.must("metrics").out
	for _, want := range []string{"guestrc_guest_up", "guestrc_guest_memory_bytes", "guestrc_guest_cpu_seconds_total", "guestrc_guest_processes"} {
		if !strings.Contains(metrics, fmt.Sprintf("\n%s{kind=\"lxc\",name=%q} ", want, c.Name)) {
			t.Errorf("no %s of it in\n%s", want, metrics)
		}
	}
}

// The limit that LXC's configuration sets is told; a busy container is at the
// top, and what was on the terminal is there again when top has ended.
func TestTopOnATerminal(t *testing.T) {
	w, _, name := running(t, rootfs.Extra("lxc.cgroup.memory.limit_in_bytes = 256M", "lxc.cgroup2.memory.max = 256M"))
	if u := w.measured(name); u.Limit != 256<<20 {
		t.Errorf("the limit is %d", u.Limit)
	}
	spin := w.command("exec", name, "--", "/bin/sh", "-c", "while :; do :; done")
	if err := spin.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { spin.Process.Kill(); spin.Wait() }()
	tt := onTerminal(t, w.command("top", "--delay", "0.3"), 20, 100)
	tt.wants("\x1b[?1049h")
	tt.wants("1 of 1 guests up")
	tt.wants("256M")
	tt.resize(10, 40)
	tt.wants("\x1b[H")
	tt.typed("m")
	tt.typed("q")
	if code := tt.exit(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	<-tt.ended
	if said := tt.said(); !strings.HasSuffix(said, "\x1b[?25h\x1b[?7h\x1b[?1049l") {
		t.Errorf("the terminal was left as it was: %q", said[max(0, len(said)-200):])
	}
	busy(t, w, name)
}

// busy wants top to tell that the container uses much of a processor. Others use
// the machine, too.
func busy(t *testing.T, w *world, name string) {
	t.Helper()
	var last string
	for range 20 {
		last = w.must("top", "--count", "1", "--delay", "1").out
		for line := range strings.Lines(last) {
			var cpu float64
			if rest, ok := strings.CutPrefix(line, name); ok {
				if _, err := fmt.Sscan(rest, &cpu); err == nil && cpu > 20 {
					return
				}
			}
		}
	}
	t.Errorf("%s is not busy:\n%s", name, last)
}

// A container that ends, or reboots, while it is measured is no error.
func TestMeasuredWhileItComesAndGoes(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler)
	name := w.guest(c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3 {
			w.must("start", name)
			w.must("kill", name)
		}
	}()
	for {
		for _, verb := range []string{"list", "metrics"} {
			if r := w.run(verb); r.code != 0 || r.err != "" {
				t.Errorf("%s: %s", verb, r)
			}
		}
		select {
		case <-done:
			nothingLeft(t, c)
			return
		default:
		}
	}
}
