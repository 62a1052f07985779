package containers

import (
	"bytes"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/rootfs"
)

func running(t *testing.T, options ...rootfs.Option) (*world, *rootfs.Container, string) {
	t.Helper()
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox, options...)
	name := w.guest(c)
	w.must("start", name)
	up(t, c)
	t.Cleanup(func() { w.run("kill", name) })
	return w, c, name
}

func TestExecInAPipeline(t *testing.T) {
	w, c, name := running(t)
	cmd := w.command("exec", name, "--", "/bin/sh", "-c", "cat; hostname; echo oops >&2; exit 7")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("one\r\ntwo\x00\xff\n"), &out, &errs
	cmd.Run()
	if want := "one\r\ntwo\x00\xff\n" + c.Name + "\n"; out.String() != want || errs.String() != "oops\n" {
		t.Errorf("output %q and %q, want %q", out.String(), errs.String(), want)
	}
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit status %d, want 7", code)
	}
	if r := w.run("exec", name, "/bin/none"); r.code != 127 {
		t.Errorf("a command that is not there: %s", r)
	}
	// Flags after the name are the command's; our environment is not.
	w.env = []string{"GUESTRC_SECRET=1"}
	if r := w.must("exec", name, "/bin/sh", "-c", "env; echo $0", "--force"); strings.Contains(r.out, "GUESTRC_SECRET") || !strings.HasSuffix(r.out, "--force\n") {
		t.Errorf("environment and arguments: %s", r)
	}
}

func TestExecOnATerminal(t *testing.T) {
	w, _, name := running(t)
	tt := onTerminal(t, w.command("exec", name), 33, 111)
	tt.wants("/ # ")
	tt.typed("stty size; tty\n")
	tt.wants("33 111")
	tt.wants("/dev/pts/")
	tt.resize(44, 122)
	tt.typed("stty size\n")
	tt.wants("44 122")
	tt.typed("exit 9\n")
	if code := tt.exit(); code != 9 {
		t.Errorf("exit status %d, want 9\n%s", code, tt.said())
	}
}

func TestInterruptReachesTheCommandInside(t *testing.T) {
	w, _, name := running(t)
	tt := onTerminal(t, w.command("exec", name, "--", "/bin/sh", "-c", "trap 'exit 42' INT; echo waits; sleep 1000 & wait"), 24, 80)
	tt.wants("waits")
	tt.typed("\x03")
	if code := tt.exit(); code != 42 {
		t.Errorf("exit status %d, want 42\n%s", code, tt.said())
	}
}

// TestExecWithHalfATerminal: output goes to a pipe, so that it must arrive as
// it was written, though input and messages are on a terminal.
func TestExecWithHalfATerminal(t *testing.T) {
	w, _, name := running(t)
	shell := w.command()
	script := program + " --root " + w.root + " exec " + name + " -- printf 'a\\nb\\n' | od -c; echo done"
	shell.Path, shell.Args = "/bin/sh", []string{"sh", "-c", script}
	tt := onTerminal(t, shell, 24, 80)
	tt.wants("done")
	if strings.Contains(tt.said(), `\r  \n`) {
		t.Errorf("the terminal changed what went through the pipe:\n%s", tt.said())
	}
	tt.exit()
}

func TestConsole(t *testing.T) {
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox, rootfs.File("sbin/talks", "#!/bin/sh\necho up i686 > /marks/up\nwhile read -r line; do echo \"heard $line\"; done\nexec sleep 1000\n", 0o755),
		rootfs.Extra("lxc.init.cmd = /sbin/talks"))
	name := w.guest(c, "stop_schedule=KILL/5")
	w.must("start", name)
	up(t, c)
	tt := onTerminal(t, w.command("console", name), 24, 80)
	tt.wants("Connected")
	tt.raw()
	tt.typed("hello\r")
	tt.wants("heard hello")
	tt.typed("\x01q")
	if code := tt.exit(); code != 0 {
		t.Errorf("exit status %d\n%s", code, tt.said())
	}
	w.must("stop", name)
}

func TestInsideOfWhatDoesNotRun(t *testing.T) {
	w := newWorld(t)
	name := w.guest(rootfs.Make(t, rootfs.Handler))
	for _, verb := range []string{"exec", "console", "freeze", "thaw", "reboot"} {
		if r := w.run(verb, name); r.code != guest.StatusNotRunning || !strings.Contains(r.err, "it is not running") {
			t.Errorf("%s: %s", verb, r)
		}
	}
	if r := w.run("reset", name); r.code == 0 {
		t.Errorf("reset: %s", r)
	}
}
