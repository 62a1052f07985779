package containers

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/guestrc/guestrc/shutdown"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// evil is what a container may call something: a line of its own, escape
// sequences of seven and of eight bits, a title, letters from right to left.
const evil = "x\nINJECTED: running\x1b[31m\x1b]0;title\x07\u009b7m\u202eh\x7f"

// printsPlainly wants nothing in the output that a terminal obeys, and no line
// that was made up.
func printsPlainly(t *testing.T, r result) {
	t.Helper()
	for _, text := range []string{r.out, r.err} {
		for _, c := range text {
			if (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) && c != '\n' && c != '\t' {
				t.Errorf("%U in the output: %q", c, text)
				break
			}
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(strings.TrimLeft(line, " *"), "INJECTED") {
				t.Errorf("a line was made up: %q", text)
			}
		}
	}
}

// TestNamesOfTheContainerArePrintedPlainly: executable, comm and argv are its to
// choose.
func TestNamesOfTheContainerArePrintedPlainly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler, rootfs.File("sbin/go", "#!/bin/sh\nexec /usr/bin/x*\n", 0o755), rootfs.Extra("lxc.init.cmd = /sbin/go"))
	if err := os.Rename(filepath.Join(c.Rootfs, "usr/bin/handler"), filepath.Join(c.Rootfs, "usr/bin", evil)); err != nil {
		t.Fatal(err)
	}
	// It does not hear SIGQUIT, and a message says who does not.
	name := w.guest(c, "stop_schedule=halt/4/exec/2/TERM/5/KILL/5", "POWEROFF_SIGNAL=SIGQUIT", "RESTART_SIG=SIGQUIT", "ready_timeout=4")
	start := w.must("start", name)
	t.Log(start)
	printsPlainly(t, start)
	up(t, c)
	for _, args := range [][]string{{"status", name}, {"status", "--json", name}, {"list"}, {"list", "--json"}, {"plan", name}, {"plan", "--json", name}} {
		printsPlainly(t, w.must(args...))
	}
	printsPlainly(t, w.run("reboot", name))
	stop := w.must("stop", name)
	t.Log(stop)
	printsPlainly(t, stop)
	if !strings.Contains(stop.out, "INJECTED") {
		t.Error("the name was not shown at all: this test looks at nothing")
	}
	printsPlainly(t, w.run("status", "--json", name))
	printsPlainly(t, w.run("list"))
	w.stoppedBy(name, "TERM", false)
	nothingLeft(t, c)
}

// TestWordsFromInsideArePrintedPlainly: what a shutdown command says goes into
// messages and the record.
func TestWordsFromInsideArePrintedPlainly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Handler, rootfs.File("usr/bin/says", evil, 0o644), rootfs.File("usr/bin/fails", "#!/bin/sh\nexec 2>&1\nprintf '\\r\\033[2K'\ncat /usr/bin/says\nexit 1\n", 0o755))
	name := w.guest(c, "stop_schedule=exec/5/halt/5/KILL/5", "exec_command=/usr/bin/fails")
	w.must("start", name)
	up(t, c)
	stop := w.must("stop", name)
	t.Log(stop)
	printsPlainly(t, stop)
	if o := w.rung(name, "exec"); o.Result != shutdown.Failed || !strings.Contains(o.Error, "exit status 1") {
		t.Errorf("rung exec: %+v", o)
	}
	printsPlainly(t, w.run("status", "--json", name))
	printsPlainly(t, w.run("status", name))
	nothingLeft(t, c)
}

// TestAFloodFromInsideIsNotKept: the output of a shutdown command is the
// container's to make as long as it likes.
func TestAFloodFromInsideIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const flood = "#!/bin/sh\nhead -c 30000000 /dev/zero\nexit 1\n"
	c := rootfs.Make(t, rootfs.Handler, rootfs.File("usr/bin/floods", flood, 0o755))
	name := w.guest(c, "stop_schedule=exec/10/halt/5/KILL/5", "exec_command=/usr/bin/floods")
	w.must("start", name)
	up(t, c)
	stop := w.command("stop", name)
	var out bytes.Buffer
	stop.Stdout, stop.Stderr = &out, &out
	began := time.Now()
	if err := stop.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stop.Wait() }()
	// Not its ru_maxrss, which begins with that of the process that made it.
	most, err := 0, error(nil)
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-time.After(5 * time.Millisecond):
			most = max(most, highWater(stop.Process.Pid))
		}
	}
	if err != nil || time.Since(began) > 16*time.Second {
		t.Errorf("stop: %v after %s: %.500s", err, time.Since(began), out.String())
	}
	if most == 0 || most > 64<<10 {
		t.Errorf("guestrc took %d MiB", most>>10)
	}
	if out.Len() > 16<<10 {
		t.Errorf("%d bytes of output: %.200q", out.Len(), out.String())
	}
	w.stoppedBy(name, "halt", false)
	nothingLeft(t, c)
}

// highWater is the most that a process had of memory so far, in KiB (VmHWM of
// proc_pid_status(5)); 0 once it has ended.
func highWater(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "\nVmHWM:")
	kib := 0
	fmt.Sscan(rest, &kib) // without the line it stays 0
	return kib
}
