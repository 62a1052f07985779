// Command matrix runs the tests of guests as services in each combination of a
// Debian release and an init system, and prints a row for each: the versions,
// as the programs in the machines tell them, and how many tests passed. It fails
// if any did, or if a combination was not tested. What fails is told after the
// row. GUESTRC_MATRIX restricts it, such as GUESTRC_MATRIX="sid/openrc".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/release"
)

const (
	variable = "GUESTRC_MATRIX" // of tests/services too
	// testTime is for one combination, which takes two minutes.
	testTime = 20 * time.Minute
	// killDelay is what the tests have to end, once they are told to.
	killDelay = 10 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

// combinations are all, unless the environment names some.
func combinations() (all []string) {
	if list, set := os.LookupEnv(variable); set {
		return strings.Fields(list)
	}
	for _, r := range release.Names() {
		all = append(all, r+"/openrc", r+"/systemd")
	}
	return all
}

func run(ctx context.Context, w io.Writer) error {
	fmt.Fprintf(w, row, "release", "init", "", "QEMU", "LXC", "passed", "failed", "total", "seconds")
	var bad []string
	all := combinations()
	for _, c := range all {
		begun := time.Now()
		r, err := test(ctx, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !r.print(w, c, time.Since(begun), err) {
			bad = append(bad, c)
		}
	}
	switch {
	case len(all) == 0:
		return fmt.Errorf("%s names no combination", variable)
	case len(bad) > 0:
		return fmt.Errorf("failed: %s", strings.Join(bad, ", "))
	}
	return nil
}

// test runs the tests in one combination. Nothing is skipped: with less than all
// of them, a row would tell nothing.
func test(ctx context.Context, combination string) (result, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-parallel=2", "-timeout="+testTime.String(), "./tests/services")
	cmd.Env = append(os.Environ(), variable+"="+combination, "CI=true")
	cmd.Stderr = os.Stderr
	// The tests are not the go command's only child: all of them are told.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGTERM}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGTERM) }
	cmd.WaitDelay = killDelay
	out, err := cmd.StdoutPipe()
	if err != nil {
		return result{}, err
	}
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	r, err := read(out, strings.ReplaceAll(combination, "/", "-"))
	if err != nil {
		_, _ = io.Copy(io.Discard, out) // lest it waits for us
	}
	return r, errors.Join(err, cmd.Wait())
}
