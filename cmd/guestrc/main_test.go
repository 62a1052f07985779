package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/need"
)

// raceOptions spare every guestrc that a test runs the second that the race
// detector waits for stragglers before it exits.
const raceOptions = "atexit_sleep_ms=0"

// TestMain makes the test binary guestrc itself, where it is called so or by
// a guest's name, or as the generator; testscript knows only the first.
func TestMain(m *testing.M) {
	self := filepath.Base(os.Args[0])
	if name, err := guest.ParseName(self); err == nil && isKind(name.Kind) || self == generatorName {
		main()
	}
	os.Setenv("GORACE", raceOptions)
	testscript.Main(m, map[string]func(){"guestrc": main})
}

// TestScripts runs the program as a user does. GUESTRC_ROOT is the script's
// directory, and PROGRAM a path to link to.
func TestScripts(t *testing.T) {
	need.Programs(t, "script", "sh")
	syscall.Umask(0o022) // the scripts' files are conf.d files, which only we may write
	program, err := exec.LookPath("guestrc")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			e.Setenv("GUESTRC_ROOT", e.WorkDir)
			e.Setenv("PROGRAM", program)
			e.Setenv("GORACE", raceOptions)
			return defaults(e.WorkDir)
		},
	})
}

// defaults keeps scripts from depending on who runs them: root's guests have a
// user that exists everywhere, and nothing is accelerated.
func defaults(root string) error {
	text := "enable_kvm=no\n"
	if os.Geteuid() == 0 {
		text += "user=root\n"
	}
	dir := filepath.Join(root, "etc/conf.d")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "qemu"), []byte(text), 0o644)
}

// exits is a command of the scripts: "exits 6 guestrc plan qemu.x" wants that
// exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARGS...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("cannot run %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}
